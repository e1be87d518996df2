"""Attribute matching of C-FIND (PS3.4 C.2.2.2): universal, single value, list of UIDs, wildcard, range."""

import re
from collections.abc import Mapping
from functools import lru_cache

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

Values = tuple[str, ...]
Row = Mapping[str, Values]

NO_WILDCARDS = frozenset({"DA", "TM", "DT", "UI", "IS", "DS", "AS"})
NOT_MATCHED = frozenset({"QueryRetrieveLevel", "SpecificCharacterSet", "RetrieveAETitle", "TimezoneOffsetFromUTC"})


def keys_of(identifier: Dataset) -> dict[str, Values]:
    """Keyword -> values asked for; none is universal matching. UIDs keep what pads them, apart from one NUL."""
    keys: dict[str, Values] = {}
    for tag in list(identifier.keys()):
        raw: object = identifier.get_item(tag)  # before the next line decodes it
        element = identifier[tag]
        if not element.keyword or element.keyword in NOT_MATCHED or element.VR == "SQ":
            continue
        if element.VR == "UI" and isinstance(raw, RawDataElement):
            text = (raw.value or b"").decode("ascii", "replace").removesuffix("\0")
            keys[element.keyword] = tuple(text.split("\\")) if text else ()
        else:
            keys[element.keyword] = values_of(element.value)
    return keys


def values_of(value: object) -> Values:
    """The values of an element as texts; an empty one has none."""
    if value is None or value == "":
        return ()
    if isinstance(value, (list, tuple, MultiValue)):
        return tuple(str(one) for one in value)
    return (str(value),)


def is_match(row: Row, keys: Mapping[str, Values]) -> bool:
    """True if the row matches every key. A key that the row does not have, being of a lower level, matches nothing."""
    return all(not wanted or _matches_key(keyword, row, wanted) for keyword, wanted in keys.items())


def _matches_key(keyword: str, row: Row, wanted: Values) -> bool:
    if keyword not in row:
        return False
    vr = dictionary_VR(keyword)
    return any(_matches(vr, value, one) for value in row[keyword] or ("",) for one in wanted)


def _matches(vr: str, value: str, wanted: str) -> bool:
    value, wanted = value.strip(" \0"), wanted.strip(" \0")
    if vr in ("DA", "TM"):
        return _in_range(vr, value, wanted)
    if vr in NO_WILDCARDS:
        return value == wanted
    return _pattern(wanted, vr == "PN").fullmatch(value) is not None


@lru_cache(maxsize=1024)
def _pattern(wanted: str, ignores_case: bool) -> re.Pattern[str]:
    expression = re.escape(wanted).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignores_case else 0))


def _in_range(vr: str, value: str, wanted: str) -> bool:
    """A date or time in `first-last`, `first-`, `-last` or equal; a short time stands for its whole hour or minute."""
    if not value:
        return False
    first, dash, last = wanted.partition("-")
    last = last if dash else first
    if vr == "DA":
        value, first, last = (text.replace(".", "") for text in (value, first, last))
        return (not first or first <= value) and (not last or value <= last)
    moment = _padded(value, "000000.000000")
    return (not first or _padded(first, "000000.000000") <= moment) and (
        not last or moment <= _padded(last, "235959.999999")
    )


def _padded(time: str, fill: str) -> str:
    time = time.replace(":", "")
    return time + fill[len(time) :]
