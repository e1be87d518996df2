"""Counts against the PACS, re-pulls of what is missing, and what is said when it never comes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from plugin.domain.study import State, Step
from plugin.errors import SourceError
from plugin.pipeline.verify import PATIENCE
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, HEAD, SCOUT, chest_ct, series
from tests.unit.plugin.house import House


def short(house: House) -> None:
    """The PACS holds back the last image of the wanted series."""
    house.pacs.add(chest_ct())
    house.pacs.withheld = {f"{CT}.3.30"}
    house.poll(2)


def test_only_what_is_missing_is_pulled_again_at_growing_intervals(house: House, lines: Lines) -> None:
    short(house)
    moves: list[float] = []
    started = house.clock.now()
    for _ in range(1000):
        house.work()
        if len(house.pacs.retrieves) + len(house.pacs.image_retrieves) > len(moves):
            moves.append((house.clock.now() - started).total_seconds())
        house.clock.advance(seconds=1)
    assert house.pacs.retrieves == [(CT, ())]
    assert house.pacs.image_retrieves == [(f"{CT}.3", (f"{CT}.3.30",))] * 3
    waits = [later - earlier for earlier, later in pairwise(moves)]
    assert 2 <= waits[0] <= 6
    assert 30 <= waits[1] <= 34
    assert 300 <= waits[2] <= 304
    (message,) = house.messages()
    assert (message.body["numberReceived"], message.body["numberInPacs"], message.body["complete"]) == (29, 30, False)
    completeness = house.study(CT).completeness
    assert (completeness.status, completeness.expected, completeness.received) == ("incomplete", 43, 42)
    assert completeness.repulls == 3
    assert len(lines.containing(f"completeness check failed: series {CT}.3 in pacs is 30,  we have only 29")) == 3
    assert lines.containing(f"incomplete, delivered all the same: series {CT}.3 in pacs is 30,  we have only 29")


def test_a_repull_that_brings_the_rest_makes_it_complete(house: House) -> None:
    short(house)
    house.step(Step.PULL)
    house.pacs.withheld = set()
    house.settle()
    (message,) = house.messages()
    assert (message.body["numberReceived"], message.body["complete"]) == (30, True)
    assert house.study(CT).completeness.status == "complete"


def test_the_waiting_repull_survives_a_restart(house: House) -> None:
    short(house)
    while house.study(CT).completeness.repulls < 2:
        house.work()
        house.clock.advance(seconds=1)
    waiting = house.study(CT)
    house.crash()
    assert house.study(CT) == waiting
    house.pacs.withheld = set()
    house.settle()
    assert house.messages()[0].body["complete"] is True


def test_images_that_come_after_the_success_are_waited_for(house: House) -> None:
    """Some PACS report success before they send."""
    short(house)
    house.pacs.withheld = {image.sop for image in chest_ct()[5:]}
    house.step(Step.PULL)
    for count in (10, 20, 30, 43):
        house.work()
        assert not house.messages()
        house.clock.advance(seconds=1)
        house.store.receive(chest_ct()[:count])
    house.work()
    assert house.messages()[0].body["complete"] is True
    assert len(house.pacs.retrieves) == 1


def test_without_repulls_it_is_delivered_short_at_once(build: Callable[..., House]) -> None:
    house = build(max_repulls=0)
    short(house)
    house.settle(hours=0.1)
    assert house.messages()[0].body["complete"] is False
    assert len(house.pacs.retrieves) == 1


def test_a_short_series_that_nobody_wants_holds_up_nothing(house: House) -> None:
    house.pacs.add([*series(f"{CT}.1", 3, SCOUT), *series(f"{CT}.3", 30)])
    house.pacs.withheld = {f"{CT}.1.3"}
    house.poll(2)
    house.work()
    assert house.messages()[0].body["complete"] is True
    assert len(house.pacs.retrieves) == 1


def test_a_wanted_series_of_which_nothing_came_is_pulled(house: House) -> None:
    house.pacs.add(chest_ct())
    house.pacs.withheld = {image.sop for image in chest_ct() if image.series == f"{CT}.3"}
    house.poll(2)
    house.step(Step.PULL)
    house.pacs.withheld = set()
    house.settle()
    assert house.pacs.retrieves[1] == (CT, (f"{CT}.3",))
    assert house.messages()[0].body["seriesUID"] == f"{CT}.3"


def test_a_wanted_series_that_never_comes_is_a_failure_and_not_filtered(house: House) -> None:
    house.pacs.add([*series(f"{CT}.1", 1, SCOUT), *series(f"{CT}.3", 30)])
    house.pacs.withheld = {image.sop for image in series(f"{CT}.3", 30)}
    house.poll(2)
    house.settle()
    study = house.study(CT)
    assert (study.state, study.last_error) == (State.FAILED, "the PACS sends no image of a wanted series")
    assert house.store.images, "a person decides first"


def test_a_study_of_which_nothing_comes_is_a_failure(house: House) -> None:
    house.pacs.add(chest_ct())
    house.pacs.withheld = {image.sop for image in chest_ct()}
    house.poll(2)
    house.settle()
    study = house.study(CT)
    assert (study.state, study.last_error) == (State.FAILED, "the PACS sends no image of this study")
    assert len(house.pacs.retrieves) == 1 + house.plan.max_repulls


@pytest.mark.parametrize("has_series_level", [True, False])
def test_with_a_count_of_the_study_only_the_study_is_counted(house: House, has_series_level: bool) -> None:
    house.pacs.has_series_counts = house.pacs.has_image_level = False
    house.pacs.has_series_level = has_series_level
    short(house)
    house.settle()
    assert house.pacs.retrieves[1] == (CT, (f"{CT}.2", f"{CT}.3") if has_series_level else ())
    (message,) = house.messages()
    assert (message.body["numberInPacs"], message.body["complete"]) == (None, False)
    completeness = house.study(CT).completeness
    assert (completeness.status, completeness.expected, completeness.received) == ("incomplete", 43, 42)


def test_with_a_count_of_the_study_only_a_whole_one_is_complete(house: House) -> None:
    house.pacs.has_series_counts = house.pacs.has_image_level = False
    house.pacs.add(chest_ct())
    house.poll(2)
    house.work()
    assert house.study(CT).completeness.status == "complete"
    assert house.messages()[0].body["complete"] is True
    assert len(house.pacs.retrieves) == 1


def without_counts(house: House) -> None:
    house.pacs.has_study_counts = house.pacs.has_series_counts = house.pacs.has_image_level = False
    house.pacs.add(chest_ct())
    house.poll(12)
    assert house.study(CT).next_step is Step.PULL


def test_without_counts_nothing_is_claimed(house: House) -> None:
    without_counts(house)
    house.work()
    (message,) = house.messages()
    assert (message.body["numberInPacs"], message.body["complete"]) == (None, None)
    assert house.study(CT).completeness.status == "unknown"
    assert len(house.pacs.retrieves) == 1


def test_without_counts_a_move_that_failed_is_tried_again_and_never_called_unknown(house: House) -> None:
    without_counts(house)
    house.pacs.withheld = {f"{CT}.3.30"}
    house.pacs.is_move_refused = True
    house.settle()
    assert len(house.pacs.retrieves) == 1 + house.plan.max_repulls
    assert house.messages()[0].body["complete"] is False
    assert house.study(CT).completeness.status == "incomplete"


def test_without_counts_the_next_good_move_settles_it(house: House) -> None:
    without_counts(house)
    house.pacs.is_move_refused = True
    house.step(Step.PULL)
    house.pacs.is_move_refused = False
    house.settle()
    assert len(house.pacs.retrieves) == 2
    assert house.study(CT).completeness.status == "unknown"


def test_a_study_that_is_all_refused_is_not_pulled_again(house: House) -> None:
    house.pacs.add(series(f"{CT}.1", 30, HEAD))
    house.pacs.withheld = {f"{CT}.1.30"}
    house.poll(2)
    house.settle()
    assert house.study(CT).state is State.UNSUPPORTED_SERIES
    assert len(house.pacs.retrieves) == 1


def test_a_source_that_cannot_be_asked_is_waited_for_and_then_the_last_poll_counts(house: House, lines: Lines) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.step(Step.PULL)
    house.pacs.is_away = True
    for tries in range(1, PATIENCE + 1):
        house.work()
        assert house.study(CT).failures == tries
        assert not house.messages()
        house.clock.advance(minutes=1)
    house.work()
    assert house.study(CT).completeness.status == "complete"
    assert lines.containing("counting by the last poll: PACS: time-out")


def test_the_counts_are_asked_of_a_source_that_is_up(build: Callable[..., House]) -> None:
    house = build(aliases=("LEFT", "RIGHT"))
    for source in house.sources.values():
        source.add(chest_ct())
    house.poll(2)
    house.step(Step.PULL)
    house.sources["LEFT"].is_away = True
    house.health.failed("LEFT", SourceError("time-out"))
    house.work()
    assert house.study(CT).completeness.status == "complete"


def test_a_refused_study_of_which_nothing_comes_is_asked_for_again(house: House) -> None:
    """Success is not believed even where what the PACS says of the series would refuse them all."""
    hand = [image for image in chest_ct() if image.series == f"{CT}.1"]
    house.pacs.add(hand)
    house.pacs.withheld = {image.sop for image in hand}
    house.poll(2)
    house.work()
    house.pacs.withheld = set()
    house.settle()
    assert house.study(CT).state is State.UNSUPPORTED_SERIES
    assert len(house.pacs.retrieves) == 2


def test_without_image_level_the_short_series_is_pulled_again(house: House) -> None:
    house.pacs.has_image_level = False
    short(house)
    house.settle()
    assert house.pacs.retrieves == [(CT, ()), *[(CT, (f"{CT}.3",))] * 3]


def test_where_no_series_can_be_moved_the_study_is_pulled_again(house: House) -> None:
    house.pacs.has_image_level = house.pacs.has_series_moves = False
    short(house)
    house.work()
    house.pacs.withheld = set()
    house.settle()
    assert house.pacs.retrieves == [(CT, ()), (CT, ())]
    assert house.messages()[0].body["complete"] is True
