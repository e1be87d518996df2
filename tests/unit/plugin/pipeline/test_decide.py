"""What a person or the algorithm's side says of a study."""

from __future__ import annotations

import pytest

from plugin.domain.study import State, Step
from plugin.errors import IllegalMoveError
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, chest_ct, series
from tests.unit.plugin.house import House


def delivered(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    assert house.study(CT).state is State.PULL_DATA_END


@pytest.mark.parametrize("verb", ["retry", "skip", "completed", "unsupported"])
def test_a_study_that_nobody_knows(house: House, verb: str) -> None:
    assert house.decide.verbs[verb]("9.9") is None


def test_completed_removes_the_hand_over_folders(house: House, lines: Lines) -> None:
    delivered(house)
    study = house.decide.completed(CT)
    assert study is not None
    assert study.state is State.COMPLETED
    assert "completed" in study.timeline
    assert not house.hand_over.folders
    assert lines.containing(f"completed: {CT} is completed")


def test_completed_twice_is_completed(house: House) -> None:
    delivered(house)
    house.decide.completed(CT)
    study = house.decide.completed(CT)
    assert study is not None
    assert study.state is State.COMPLETED


def test_completed_before_the_delivery_is_illegal(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(1)
    before = house.study(CT)
    with pytest.raises(IllegalMoveError, match="no move from meta_only to completed"):
        house.decide.completed(CT)
    assert house.study(CT) == before


def test_unsupported(house: House) -> None:
    delivered(house)
    study = house.decide.unsupported(CT)
    assert study is not None
    assert study.state is State.UNSUPPORTED_SERIES


@pytest.mark.parametrize("verb", ["unsupported", "completed"])
def test_a_word_on_the_last_delivery_does_not_hold_up_the_next(house: House, verb: str) -> None:
    delivered(house)
    house.broker.is_away = True
    house.pacs.add(series(f"{CT}.3", 10, first=31))
    house.poll(2)
    if verb == "completed":
        house.decide.completed(CT)
    house.work()
    if verb == "unsupported":
        house.decide.unsupported(CT)
    house.broker.is_away = False
    house.settle()
    assert [message.body["revision"] for message in house.messages()] == [1, 2]
    assert house.study(CT).next_step is None


def test_skip_deletes_what_orthanc_holds_and_sends_nothing(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.broker.is_away = True
    house.work()
    assert house.study(CT).outbox
    study = house.decide.skip(CT)
    assert study is not None
    assert (study.state, study.outbox, study.last_error) == (State.UNSUPPORTED_SERIES, (), "skipped by a person")
    house.broker.is_away = False
    house.settle()
    assert not house.messages()
    assert not house.store.images


def test_skip_of_what_a_doctor_asked_for(house: House) -> None:
    house.pacs.add(chest_ct())
    house.request.pull({"StudyInstanceUID": CT})
    house.decide.skip(CT)
    house.settle()
    assert not house.messages()
    assert house.study(CT).next_step is None


def test_skip_without_images(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(1)
    house.decide.skip(CT)
    house.settle()
    assert (house.study(CT).state, house.study(CT).next_step) == (State.UNSUPPORTED_SERIES, None)


def test_skip_of_a_completed_study_is_illegal(house: House) -> None:
    delivered(house)
    house.decide.completed(CT)
    with pytest.raises(IllegalMoveError):
        house.decide.skip(CT)


def test_retry_begins_anew_at_the_source(house: House) -> None:
    house.pacs.add(chest_ct())
    house.pacs.withheld = {image.sop for image in chest_ct()}
    house.poll(2)
    house.settle()
    house.pacs.withheld = set()
    study = house.decide.retry(CT)
    assert study is not None
    assert (study.next_step, study.tries, study.last_error) == (Step.PULL, 0, "")
    house.settle()
    assert len(house.messages()) == 1


def test_retry_of_a_pushed_study_takes_the_images_that_are_here(house: House) -> None:
    house.push(chest_ct())
    study = house.decide.retry(CT)
    assert study is not None
    assert (study.state, study.next_step) == (State.PULL_DATA, Step.DELIVER)
    house.settle()
    assert len(house.messages()) == 1


def test_retry_while_the_message_waits_for_the_broker_does_not_drop_it(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.broker.is_away = True
    house.work()
    assert house.study(CT).next_step is Step.PUBLISH
    house.decide.retry(CT)
    house.work()
    house.broker.is_away = False
    house.settle()
    assert [message.body["numberReceived"] for message in house.messages()] == [30]
    assert not house.store.images


def test_retry_takes_the_study_out_of_the_hands_of_a_worker(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    claimed = house.driver.claim(Step.PULL)
    assert claimed is not None
    house.decide.retry(CT)
    house.driver.run(claimed)
    assert house.study(CT).next_step is Step.PULL
    house.settle()
    assert len(house.messages()) == 1
