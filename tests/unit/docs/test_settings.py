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
        value = "" if default is None else default if isinstance(default, str) else json.dumps(default)
        configuration.load(orthanc, {name: value}, ROOT)  # raises: unknown key, or no such file
