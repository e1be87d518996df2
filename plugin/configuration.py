"""From Orthanc's configuration and the environment to Settings: every problem found at once, in words that help."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from plugin.errors import ConfigError
from plugin.logs import without_passwords
from plugin.settings import Settings

SECTION = "PacsPull"
PREFIX = "PACS_PULL__"


def load(configuration: Mapping[str, Any], environment: Mapping[str, str], root: Path) -> Settings:
    """The settings of a start.

    ``configuration`` is Orthanc's whole merged configuration (``GetConfiguration()``); ``environment`` overrides the
    section: ``PACS_PULL__RABBITMQ__URL`` is ``RabbitMQ.Url``, and with ``_FILE`` at the end it names a file that
    holds the value.

    :raises ConfigError: with every problem, each with its path, what was expected and what was found.
    """
    section = configuration.get(SECTION, {})
    if not isinstance(section, dict):
        raise ConfigError([f"{SECTION}: expected an object, found {_json(section)}"])
    problems: list[str] = []
    section = json.loads(json.dumps(section))
    for path, value in _overrides(environment, section, problems):
        _put(section, path, value, problems)
    settings = None
    try:
        settings = Settings.model_validate(section)
    except ValidationError as error:
        problems += [_told(problem) for problem in error.errors()]
    problems += _about_orthanc(section, configuration)
    if settings is None or problems:
        raise ConfigError(problems)
    return settings.below(root)


def _overrides(
    environment: Mapping[str, str], section: Mapping[str, Any], problems: list[str]
) -> Iterator[tuple[list[str], Any]]:
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name.startswith(f"{PREFIX}DISPATCHER__"):
            continue
        words, value = name.removeprefix(PREFIX), environment[name]
        if words.endswith("_FILE") and not _is_key(words, section):
            words = words.removesuffix("_FILE")
            try:
                value = Path(value).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "not UTF-8"
                problems.append(f"{name}: expected a readable file, found {value!r} ({why})")
                continue
        path = _path(words.split("__"), section)
        yield path, value if _type_of(path) in (str, SecretStr) else _value(value)


def _is_key(words: str, section: Mapping[str, Any]) -> bool:
    """Whether a setting is called so: Log.File and FiltersFile end in FILE by themselves."""
    return _type_of(_path(words.split("__"), section)) is not None


def _type_of(path: list[str]) -> Any:
    """The type of a setting; None where there is none of this name."""
    model: Any = Settings
    for name in path:
        model = _model_below(model, name)
    return model


def _path(words: list[str], section: Mapping[str, Any]) -> list[str]:
    """Environment words in the spelling of the settings: RABBITMQ is RabbitMQ, POLL_INTERVAL_SECONDS is one word."""
    path: list[str] = []
    model: Any = Settings
    here: Any = section
    for word in words:
        known = list(here) if isinstance(here, Mapping) else []
        if isinstance(model, type) and issubclass(model, BaseModel):
            known += [str(field.alias) for field in model.model_fields.values()]
        name = next((name for name in known if _plain(name) == _plain(word)), word)
        path.append(name)
        here = here.get(name) if isinstance(here, Mapping) else None
        model = _model_below(model, name)
    return path


def _plain(name: str) -> str:
    """HOSPITAL_PACS is HOSPITAL-PACS: the name of a variable cannot have a hyphen."""
    return "".join(character for character in name.lower() if character.isalnum())


def _model_below(model: Any, name: str) -> Any:
    """The type of what stands under a key."""
    if get_origin(model) is dict:
        return get_args(model)[1]
    if isinstance(model, type) and issubclass(model, BaseModel):
        return next((field.annotation for field in model.model_fields.values() if field.alias == name), None)
    return None


def _value(text: str) -> Any:
    """Numbers, truth values and lists as JSON; anything else is text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, str | None) else value


def _put(section: dict[str, Any], path: list[str], value: Any, problems: list[str]) -> None:
    for depth, name in enumerate(path[:-1], start=1):
        below = section.setdefault(name, {})
        if not isinstance(below, dict):
            problems.append(f"{'.'.join([SECTION, *path[:depth]])}: expected an object, found {_json(below)}")
            return
        section = below
    section[path[-1]] = value


def _told(problem: ErrorDetails) -> str:
    """One problem as a person wants to read it."""
    path = ".".join([SECTION, *(str(part) for part in problem["loc"])])
    if problem["type"] == "extra_forbidden":
        return f"{path}: unknown key{_did_you_mean(problem['loc'])}"
    expected = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if problem["type"] in ("model_type", "dict_type"):
        expected = "an object"
    return f"{path}: expected {expected}, found {_shown(problem)}"


def _shown(problem: ErrorDetails) -> str:
    secret = {"Url", "Password", "Token"}.intersection(map(str, problem["loc"])) or isinstance(
        problem["input"], SecretStr | Mapping
    )
    return "***" if secret else _json(problem["input"])


def _json(value: object) -> str:
    """A value as it stands in the file; URLs may stand where they do not belong, so never with a password."""
    return without_passwords(json.dumps(value, default=str, ensure_ascii=False))


def _did_you_mean(location: tuple[int | str, ...]) -> str:
    model: Any = Settings
    for part in location[:-1]:
        model = _model_below(model, str(part))
    names = [str(field.alias) for field in model.model_fields.values()]
    close = {name.lower(): name for name in names}
    match = get_close_matches(str(location[-1]).lower(), close, n=1, cutoff=0.5)
    return f", did you mean {close[match[0]]}?" if match else f", expected one of {', '.join(names)}"


def _about_orthanc(section: Mapping[str, Any], configuration: Mapping[str, Any]) -> list[str]:
    """What must hold in the rest of Orthanc's configuration."""
    problems = []
    if configuration.get("HttpServerEnabled", True) is False:
        problems.append("HttpServerEnabled: expected true (the plugin works over Orthanc's own HTTP), found false")
    modalities = configuration.get("DicomModalities", {})
    sources = section.get("Sources", {})
    if not isinstance(sources, dict) or not isinstance(modalities, dict):
        return problems
    if configuration.get("DicomModalitiesInDatabase") is True:
        return problems
    for alias, source in sources.items():
        if isinstance(source, dict) and source.get("Protocol") == "DICOMweb":
            continue
        if alias not in modalities:
            close = get_close_matches(alias, modalities, n=1, cutoff=0.4)
            hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(modalities) or 'none'}"
            problems.append(f"{SECTION}.Sources.{alias}: expected an entry of DicomModalities, found none; {hint}")
    return problems
