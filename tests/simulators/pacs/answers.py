"""C-FIND: from the rows of the archive to the datasets that are answered, faults and all."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from pydicom.charset import convert_encodings, encode_string
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from tests.simulators.pacs.archive import INDEXED, UNIQUE_KEYS
from tests.simulators.pacs.faults import COUNT_KEYS, INSTANCE_COUNT_KEYS, Faults
from tests.simulators.pacs.matching import Row, Values, is_match

DOES_NOT_MATCH_SOP_CLASS = 0xA900
COMPUTED_KEYS = COUNT_KEYS | {"ModalitiesInStudy"}
TEXT_VRS = frozenset({"SH", "LO", "ST", "LT", "PN", "UC", "UT"})


def refusal(level: str, keys: Mapping[str, Values], faults: Faults) -> int | None:
    """The status that refuses the query, or None."""
    if level not in (faults.find_levels or UNIQUE_KEYS):
        return DOES_NOT_MATCH_SOP_CLASS
    if level == "IMAGE" and faults.image_level_needs_series and not keys.get("SeriesInstanceUID"):
        return DOES_NOT_MATCH_SOP_CLASS
    return None


def matched(rows: Iterable[Row], keys: Mapping[str, Values], faults: Faults) -> Iterator[Row]:
    """The rows that this PACS thinks match, in the archive's order."""
    known = {
        key: values
        for key, values in keys.items()
        if key not in faults.ignored_keys and (key in INDEXED or key in COMPUTED_KEYS)
    }
    plain = {key: () if faults.strict_uids and dictionary_VR(key) == "UI" else known[key] for key in known}
    for row in rows:
        shown = _shifted(row, faults.clock_offset_hours) if faults.clock_offset_hours else row
        if is_match(shown, plain) and (not faults.strict_uids or _has_exact_uids(shown, known, faults)):
            yield shown


def answers(
    level: str, rows: Iterable[Row], keys: Mapping[str, Values], faults: Faults, is_implicit_vr: bool = True
) -> Iterator[Dataset]:
    """The answers to a query, as wrong as the faults say; for a transfer syntax that is little endian."""
    for row in rows:
        dataset = _answer(level, row, keys, faults)
        # As if read in this encoding: then the bytes are written as they are, not decoded and encoded again.
        declared = dataset.get("SpecificCharacterSet")
        dataset.set_original_encoding(is_implicit_vr, True, convert_encodings(declared) if declared else "iso8859")
        yield dataset
        if faults.duplicate_answers:
            yield dataset


def _answer(level: str, row: Row, keys: Mapping[str, Values], faults: Faults) -> Dataset:
    dataset = Dataset()
    declared = row["SpecificCharacterSet"]
    if faults.declared_character_set is not None:
        declared = tuple(filter(None, [faults.declared_character_set]))
    if declared:
        _put(dataset, "SpecificCharacterSet", "\\".join(declared).encode())
    _put(dataset, "QueryRetrieveLevel", level.encode())
    for keyword in dict.fromkeys((UNIQUE_KEYS[level], *keys)):
        if keyword in row and keyword not in faults.unanswered_keys:
            _put(dataset, keyword, _encoded(keyword, row, faults))
    return dataset


def _encoded(keyword: str, row: Row, faults: Faults) -> bytes:
    """The value as it goes over the wire, unpadded."""
    (_, vr), text = _tag_and_vr(keyword), "\\".join(row[keyword])
    if vr == "UI":
        is_emptied = keyword == "StudyInstanceUID" and text in faults.empty_uids_of
        return b"" if is_emptied else (text + faults.uid_padding).encode()
    if vr == "US":
        return b"".join(int(value).to_bytes(2, "little") for value in row[keyword])
    if keyword in INSTANCE_COUNT_KEYS:
        return str(max(0, int(text) + faults.count_error)).encode()
    if vr in TEXT_VRS and not text.isascii():
        if faults.text_encoding:
            return text.encode(faults.text_encoding, "replace")
        return encode_string(text, _encodings(row["SpecificCharacterSet"]))
    return text.encode("ascii", "replace")


@lru_cache(maxsize=64)
def _encodings(character_set: Values) -> list[str]:
    return convert_encodings(list(character_set) or None)


@lru_cache(maxsize=256)
def _tag_and_vr(keyword: str) -> tuple[BaseTag, str]:
    return Tag(keyword), dictionary_VR(keyword)


def _put(dataset: Dataset, keyword: str, value: bytes) -> None:
    """Set the bytes as they are: no check and no conversion stands between a fault and the wire."""
    tag, vr = _tag_and_vr(keyword)
    padded = value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    dataset[tag] = RawDataElement(tag, vr, len(padded), padded, 0, False, True)


def _has_exact_uids(row: Row, keys: Mapping[str, Values], faults: Faults) -> bool:
    padding = faults.uid_padding.rstrip("\0")
    return all(
        not wanted or any(value + padding in wanted for value in row.get(key, ()))
        for key, wanted in keys.items()
        if dictionary_VR(key) == "UI"
    )


def _shifted(row: Row, hours: float) -> Row:
    """The same row from a PACS whose clock is off."""
    date, time = "".join(row.get("StudyDate", ())), "".join(row.get("StudyTime", ()))
    whole, dot, fraction = time.partition(".")
    try:
        moment = datetime.strptime(date + whole.ljust(6, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:  # no date, or none that can be shifted: answered as it is
        return row
    moment += timedelta(hours=hours)
    return {**row, "StudyDate": (f"{moment:%Y%m%d}",), "StudyTime": (f"{moment:%H%M%S}{dot}{fraction}",)}
