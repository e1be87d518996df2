"""``QueryLevel: "Series"``: what the rules refuse is never moved; DX comes whole; a poor PACS only costs more."""

from __future__ import annotations

import pytest

from tests.integration.pacs.ward import THICK, THIN, Case, Ward
from tests.simulators.pacs import COUNT_KEYS, Faults
from tests.simulators.process import wait_until

SERIES = {"QueryLevel": "Series"}
THICKNESS = frozenset({"SliceThickness", "ConvolutionKernel"})
TEXTS = frozenset({"SeriesDescription", "BodyPartExamined", "ProtocolName", "StudyDescription", "Modality"})

WHOLE = {
    "good": Case(Faults(), SERIES),
    "says-nothing": Case(Faults(unanswered_keys=TEXTS | THICKNESS), SERIES),
    "no-counts": Case(Faults(unanswered_keys=COUNT_KEYS), SERIES),
    "series-counts": Case(Faults(unanswered_keys=frozenset({"NumberOfStudyRelatedInstances"})), SERIES),
    "ignores-uids": Case(Faults(ignored_keys=frozenset({"StudyInstanceUID", "SeriesInstanceUID"})), SERIES),
    "no-series-find": Case(Faults(find_levels=frozenset({"STUDY"})), SERIES),
    "no-series-move": Case(Faults(move_levels=frozenset({"STUDY"})), SERIES),
    "strict": Case(Faults(uid_padding="\0", strict_uids=True), SERIES),
}
SHORT_ONCE = Faults(missing_last=3, retrieves_affected=1)
CASES = {
    **WHOLE,
    "misses": Case(SHORT_ONCE),
    "misses-no-image-find": Case(
        Faults(missing_last=3, retrieves_affected=1, find_levels=frozenset({"STUDY", "SERIES"}))
    ),
    "misses-no-image-move": Case(
        Faults(missing_last=3, retrieves_affected=1, move_levels=frozenset({"STUDY", "SERIES"}))
    ),
    "misses-study-move": Case(Faults(missing_last=3, retrieves_affected=1, move_levels=frozenset({"STUDY"}))),
}


@pytest.mark.parametrize("alias", WHOLE)
def test_whole(ward: Ward, alias: str) -> None:
    ward.check_whole(alias)


@pytest.mark.parametrize("alias", ["good", "series-counts", "ignores-uids", "strict"])
def test_no_byte_is_moved_of_a_refused_series(ward: Ward, alias: str) -> None:
    """The scout (by its name) stays where it is; the studies of radiographs come whole."""
    department = ward.departments[alias]
    ward.wait_settled(*department.today)
    scout, thick, thin = department.ct.series
    wanted = {*department.ct.sop_instance_uids(thick), *department.ct.sop_instance_uids(thin)}
    requests = ward.servers[alias].requests  # an image is noted there after its answer: the gateway may be quicker
    wait_until(lambda: wanted <= set(requests.sent), 20, "the PACS to have noted what it sent")
    assert not set(requests.sent) & set(department.ct.sop_instance_uids(scout))
    assert {one.level for one in ward.asked(alias, department.ct)} <= {"SERIES", "IMAGE"}
    assert {one.level for one in ward.asked(alias, department.dx)} == {"STUDY"}
    record = ward.gateway.record(department.ct.study_instance_uid)
    assert record is not None
    assert record["numberReceived"] == THIN + THICK
    assert record["completeness"]["expected"] == THIN + THICK


def test_a_series_that_the_pacs_does_not_describe_is_moved_and_judged_here(ward: Ward) -> None:
    department = ward.departments["says-nothing"]
    record = ward.wait_settled(department.ct)[department.ct.name]
    scout = department.ct.series_instance_uid(1)
    reasons = {one["seriesInstanceUID"]: one["reason"] for one in record["series"]}
    assert "filter because" in reasons[scout]
    assert set(department.ct.sop_instance_uids(department.ct.series[0])) <= set(
        ward.servers["says-nothing"].requests.sent
    )


def test_only_the_missing_images_are_asked_for_again(ward: Ward) -> None:
    ward.check_whole("misses")
    department = ward.departments["misses"]
    first, *again = ward.asked("misses", department.ct)
    assert (first.level, len(first.sent)) == ("STUDY", 25)
    assert [(one.level, len(one.sent)) for one in again] == [("IMAGE", 3)]


@pytest.mark.parametrize(
    ("alias", "levels"),
    [
        ("misses-no-image-find", ["STUDY", "SERIES"]),
        ("misses-no-image-move", ["STUDY", "IMAGE", "SERIES"]),
        ("misses-study-move", ["STUDY", "IMAGE", "SERIES", "STUDY"]),
    ],
)
def test_where_images_cannot_be_asked_for_it_is_the_series_or_the_study(
    ward: Ward, alias: str, levels: list[str]
) -> None:
    ward.check_whole(alias)
    assert [one.level for one in ward.asked(alias, ward.departments[alias].ct)] == levels
