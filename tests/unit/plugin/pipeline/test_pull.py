"""Retrieving: sources that fail, moves that bring part of it, series by series."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugin.domain.study import State, Step
from plugin.errors import SourceError
from plugin.pipeline.pull import Slots
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, DX, HEAD, SCOUT, chest_ct, chest_dx, series
from tests.unit.plugin.house import House


def test_a_move_that_fails_is_tried_so_often_and_then_a_person_decides(house: House, lines: Lines) -> None:
    house.pacs.add(chest_ct())
    house.pacs.withheld = {image.sop for image in chest_ct()}
    house.pacs.is_move_refused = True
    house.poll(2)
    house.settle()
    study = house.study(CT)
    assert (study.state, study.next_step, study.tries) == (State.FAILED, None, 5)
    assert study.last_error == "PACS: move failed: 0xB000"
    assert len(lines.containing("orthanc move failed!")) == 5


def test_between_two_tries_the_study_waits_its_turn_again(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.pacs.is_away = True
    house.work()
    study = house.study(CT)
    assert (study.state, study.next_step, study.failures) == (State.META_ONLY, Step.PULL, 1)
    assert study.due_at is not None
    assert study.due_at > house.clock.now()
    assert not house.health.is_up("PACS")


def test_a_move_that_ends_badly_after_it_sent_all_is_no_loss(house: House) -> None:
    house.pacs.add(chest_ct())
    house.pacs.is_move_refused = True
    house.poll(2)
    house.work()
    assert house.messages()[0].body["complete"] is True


def test_one_image_that_the_pacs_cannot_send_does_not_keep_back_the_others(house: House) -> None:
    """Each move then ends with a failure status, the re-pulls too; they bring nothing more."""
    house.pacs.add(chest_ct())
    house.pacs.withheld = {f"{CT}.3.30"}
    house.pacs.is_move_refused = True
    house.poll(2)
    house.settle()
    (message,) = house.messages()
    assert (message.body["numberReceived"], message.body["numberInPacs"], message.body["complete"]) == (29, 30, False)
    assert len(house.pacs.retrieves) == 1
    assert len(house.pacs.image_retrieves) == house.plan.max_repulls


def test_another_source_is_tried_at_once(build: Callable[..., House]) -> None:
    house = build(aliases=("LEFT", "RIGHT"))
    for source in house.sources.values():
        source.add(chest_ct())
    house.poll(2)
    house.sources["LEFT"].is_away = True
    for _ in range(3):
        house.decide.retry(CT)
        house.work()
    assert house.study(CT).state is State.PULL_DATA_END


def test_the_reserved_source_is_asked_first(build: Callable[..., House]) -> None:
    house = build(aliases=("A", "B", "C"))
    for source in house.sources.values():
        source.add(chest_ct())
    house.poll(2)
    claimed = house.driver.claim(Step.PULL)
    assert claimed is not None
    assert house.slots.take(CT, "C")
    house.driver.run(claimed)
    assert [len(source.retrieves) for source in house.sources.values()] == [0, 0, 1]
    assert house.slots.free() == ["A", "B", "C"]


def test_a_busy_source_is_waited_for(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.slots.take("another study", "PACS")
    house.work()
    assert house.study(CT).last_error == "PACS is busy with other retrieves"
    assert not house.pacs.retrieves


def test_a_study_whose_sources_are_not_set_any_more(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.sources.clear()
    house.start()
    house.work()
    assert house.study(CT).state is State.FAILED
    assert house.study(CT).last_error == "no source that holds the study is set any more"


def test_at_series_level_only_wanted_series_are_moved(build: Callable[..., House], lines: Lines) -> None:
    house = build(is_series_level=True)
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    assert house.pacs.retrieves == [(CT, (f"{CT}.2", f"{CT}.3"))]
    assert house.messages()[0].body["complete"] is True
    assert lines.containing(f"P77 NA200618EVCT077 {CT} {CT}.1 filter because ")


def test_at_series_level_a_study_without_wanted_series_is_not_moved(build: Callable[..., House], lines: Lines) -> None:
    house = build(is_series_level=True)
    house.pacs.add(series(f"{CT}.1", 40, HEAD))
    house.poll(2)
    house.settle()
    assert not house.pacs.retrieves
    assert house.study(CT).state is State.UNSUPPORTED_SERIES
    assert lines.containing(f"P77 NA200618EVCT077 {CT} study is filtered out")


def test_at_series_level_a_refusal_for_want_of_attributes_is_no_refusal(build: Callable[..., House]) -> None:
    house = build(is_series_level=True)
    house.pacs.add(series(f"{CT}.1", 40, {"BodyPartExamined": ""}))
    house.poll(2)
    house.settle()
    assert len(house.pacs.retrieves) == 1


def test_at_series_level_a_dx_is_moved_whole(build: Callable[..., House]) -> None:
    house = build(is_series_level=True)
    house.pacs.add(chest_dx())
    house.poll(1)
    house.settle()
    assert house.pacs.retrieves == [(DX, ())]


def test_at_series_level_a_source_that_knows_no_series_is_asked_for_the_study(
    build: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(is_series_level=True)
    house.pacs.add(chest_ct())
    monkeypatch.setattr(house.pacs, "find_series", lambda uid: [])
    house.poll(2)
    house.settle()
    assert house.pacs.retrieves == [(CT, ())]
    assert len(house.messages()) == 1


def test_at_series_level_late_images_are_judged_anew(build: Callable[..., House]) -> None:
    house = build(is_series_level=True)
    house.pacs.add(series(f"{CT}.1", 1, SCOUT))
    house.poll(2)
    house.settle()
    assert house.study(CT).state is State.UNSUPPORTED_SERIES
    house.pacs.add(series(f"{CT}.3", 30))
    house.poll(2)
    house.settle()
    assert house.messages()[0].body["numberReceived"] == 30


def test_slots() -> None:
    slots = Slots({"A": 2, "B": 1})
    assert slots.take("one", "A")
    assert slots.take("one", "A"), "the one it holds"
    assert slots.take("two", "A")
    assert not slots.take("three", "A")
    assert slots.free() == ["B"]
    assert slots.take("two", "B"), "instead of the one it held"
    assert slots.free() == ["A"]
    assert slots.held("two") == "B"
    slots.give_back("two")
    slots.give_back("nobody")
    assert slots.free() == ["A", "B"]


def test_health_is_told_once(house: House, lines: Lines) -> None:
    for _ in range(3):
        house.health.failed("PACS", SourceError("time-out"))
    assert house.health.report() == {"PACS": {"up": False, "failures": 3, "lastError": "time-out"}}
    house.health.worked("PACS")
    house.health.worked("PACS")
    assert house.health.report() == {"PACS": {"up": True, "failures": 0, "lastError": ""}}
    assert [line.split(" ", 3)[3] for line in lines.lines] == [
        "source PACS does not answer: time-out",
        "source PACS answers again",
    ]
