"""Attribute values of a series, made safe to read: a header may hold anything under any keyword."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

from filters.text import MAX_LENGTH

TEXTS: Final = ("BodyPartExamined", "ProtocolName", "StudyDescription", "SeriesDescription", "ImageComments")
READ: Final = (
    "Modality", *TEXTS, "ImageType", "SOPClassUID", "NumberOfSeriesRelatedInstances", "NumberOfFrames",
    "SliceThickness", "ConvolutionKernel", "SeriesNumber",
)  # fmt: skip
"""Every DICOM keyword that a rule may read. No other value enters a verdict's evidence."""

ENHANCED: Final = frozenset({"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
"""Enhanced CT and Legacy Converted Enhanced CT Image Storage (PS3.6 table A-1): many frames in one instance."""

_MOST_IMAGES = 10**9
_BETWEEN_VALUES = re.compile(r"[\\,]")
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
        """The values of a multi-valued code string, upper case and trimmed, also where a list was written as text."""
        return tuple(part.strip(" []'\"").upper() for part in _BETWEEN_VALUES.split(self.text(keyword)))

    def number(self, keyword: str) -> float | None:
        """A finite number (of a list, the first), else None."""
        value = self._values.get(keyword)
        if value is None or isinstance(value, bool):
            return None
        if not isinstance(value, int | float):
            value = self.text(keyword).split("\\")[0].strip()
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        return number if math.isfinite(number) else None

    def instances(self) -> int | None:
        """Images of the series: instances, times the frames of a multi-frame object; None when unknown.

        Zero is what a PACS answers that does not count. One enhanced object may hold the whole volume, so its count
        says nothing without NumberOfFrames.
        """
        instances, frames = self.number("NumberOfSeriesRelatedInstances"), self.number("NumberOfFrames")
        if frames is None and self.text("SOPClassUID") in ENHANCED:
            return None
        images = (1 if instances is None and frames else instances or 0) * (frames or 1)
        return int(images) if 1 <= images < _MOST_IMAGES else None

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
    try:
        parts = list(islice(values, 64))
    except Exception:  # noqa: BLE001 - an iterator that was handed in may raise anything
        return ""
    return "\\".join(
        _decoded(part) if isinstance(part, bytes) else "" if part is None else _written(part) for part in parts
    )


def _written(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - any object may be handed in and its __str__ may raise anything
        return ""
