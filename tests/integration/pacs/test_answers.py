"""PACS that answer queries in their own way: every wanted study comes whole all the same, and nothing else does."""

from __future__ import annotations

import pytest

from tests.integration.pacs.ward import Case, Ward
from tests.simulators.pacs import COUNT_KEYS, Faults

UIDS = frozenset({"StudyInstanceUID", "SeriesInstanceUID"})

CASES = {
    "ignores-date": Case(Faults(ignored_keys=frozenset({"StudyDate"}))),
    "ignores-all": Case(Faults(ignored_keys=frozenset({"StudyDate", "StudyTime"}) | UIDS)),
    "ignores-uids": Case(Faults(ignored_keys=UIDS, unanswered_keys=COUNT_KEYS)),
    "no-modalities": Case(Faults(unanswered_keys=frozenset({"ModalitiesInStudy"}))),
    "padded": Case(Faults(uid_padding="\0")),
    "spaced": Case(Faults(uid_padding=" ")),
    "mojibake": Case(Faults(text_encoding="gb18030", declared_character_set="")),
    "twice": Case(Faults(duplicate_answers=True)),
    "late-clock": Case(Faults(clock_offset_hours=-10), {"CrossDays": [-1, 0]}),
    "slow": Case(Faults(delay_per_answer=0.2)),
    "one-by-one": Case(Faults(max_associations=1)),
}


@pytest.mark.parametrize("alias", CASES)
def test_whole(ward: Ward, alias: str) -> None:
    ward.check_whole(alias)
