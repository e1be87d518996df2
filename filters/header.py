"""Attribute values of a series, made safe to read: a header may hold anything under any keyword."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from filters.text import MAX_LENGTH

TEXTS: Final = ("BodyPartExamined", "ProtocolName", "StudyDescription", "SeriesDescription", "ImageComments")
READ: Final = (
    "Modality", *TEXTS, "ImageType", "SOPClassUID", "NumberOfSeriesRelatedInstances", "NumberOfFrames",
    "SliceThickness", "ConvolutionKernel", "SeriesNumber",
)  # fmt: skip
"""Every DICOM keyword that a rule may read. No other value enters a verdict's evidence."""

_EVIDENCE_LENGTH = 256
_PADDING = " \0\t\r\n"


class Header:
    """A series' attributes, read with types: text, list, number. Absent, empty and unreadable are all "nothing"."""

    __slots__ = ("_texts", "_values")

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values
        self._texts: dict[str, str] = {}

    def has(self, keyword: str) -> bool:
        """True when the attribute is known, be it known to be empty."""
        return keyword in self._values

    def text(self, keyword: str) -> str:
        """The value as trimmed text; several values are joined with a backslash, as in the file."""
        text = self._texts.get(keyword)
        if text is None:
            text = self._texts[keyword] = as_text(self._values.get(keyword))
        return text

    def values(self, keyword: str) -> tuple[str, ...]:
        """The values of a multi-valued attribute, upper case, trimmed; empty ones are kept, since place matters."""
        text = self.text(keyword)
        return tuple(part.strip().upper() for part in text.split("\\")) if text else ()

    def number(self, keyword: str) -> float | None:
        """A finite number (of a list, the first), else None."""
        value = self._values.get(keyword)
        if isinstance(value, bool):
            return None
        if not isinstance(value, int | float):
            value = self.text(keyword).split("\\")[0].strip()
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        return number if math.isfinite(number) else None

    def instances(self) -> int | None:
        """Images of the series: instances, times the frames of an enhanced multi-frame object; None when unknown."""
        instances, frames = self.number("NumberOfSeriesRelatedInstances"), self.number("NumberOfFrames")
        if instances is None:
            return int(frames) if frames is not None and frames > 1 else None
        return int(instances * frames) if frames is not None and frames > 1 else int(instances)

    def evidence(self) -> dict[str, object]:
        """The values that rules read, ready for JSON, cut to a length that a log line can carry."""
        return {keyword: _plain(self._values[keyword]) for keyword in READ if keyword in self._values}


def _plain(value: object) -> object:
    if type(value) is str:
        return value[:_EVIDENCE_LENGTH].strip(_PADDING)
    if value is None or type(value) is bool:
        return value
    if type(value) is int and abs(value) < 2**53:
        return value
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [as_text(item)[:_EVIDENCE_LENGTH] for item in value[:16]]
    return as_text(value)[:_EVIDENCE_LENGTH]


def as_text(value: object) -> str:
    """Any value as trimmed text; "" for None and for what cannot be written as text."""
    if type(value) is str:
        text = value
    elif value is None:
        return ""
    elif isinstance(value, bytes | bytearray):
        text = _decoded(bytes(value[:MAX_LENGTH]))
    elif isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        text = _joined(value)
    else:
        text = _written(value)
    return text[:MAX_LENGTH].strip(_PADDING)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _joined(values: Iterable[object]) -> str:
    parts: list[str] = []
    for value in values:
        if len(parts) == 64:
            break
        parts.append(_decoded(value) if isinstance(value, bytes) else "" if value is None else _written(value))
    return "\\".join(parts)


def _written(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - any object may be handed in and its __str__ may raise anything
        return ""
