"""A doctor waits: found at every source at once, pulled before everything else, delivered as asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from plugin.domain.study import State, Step
from tests.fakes import FakeSource, FakeStore
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, DX, HEAD, chest_ct, chest_dx, series
from tests.unit.plugin.house import House

OLD = {"StudyDate": "20120428"}


@pytest.mark.parametrize(
    "wanted",
    [{"AccessionNumber": "NA200618EVCT077"}, {"PatientID": "P77"}, {"StudyInstanceUID": CT}],
)
def test_a_study_of_any_day_is_found_recorded_and_queued_first(
    house: House, wanted: dict[str, str], lines: Lines
) -> None:
    house.pacs.add(chest_ct(tags=OLD))
    studies, found = house.request.pull(wanted)
    (study,) = studies
    assert (study.next_step, study.rank, study.priority, study.is_manual) == (Step.PULL, 9, 9, True)
    assert set(found.answers) == {CT}
    assert lines.containing(f"manual_find_move {wanted}")
    assert lines.containing(f"pull data manually. study_uid={CT}, study_date=2012-04-28")
    house.work()
    assert (house.messages()[0].body["priorities"], house.messages()[0].priority) == (9, 9)


def test_accession_comes_before_patient(house: House) -> None:
    house.pacs.add([*chest_ct(), *chest_dx()])
    _, found = house.request.pull({"PatientID": "P77", "AccessionNumber": "NA200618EVDX001"})
    assert set(found.answers) == {DX}
    assert house.pacs.finds == [{"AccessionNumber": "NA200618EVDX001"}]


def test_the_patient_is_asked_for_where_the_accession_finds_nothing(house: House) -> None:
    house.pacs.add([*chest_ct(), *chest_dx()])
    studies, _ = house.request.pull({"PatientID": "P77", "AccessionNumber": "typo"})
    assert {study.study_instance_uid for study in studies} == {CT, DX}


def test_a_source_that_ignores_the_key_does_not_get_its_archive_pulled(house: House) -> None:
    house.pacs.add([*chest_ct(), *chest_ct("1.2.840.7", tags={"AccessionNumber": "other"})])
    house.pacs.ignores_keys = True
    studies, _ = house.request.pull({"AccessionNumber": "NA200618EVCT077"})
    assert [study.study_instance_uid for study in studies] == [CT]


def test_a_source_that_is_away_is_told_and_the_other_one_asked(build: Callable[..., House]) -> None:
    house = build(aliases=("LEFT", "RIGHT"))
    house.sources["LEFT"].is_away = True
    house.sources["RIGHT"].add(chest_ct())
    studies, found = house.request.pull({"StudyInstanceUID": CT})
    assert found.silent == {"LEFT": "LEFT: time-out"}
    assert [study.sources for study in studies] == [("RIGHT",)]


def test_nothing_found_is_nothing_recorded(house: House) -> None:
    studies, found = house.request.pull({"AccessionNumber": "typo"})
    assert (studies, found.answers, found.silent) == ([], {}, {})
    assert house.record.number_of() == {}


def test_without_sources(build: Callable[..., House]) -> None:
    assert build(aliases=()).request.pull({"PatientID": "P77"})[0] == []


@pytest.mark.parametrize("wanted", [{"SeriesInstanceUID": f"{CT}.5"}, {"SeriesNumber": "5"}, {"SeriesNumber": " 5 "}])
def test_a_named_series_is_delivered_as_it_is(house: House, wanted: dict[str, str]) -> None:
    """No filter: a head of two images; no thickest-of."""
    house.pacs.add([*chest_ct(), *series(f"{CT}.5", 2, {**HEAD, "SeriesNumber": "5"})])
    house.request.pull({"StudyInstanceUID": CT, **wanted})
    house.settle()
    (message,) = house.messages()
    assert (message.body["seriesUID"], message.body["numberReceived"], message.body["complete"]) == (f"{CT}.5", 2, True)
    assert house.pacs.retrieves == [(CT, (f"{CT}.5",))]
    study = house.study(CT)
    assert (study.is_manual, study.wanted_series) == (False, ())


@pytest.mark.parametrize("wanted", [{"SeriesInstanceUID": "9.9"}, {"SeriesNumber": "99"}])
def test_a_series_that_the_study_does_not_have(house: House, wanted: dict[str, str]) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    before = house.study(CT)
    studies, found = house.request.pull({"StudyInstanceUID": CT, **wanted})
    assert studies == []
    assert set(found.answers) == {CT}
    assert house.study(CT) == before


def test_the_studys_own_delivery_still_comes_after_a_named_series(house: House) -> None:
    house.pacs.add([*chest_ct(), *series(f"{CT}.5", 200, {**HEAD, "SeriesNumber": "5"})])
    house.poll(1)
    house.request.pull({"StudyInstanceUID": CT, "SeriesNumber": "5"})
    house.settle()
    house.poll(2)
    house.settle()
    assert [message.body["seriesUID"] for message in house.messages()] == [f"{CT}.5", f"{CT}.3"]
    house.poll(3)
    assert house.study(CT).next_step is None


def test_a_named_series_after_the_studys_own_delivery_changes_nothing_for_late_images(house: House) -> None:
    house.pacs.add([*chest_ct(), *series(f"{CT}.5", 200, {**HEAD, "SeriesNumber": "5"})])
    house.poll(2)
    house.settle()
    house.request.pull({"StudyInstanceUID": CT, "SeriesNumber": "5"})
    house.settle()
    house.pacs.add(series(f"{CT}.3", 10, first=31))
    house.poll(3)
    house.settle()
    assert [message.body["numberReceived"] for message in house.messages()] == [30, 200, 40]


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("is_leased", [True, False])
def test_what_is_asked_for_while_the_study_is_in_work_is_heeded(house: House, step: Step, is_leased: bool) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    for earlier in list(Step)[: list(Step).index(step)]:
        assert house.step(earlier)
    claimed = house.driver.claim(step) if is_leased else None
    assert (claimed is not None) is is_leased
    house.request.pull({"StudyInstanceUID": CT, "SeriesInstanceUID": f"{CT}.2"})
    if claimed is not None:
        house.driver.run(claimed)
    house.settle()
    assert f"{CT}.2" in [message.body["seriesUID"] for message in house.messages()]
    assert (house.study(CT).is_manual, house.study(CT).wanted_series) == (False, ())


def test_a_delivered_study_is_delivered_again_by_hand(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    house.request.pull({"StudyInstanceUID": CT})
    house.settle()
    assert [message.body["revision"] for message in house.messages()] == [1, 2]
    assert house.study(CT).state is State.PULL_DATA_END


def test_a_failed_study_is_begun_again_by_hand_and_fails_again_in_the_end(house: House) -> None:
    house.pacs.add(chest_ct())
    house.pacs.withheld = {image.sop for image in chest_ct()}
    house.poll(2)
    house.settle()
    house.request.pull({"StudyInstanceUID": CT})
    house.settle()
    assert (house.study(CT).state, house.study(CT).next_step) == (State.FAILED, None)
    house.pacs.withheld = set()
    house.decide.retry(CT)
    house.settle()
    assert house.study(CT).state is State.PULL_DATA_END


def test_by_hand_comes_before_everything_that_waits(house: House) -> None:
    house.pacs.add(chest_dx())
    for place in range(5):
        house.pacs.add(chest_ct(f"1.2.840.3{place}", tags={"StudyTime": f"0{place}0000"}))
    house.poll(2)
    house.clock.advance(hours=100)
    house.record.age(house.clock.now())
    house.pacs.add(chest_ct("1.2.840.9", tags=OLD))
    house.request.pull({"StudyInstanceUID": "1.2.840.9"})
    claimed = house.driver.claim(Step.PULL)
    assert claimed is not None
    assert claimed.study_instance_uid == "1.2.840.9"


def test_an_answer_without_a_uid_is_no_study(house: House) -> None:
    other = FakeSource("X", FakeStore())
    other.add(chest_ct())
    house.pacs.answers_besides = [replace(answer, study_instance_uid="") for answer in other.find_studies({})]
    assert house.request.pull({"PatientID": "P77"})[0] == []
