"""The record as the document that support engineers query: SPEC's field names, ISO times in UTC.

One generic translation both ways: a dataclass is an object with camelCase keys, a datetime is ISO text, and a mapping
whose keys are UIDs is a list of ``key`` and ``value``, because MongoDB takes a dot in a key for a path.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from plugin.domain.study import Study

_SPECIAL = {
    "study_instance_uid": "studyInstanceUID",
    "series_instance_uid": "seriesInstanceUID",
    "patient_id": "patientID",
}


def to_document(study: Study) -> dict[str, Any]:
    """The JSON-able document of a study; ``sources`` lists the aliases, ``sightings`` what each of them answered."""
    document: dict[str, Any] = _encoded(study)
    document["sources"] = list(study.sources)
    document["sightings"] = [{"source": alias, **_encoded(seen)} for alias, seen in study.sightings.items()]
    return document


def from_document(document: Mapping[str, Any]) -> Study:
    """The study of a document; keys that are not ours are ignored."""
    sightings = {seen["source"]: seen for seen in document.get("sightings", ())}
    study: Study = _decoded(Study, {**document, "sightings": sightings})
    return study


def iso(at: datetime) -> str:
    """``2026-11-22T02:30:00.123456Z``: sorts as text."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@cache
def _key(name: str) -> str:
    first, *rest = name.split("_")
    return _SPECIAL.get(name) or first + "".join(word.capitalize() for word in rest)


def _encoded(value: Any) -> Any:
    if is_dataclass(value):
        return {_key(each.name): _encoded(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, Mapping):
        if any("." in key or key.startswith("$") for key in value):
            return [{"key": key, "value": _encoded(each)} for key, each in value.items()]
        return {key: _encoded(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_encoded(each) for each in value]
    return value


@cache
def _shape(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def _decoded(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _decoded(next(each for each in arguments if each is not type(None)), value)
    if origin is tuple:
        return tuple(_decoded(arguments[0], each) for each in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        entries = value.items() if isinstance(value, Mapping) else ((each["key"], each["value"]) for each in value)
        return {key: _decoded(arguments[1], each) for key, each in entries}
    if kind is datetime:
        return datetime.fromisoformat(value)
    if is_dataclass(kind):
        shape = _shape(kind)  # type: ignore[arg-type]
        given = {name: _decoded(hint, value[_key(name)]) for name, hint in shape.items() if _key(name) in value}
        return kind(**given)  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    return value
