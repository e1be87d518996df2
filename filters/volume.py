"""Is the series a stack of axial images? Scouts, bolus tracking, reformats, projections and reports are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filters.header import Header

if TYPE_CHECKING:
    from filters.task import Task

KINDS: Final = ("localizer", "bolus_tracking", "reformat", "projection", "derived", "report", "intervention")
"""Roles of words that say the series is no axial volume."""

GEOMETRY: Final = ("localizer", "reformat", "projection")


def sop_class(task: Task, header: Header) -> str | None:
    """Refuse a storage class that the task does not list: secondary capture, dose report (PS3.4 B.5)."""
    uid = header.text("SOPClassUID")
    if not task.sop_classes or not uid or uid in task.sop_classes:
        return None
    return f"SOPClassUID {uid}"


def image_type(task: Task, header: Header) -> str | None:
    """Refuse by a value of ImageType (PS3.3 C.8.2.1.1.1): LOCALIZER, DERIVED, MPR …"""
    if not task.image_types_refused:
        return None
    values = header.values("ImageType")
    if any(value in task.image_types_refused for value in values):
        return "ImageType " + "\\".join(values)
    return None


def words(task: Task, header: Header) -> str | None:
    """Refuse by a word of the series' own text; of ImageComments, which is free text, only geometry counts."""
    for keyword, kinds in (("SeriesDescription", KINDS), ("ImageComments", GEOMETRY)):
        reason = word(task, header, keyword, kinds)
        if reason is not None:
            return reason
    return None


def word(task: Task, header: Header, keyword: str, kinds: tuple[str, ...]) -> str | None:
    """The attribute, its text and the word in it that has one of these roles."""
    text = header.text(keyword)
    hit = next((hit for hit in task.kind_words.read(text).hits if hit.role in kinds), None) if text else None
    if hit is None:
        return None
    repaired = f" in repaired text ({hit.encoding})" if hit.encoding else ""
    return f"{keyword} {text} ({hit.role}: {hit.word}{repaired})"
