"""PACS that count wrongly, or not at all: never a wrong "complete", and never a study that waits for ever."""

from __future__ import annotations

import pytest

from tests.integration.pacs.ward import Case, Department, Ward
from tests.simulators.pacs import COUNT_KEYS, Faults

NO_COUNTS = Faults(unanswered_keys=COUNT_KEYS)
UNKNOWN = {
    "counts-nothing": Case(
        Faults(unanswered_keys=COUNT_KEYS, find_levels=frozenset({"STUDY", "SERIES"})),
        {"Stability": "Delay", "DelaySeconds": 1},
    ),
    "nothing-below": Case(
        Faults(unanswered_keys=COUNT_KEYS, find_levels=frozenset({"STUDY"})),
        {"Stability": "Count", "DelaySeconds": 1},
    ),
}
INCOMPLETE = {
    "count-too-high": Case(Faults(count_error=3)),
    "counts-change": Case(Faults(counts_change=True), {"DelaySeconds": 0.3}),
}
WHOLE = {
    "honest": Case(),
    "no-counts": Case(NO_COUNTS),
    "count-too-low": Case(Faults(count_error=-1)),
    "study-only": Case(Faults(find_levels=frozenset({"STUDY"}))),
    "grows": Case(Faults(images_per_second=4)),
}
THIN_SERIES = Department("misses-one").thin
CASES = {
    **WHOLE,
    **UNKNOWN,
    **INCOMPLETE,
    "misses-always": Case(Faults(missing_last=1)),
    "misses-one": Case(Faults(missing_uids=frozenset({Department("misses-one").ct.sop_instance_uids(THIN_SERIES)[5]}))),
    "knows-by-spaces": Case(Faults(uid_padding=" ", strict_uids=True)),
}


@pytest.mark.parametrize("alias", WHOLE)
def test_whole(ward: Ward, alias: str) -> None:
    ward.check_whole(alias)


@pytest.mark.parametrize("alias", UNKNOWN)
def test_a_pacs_without_counts_is_believed_nothing(ward: Ward, alias: str) -> None:
    ward.check_whole(alias, "unknown")


@pytest.mark.parametrize("alias", INCOMPLETE)
def test_a_pacs_that_claims_more_than_it_has(ward: Ward, alias: str) -> None:
    ward.check_whole(alias, "incomplete")
    ct = ward.departments[alias].ct
    record = ward.gateway.record(ct.study_instance_uid)
    assert record is not None
    assert record["completeness"]["expected"] > record["completeness"]["received"] == 28
    assert len(ward.asked(alias, ct, "STUDY")) == 1, "one pull; what is asked for again are the series"
    assert len(ward.asked(alias, ct, "SERIES")) <= 2


def test_missing_for_ever_is_delivered_and_marked(ward: Ward) -> None:
    department = ward.departments["misses-always"]
    record = ward.wait_settled(department.ct)[department.ct.name]
    (message,) = ward.delivered(department.ct)
    assert record["completeness"] == {"status": "incomplete", "expected": 28, "received": 27, "repulls": 1}
    assert message.body["complete"] is False
    assert (message.body["numberInPacs"], message.body["numberReceived"], len(message.files)) == (14, 13, 13)


def test_one_image_that_is_never_sent(ward: Ward) -> None:
    department = ward.departments["misses-one"]
    record = ward.wait_settled(department.ct)[department.ct.name]
    (message,) = ward.delivered(department.ct)
    assert record["completeness"]["status"] == "incomplete"
    assert (message.body["numberInPacs"], message.body["numberReceived"], message.body["complete"]) == (14, 13, False)


def test_a_pacs_that_knows_its_uids_by_their_spaces(ward: Ward) -> None:
    """Orthanc trims them: nothing can be had, and the record says so."""
    department = ward.departments["knows-by-spaces"]
    record = ward.wait_settled(department.ct)[department.ct.name]
    assert record["state"] == "failed"
    assert record["lastError"]
    assert ward.servers["knows-by-spaces"].requests.sent == []
