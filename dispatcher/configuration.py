"""From a file and the environment to Settings: every problem found at once, in words that help."""

import json
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dispatcher.errors import ConfigError
from dispatcher.settings import Settings

PREFIX = "PACS_PULL_DISPATCHER__"
SECRETS = {"url", "token", "password"}
"""Keys whose value may come from a file: ``token_file``, ``…__TOKEN_FILE``."""
NEVER_SHOWN = SECRETS | {"headers"}


def load(file: Path | None, environment: Mapping[str, str], root: Path) -> Settings:
    """The settings of a start: the file (TOML or JSON, by its name), overridden by the environment.

    Relative paths are relative to ``root``. :raises ConfigError: with every problem: path, expected, found.
    """
    problems: list[str] = []
    tree = {"backend": {}} | (_read(file) if file else {})
    for name in sorted(environment):
        if name.startswith(PREFIX):
            _put(tree, name.removeprefix(PREFIX).lower().split("__"), _value(environment[name]), problems)
    _read_secrets(tree, root, "", problems)
    settings = None
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        problems += [_told(problem) for problem in error.errors(include_url=False)]
    if settings is None or problems:
        raise ConfigError(problems)
    return _below(settings, root)


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        tree = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError([f"{file}: expected a readable file ({error.strerror})"]) from error
    except ValueError as error:
        kind = "JSON" if file.suffix == ".json" else "TOML"
        raise ConfigError([f"{file}: expected {kind}: {error}"]) from error
    if not isinstance(tree, dict):
        raise ConfigError([f"{file}: expected an object"])
    return tree


def _value(text: str) -> Any:
    """Lists and objects as JSON; anything else stays text, and becomes a number where one is expected."""
    if not text.startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _put(tree: dict[str, Any], path: list[str], value: Any, problems: list[str]) -> None:
    for depth, name in enumerate(path[:-1], start=1):
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            problems.append(f"{'.'.join(path[:depth])}: expected a section")
            return
        tree = below
    tree[path[-1]] = value


def _read_secrets(tree: dict[str, Any], root: Path, path: str, problems: list[str]) -> None:
    """Replace ``token_file = "…"`` by ``token = "<what the file holds>"``."""
    for key in list(tree):
        if isinstance(tree[key], dict):
            _read_secrets(tree[key], root, f"{path}{key}.", problems)
        elif key.removesuffix("_file") in SECRETS and key.endswith("_file"):
            name = tree.pop(key)
            try:
                tree[key.removesuffix("_file")] = root.joinpath(name).read_text(encoding="utf-8").strip()
            except (OSError, TypeError, ValueError) as error:
                problems.append(f"{path}{key}: expected a readable file, found {name!r} ({type(error).__name__})")


def _told(problem: ErrorDetails) -> str:
    """One problem as a person wants to read it."""
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{path}: unknown key{_did_you_mean(problem['loc'])}"
    if problem["type"] == "missing":
        return f"{path}: expected a value, found none"
    expected = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if not path:
        return f"expected {expected}"
    secret = NEVER_SHOWN & {str(part) for part in problem["loc"]}
    found = "***" if secret else json.dumps(problem["input"], default=str, ensure_ascii=False)
    return f"{path}: expected {expected}, found {found}"


def _did_you_mean(location: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Settings
    for part in location[:-1]:
        model = _section(model, str(part)) or model
    names = list(model.model_fields)
    match = get_close_matches(str(location[-1]).lower(), names, n=1, cutoff=0.5)
    return f", did you mean {match[0]}?" if match else f", expected one of {', '.join(names)}"


def _section(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    annotation = model.model_fields[name].annotation
    candidates = (annotation, *get_args(annotation))
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None)


def _below(settings: Settings, root: Path) -> Settings:
    """The same settings with absolute paths."""

    def absolute(model: BaseModel) -> dict[str, Any]:
        return {name: root.joinpath(value).absolute() for name, value in model if isinstance(value, Path)}

    sections = {
        name: section.model_copy(update=absolute(section))
        for name, section in settings
        if isinstance(section, BaseModel)
    }
    return settings.model_copy(update=sections)
