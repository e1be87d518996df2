"""Polling a PACS that may ignore keys, repeat itself, give no counts or be away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest

from filters import RulesFile
from plugin.domain.study import State, Step
from plugin.errors import RecordError, SourceError
from plugin.ports import StudyAnswer
from tests.fakes import FakeSource, FakeStore, Image
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, DX, chest_ct, chest_dx, series
from tests.unit.plugin.house import House


def refused(*_: object) -> NoReturn:
    raise RecordError("the database is away")


def test_two_equal_counts_make_a_study_stable(house: House) -> None:
    images = chest_ct()
    house.pacs.add(images[:20])
    house.poll()
    assert (house.study(CT).state, house.study(CT).next_step) == (State.META_ONLY, None)
    house.pacs.add(images[20:])
    house.poll()
    assert house.study(CT).next_step is None
    assert house.study(CT).number_in_pacs == len(images)
    house.poll()
    assert house.study(CT).next_step is Step.PULL


def test_a_study_without_counts_waits_for_its_delay(build: Callable[..., House]) -> None:
    house = build(delay=timedelta(minutes=5))
    house.pacs.has_study_counts = house.pacs.has_series_counts = house.pacs.has_image_level = False
    house.pacs.add(chest_ct())
    house.poll(10, seconds=30)
    assert house.study(CT).next_step is None
    house.poll(1)
    assert house.study(CT).next_step is Step.PULL


def test_stability_by_delay_does_not_look_at_counts(build: Callable[..., House]) -> None:
    house = build(is_by_count=False, delay=timedelta(minutes=5))
    house.pacs.add(chest_ct())
    house.poll(10, seconds=30)
    assert house.study(CT).next_step is None
    house.poll(1)
    assert house.study(CT).next_step is Step.PULL


@pytest.mark.parametrize("has_series_counts", [True, False])
def test_where_the_study_has_no_count_its_series_or_images_are_counted(house: House, has_series_counts: bool) -> None:
    house.pacs.has_study_counts = False
    house.pacs.has_series_counts = has_series_counts
    house.pacs.add(chest_ct())
    house.poll(2)
    assert house.study(CT).number_in_pacs == len(chest_ct())
    assert house.study(CT).next_step is Step.PULL


def test_a_source_that_is_away_at_series_level_stops_no_poll(house: House, lines: Lines) -> None:
    house.pacs.has_study_counts = house.pacs.has_series_level = False
    house.pacs.add(chest_ct())
    house.poll()
    assert house.study(CT).number_in_pacs is None
    assert lines.containing("PACS says too little of 1.2.840.1")


def test_answers_of_other_days_are_dropped(house: House, lines: Lines) -> None:
    house.pacs.ignores_keys = True
    house.pacs.add([*chest_ct(), *chest_ct("1.2.840.7", tags={"StudyDate": "20150101"})])
    house.poll()
    assert house.record.get("1.2.840.7") is None
    assert house.record.get(CT) is not None
    assert lines.containing("answered 1 studies of other days than 2020-06-18: dropped")


def test_each_day_of_cross_days_is_asked_for(build: Callable[..., House]) -> None:
    house = build(cross_days=(-1, 0))
    house.pacs.add(chest_ct(tags={"StudyDate": "20200617"}))
    house.poll()
    assert house.pacs.finds == [{"StudyDate": "20200617"}, {"StudyDate": "20200618"}]
    assert house.study(CT).study_date == "2020-06-17"


def test_an_answer_without_a_uid_is_logged_and_skipped(house: House, lines: Lines) -> None:
    house.pacs.answers_besides = [StudyAnswer("", "", accession_number="A9", patient_id="P9", study_date="2020-06-18")]
    house.pacs.add(chest_ct())
    house.poll()
    assert house.record.number_of() == {"meta_only": 1}
    (line,) = lines.containing("without StudyInstanceUID: skipped")
    assert "patientID=P9 accessionNumber=A9" in line


@pytest.mark.parametrize("padding", ["\0", "  "])
def test_a_padded_uid_is_matched_trimmed_and_asked_for_as_given(house: House, padding: str) -> None:
    house.pacs.padding = padding
    house.pacs.add(chest_ct())
    house.poll(2)
    house.work()
    assert house.pacs.retrieves == [(CT + padding, ())]
    assert house.messages()[0].body["studyUID"] == CT


def test_an_answer_twice_is_one_study(house: House) -> None:
    house.pacs.add(chest_ct())
    house.pacs.answers_besides = house.pacs.find_studies({})
    house.poll()
    assert house.study(CT).next_step is None, "two answers of one poll are not two polls"
    assert house.record.number_of() == {"meta_only": 1}


def test_modalities_in_study_contains_an_enabled_one(house: House) -> None:
    both = [*series(f"{CT}.1", 1, {"Modality": "PR"}), *series(f"{CT}.2", 20)]
    house.pacs.add([*both, *series("1.2.840.7.1", 20, {"Modality": "MR"})])
    house.poll()
    assert (house.study(CT).modality, house.study(CT).modalities) == ("CT", ("PR", "CT"))
    assert house.record.get("1.2.840.7") is None


def test_a_study_without_modalities_is_looked_into(house: House) -> None:
    answers = [replace(answer, modalities=()) for answer in _answers(chest_ct())]
    house.pacs.answers_besides = answers
    house.poll()
    assert house.record.get(CT) is not None


def _answers(images: list[Image]) -> list[StudyAnswer]:
    pacs = FakeSource("X", FakeStore())
    pacs.add(images)
    return pacs.find_studies({})


def test_a_quiet_answer_costs_no_look_into_the_record(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.pacs.add([*chest_ct(), *series("1.2.840.7.1", 20, {"Modality": "MR"})])
    house.poll(2)
    house.work()
    house.poll(1)
    with monkeypatch.context() as patch:
        patch.setattr(house.record, "get", refused)
        patch.setattr(house.record, "update", refused)
        house.poll(20)


def test_a_poll_that_the_record_broke_off_is_made_up_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.pacs.add([*chest_ct(), *chest_dx()])
    for broken in ("get", "insert", "update"):
        with monkeypatch.context() as patch:
            patch.setattr(house.record, broken, refused)
            with pytest.raises(RecordError):
                house.poll()
    house.poll(2)
    assert house.study(CT).next_step is Step.PULL
    assert house.study(DX).next_step is Step.PULL


def test_a_source_that_is_away_is_an_error_of_the_poll(house: House) -> None:
    house.pacs.is_away = True
    with pytest.raises(SourceError):
        house.finds["PACS"]()


def test_new_rules_look_again_at_what_the_old_ones_did_not_want(
    build: Callable[..., House], changed_rules: Callable[[str, str], RulesFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build()
    house.pacs.add(series("1.2.840.7.1", 20, {"Modality": "MR"}))
    house.poll(2)
    assert house.record.get("1.2.840.7") is None
    wider = changed_rules('modalities = ["CT"]', 'modalities = ["CT", "MR"]').current()
    monkeypatch.setattr(house.rules, "current", lambda: wider)
    house.poll(2)
    assert house.study("1.2.840.7").next_step is Step.PULL


def test_a_study_in_two_sources_is_one_record_and_pulled_from_the_one_that_is_up(build: Callable[..., House]) -> None:
    house = build(aliases=("LEFT", "RIGHT"))
    left, right = house.sources.values()
    left.add(chest_ct())
    right.add(chest_ct())
    house.poll(2)
    assert house.study(CT).sources == ("LEFT", "RIGHT")
    left.is_away = True
    house.health.failed("LEFT", SourceError("time-out"))
    house.work()
    assert (left.retrieves, right.retrieves) == ([], [(CT, ())])
    assert len(house.messages()) == 1


def test_late_images_in_the_pacs_are_pulled(house: House) -> None:
    house.pacs.add(series(f"{CT}.3", 30))
    house.poll(2)
    house.settle()
    house.pacs.add(series(f"{CT}.3", 10, first=31))
    house.poll(1)
    assert house.study(CT).next_step is None, "not before the count stands still"
    house.poll(1)
    house.settle()
    assert [message.body["numberReceived"] for message in house.messages()] == [30, 40]
    assert [message.body["revision"] for message in house.messages()] == [1, 2]


def test_a_radiograph_that_has_grown_is_pulled_again_at_once(house: House) -> None:
    first, second = chest_dx()
    house.pacs.add([first])
    house.poll(1)
    house.work()
    house.pacs.add([second])
    house.poll(1)
    house.work()
    assert [message.body["numberReceived"] for message in house.messages()] == [1, 2]


def test_growth_during_the_pull_is_seen_afterwards(house: House) -> None:
    house.pacs.add(series(f"{CT}.3", 30))
    house.poll(2)
    claimed = house.driver.claim(Step.PULL)
    assert claimed is not None
    house.driver.run(claimed)
    house.step(Step.DELIVER)
    house.pacs.add(series(f"{CT}.3", 10, first=31))
    house.poll(2)
    house.settle()
    house.poll(2)
    house.settle()
    assert house.messages()[-1].body["numberReceived"] == 40


def test_a_count_that_the_series_do_not_bear_out_pulls_nothing_again(house: House) -> None:
    """The study count of some PACS includes objects that no series holds."""
    house.pacs.hidden = 2
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    assert len(house.messages()) == 1
    pulled = len(house.pacs.retrieves)
    house.poll(5)
    house.settle()
    assert len(house.pacs.retrieves) == pulled


def test_what_a_person_decided_is_not_pulled_again_by_the_next_poll(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(1)
    house.decide.skip(CT)
    house.settle()
    house.poll(3)
    assert (house.study(CT).state, house.study(CT).next_step) == (State.UNSUPPORTED_SERIES, None)
