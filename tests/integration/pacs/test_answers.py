"""PACS that answer queries in their own way: every wanted study comes whole all the same, and nothing else does."""

from __future__ import annotations

import pytest

from tests.integration.pacs.ward import Case, Department, Ward
from tests.simulators.pacs import COUNT_KEYS, Faults

UIDS = frozenset({"StudyInstanceUID", "SeriesInstanceUID"})

NAMELESS = Department("nameless")
WHOLE = {
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


CASES = {
    **WHOLE,
    "nameless": Case(Faults(empty_uids_of=frozenset({NAMELESS.hand.study_instance_uid}))),
    "unheard-of": Case(Faults(declared_character_set="ISO_IR 999")),
}


@pytest.mark.parametrize("alias", WHOLE)
def test_whole(ward: Ward, alias: str) -> None:
    ward.check_whole(alias)


def test_a_study_without_uid_is_skipped_and_told(ward: Ward) -> None:
    ward.wait_settled(NAMELESS.ct, NAMELESS.dx)
    assert ward.gateway.record(NAMELESS.hand.study_instance_uid) is None
    assert "nameless answered a study without StudyInstanceUID: skipped" in ward.gateway.python_log()
    ward.check_archive_untouched("nameless")


def test_a_character_set_that_orthanc_does_not_know_is_told(ward: Ward) -> None:
    """Orthanc refuses the whole answer; the other sources go on."""
    ward.wait_log("source unheard-of does not answer")
    source = ward.gateway.get("/pacs-pull/status")["sources"]["unheard-of"]
    assert "SpecificCharacterSet" in source["lastError"]
    assert ward.servers["unheard-of"].requests.retrieves == []
