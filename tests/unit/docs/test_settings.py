"""The settings reference says every key with its default, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from plugin import configuration
from plugin.settings import Settings, SourceSettings

ROOT = Path(__file__).resolve().parents[3]
ROW = re.compile(r"^\| `([\w.*]+)` \| `([^`]*)` \|[^|]*\| (.+) \|$", re.MULTILINE)


def defaults(section: BaseModel, above: str = "") -> Iterator[tuple[str, Any]]:
    """Each key with its default as JSON has it; ``Sources.*`` stands for every source."""
    for name, field in type(section).model_fields.items():
        key, value = f"{above}{field.alias}", getattr(section, name)
        if isinstance(value, BaseModel):
            yield from defaults(value, f"{key}.")
        else:
            yield key, plain(value)
            if key == "Sources":
                yield from defaults(SourceSettings(), "Sources.*.")


def plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.loads(json.dumps(value, default=str))


def documented() -> dict[str, Any]:
    table = (ROOT / "config" / "settings.md").read_text("utf-8").partition("## ")[0]
    return {key: json.loads(default) for key, default, *_ in ROW.findall(table)}


def test_every_key_stands_there_with_its_default() -> None:
    assert documented() == dict(defaults(Settings()))


def test_the_ready_made_configuration_is_right_and_says_the_defaults() -> None:
    ready = json.loads((ROOT / "orthanc.json").read_text("utf-8"))
    assert configuration.load(ready, {}, ROOT) == Settings().below(ROOT)


def test_every_key_can_be_set_by_the_environment() -> None:
    orthanc = {"DicomModalities": {"HOSPITAL": {}}, "PacsPull": {"Sources": {"HOSPITAL": {}}}}
    for key, default in defaults(Settings()):
        if key == "Sources":
            continue
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key.replace("*", "HOSPITAL").replace("RabbitMQ", "Rabbitmq"))
        name = "PACS_PULL__" + words.replace(".", "__").upper()
        is_text = default is None or isinstance(default, str)
        value = OTHER[default] if is_text else json.dumps(other(default))
        settings = configuration.load(orthanc, {name: value}, ROOT)
        here: Any = settings.sources["HOSPITAL"] if "*" in key else settings
        now = dict(defaults(here, "Sources.*." if "*" in key else ""))[key]
        assert now != default, name
        assert now == (value if is_text else other(default)), name


OTHER = {
    None: "/etc/pacs-pull/next.toml",
    "Study": "Series",
    "Count": "Delay",
    "": "a group",
    "sqlite:///var/pacs-pull.db": "sqlite:////data/other.db",
    "amqp://guest:guest@127.0.0.1:5672/": "amqps://broker/",
    "pacs-pull": "other",
    "pacs-pull.series": "other",
    "classic": "quorum",
    "INFO": "DEBUG",
    "var/store_image": "/data/images",
    "config/filters.toml": "/etc/pacs-pull/filters.toml",
    "var/log/orthanc-python.log": "/data/log/orthanc-python.log",
}
"""Another legal value for each text."""


def other(default: Any) -> Any:
    if isinstance(default, bool):
        return not default
    return [-1, 0] if isinstance(default, list) else default + 1
