"""Is the wanted region (the chest) in the field of view? Evidence in words, most specific first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from filters.header import Header
from filters.lexicon import Hit, Lexicon, Reading

ORDER: Final = ("SeriesDescription", "ProtocolName", "ImageComments", "StudyDescription", "BodyPartExamined")
"""The series' own text says most, then what the scanner was set to, then what was ordered, then the body part, which is
often the tumour's site or the last examination's. ImageComments (received images only) can add the wanted region but
never refuse: it is free text."""

VETO_ORDER: Final = ("BodyPartExamined", "SeriesDescription", "ProtocolName", "ImageComments", "StudyDescription")

SERIES_TEXTS: Final = frozenset({"SeriesDescription", "ImageComments"})

_REGIONS: Final = frozenset({"wanted", "window", "adjective", "beside", "elsewhere", "bone"})


@dataclass(frozen=True, slots=True)
class Region:
    """What the texts say: wanted or not, the attribute that decided and the word in it.

    `is_certain` is False when a refusal rests on nothing but absent text.
    """

    is_wanted: bool
    keyword: str | None = None
    hit: Hit | None = None
    is_certain: bool = True


def find_region(header: Header, lexicon: Lexicon, is_veto: bool, window_min_instances: int) -> Region:
    """Read the texts in order until one says where the series is."""
    window: tuple[str, Hit] | None = None
    for keyword in VETO_ORDER if is_veto else ORDER:
        text = header.text(keyword)
        if not text:
            continue
        role, hit = hear(lexicon, text, keyword in SERIES_TEXTS)
        if role == "wanted":
            return Region(True, keyword, hit)
        if role == "window" and hit is not None:
            window = window or (keyword, hit)
        elif role == "elsewhere" and keyword != "ImageComments":
            if window is not None and (keyword == "BodyPartExamined" or _has_images(header, window_min_instances)):
                break
            is_counted = window is None or header.instances() is not None
            return Region(False, keyword, hit, is_counted and _is_certain(header, keyword))
        elif role is None and is_veto and keyword == "BodyPartExamined" and not _is_lost(text):
            return Region(False, keyword)
    if window is not None:
        return Region(True, *window)
    return Region(False, is_certain=all(header.has(keyword) for keyword in ORDER))


def _has_images(header: Header, at_least: int) -> bool:
    count = header.instances()
    return bool(at_least) and count is not None and count >= at_least


def _is_certain(header: Header, decided_by: str) -> bool:
    """A study's name alone does not settle it while the series' own texts are still to come."""
    if decided_by != "StudyDescription":
        return True
    return header.has("SeriesDescription") and header.has("ProtocolName")


def _is_lost(text: str) -> bool:
    """Question marks for letters are no information."""
    return "?" in text or "\ufffd" in text


def hear(lexicon: Lexicon, text: str, is_series_text: bool = False) -> tuple[str | None, Hit | None]:
    """What a text says. Siemens writes `Region^Protocol`: where the part after the caret says something, it counts."""
    specific = text.partition("^")[2]
    if specific:
        role, hit = says(lexicon.read(specific), is_series_text)
        if role is not None:
            return role, hit
    return says(lexicon.read(text), is_series_text)


def says(reading: Reading, is_series_text: bool = False) -> tuple[str | None, Hit | None]:
    """One text's word on the region: `wanted`, `elsewhere`, `window` or None.

    A window word in a series name (LUNG) may mean the region or only how another region is shown: that is `window`;
    with another region in the same name (`PRE LIVER LUNG`) it is None, and the other texts decide.
    """
    first: dict[str, Hit] = {}
    for hit in reading.hits:
        if hit.role in _REGIONS:
            first.setdefault(hit.role, hit)
    if not first:
        return None, None
    if "wanted" in first:
        return "wanted", first["wanted"]
    if "adjective" in first and "bone" not in first:
        return "wanted", first["adjective"]
    for hit in reading.hits:
        if hit.role == "beside" and any(_touch(hit, other) for other in reading.hits):
            return "wanted", hit
    other, window = first.get("elsewhere") or first.get("bone"), first.get("window")
    if window is None:
        return ("elsewhere", other) if other is not None else (None, None)
    if not is_series_text:
        return "wanted", window
    return ("window", window) if other is None else (None, None)


def _touch(hit: Hit, other: Hit) -> bool:
    if other.role not in _REGIONS or other.role == "bone" or other.encoding != hit.encoding:
        return False
    return other.start == hit.start + hit.length or other.start + other.length == hit.start
