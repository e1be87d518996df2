"""Publish, clean, retain: nothing is deleted before the confirm, nothing is removed that a message speaks of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from plugin.domain.study import State, Step
from tests.fakes import FakeBroker
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, chest_ct, chest_dx
from tests.unit.plugin.house import House


def test_a_broker_that_is_away_keeps_the_study_waiting_for_as_long_as_it_takes(house: House) -> None:
    house.broker.is_away = True
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle(hours=3)
    study = house.study(CT)
    assert (study.state, study.next_step) == (State.PULL_DATA, Step.PUBLISH)
    assert study.failures > 20
    assert len(house.store.images) == 43
    house.broker.is_away = False
    house.settle()
    assert len(house.messages()) == 1
    assert not house.store.images


def test_the_wait_between_two_tries_stays_short(house: House) -> None:
    house.broker.is_away = True
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle(hours=3)
    due_at = house.study(CT).due_at
    assert due_at is not None
    assert due_at - house.clock.now() <= timedelta(seconds=90)


def test_a_lost_confirm_is_published_again_with_the_same_message_id(house: House) -> None:
    house.broker.loses_confirms = True
    house.pacs.add(chest_ct())
    house.poll(2)
    house.work()
    assert house.store.images
    house.broker.loses_confirms = False
    house.settle()
    first, second = house.messages()
    assert first == second
    assert not house.store.images


def test_an_unroutable_message_is_kept_and_shown(build: Callable[..., House], lines: Lines) -> None:
    house = build()
    house.broker.routing_keys = frozenset()
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle(hours=1)
    study = house.study(CT)
    assert study.outbox
    assert study.last_error == "no queue takes the routing key 'chest-ct'"
    assert lines.containing("publish failed: no queue takes the routing key 'chest-ct'")
    house.broker.routing_keys = FakeBroker().routing_keys
    house.settle()
    assert len(house.messages()) == 1


def test_a_full_disk_is_waited_out(house: House) -> None:
    house.hand_over.is_full = True
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle(hours=20)
    assert (house.study(CT).state, house.study(CT).next_step) == (State.PULL_DATA, Step.DELIVER)
    house.hand_over.is_full = False
    house.settle()
    assert len(house.messages()) == 1


def test_orthanc_not_answering_is_waited_out(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.step(Step.PULL)
    house.store.is_failing = True
    house.settle(hours=20)
    house.store.is_failing = False
    house.settle()
    assert len(house.messages()) == 1


def test_a_study_that_is_gone_when_it_is_to_be_deleted(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    for step in (Step.PULL, Step.DELIVER, Step.PUBLISH):
        assert house.step(step)
    house.store.images.clear()
    house.work()
    assert (house.study(CT).next_step, house.store.delete_calls) == (None, 0)
    assert "deleted" not in house.study(CT).timeline


def test_folders_are_removed_after_their_time(build: Callable[..., House], lines: Lines) -> None:
    house = build(retention=timedelta(hours=72))
    house.pacs.add(chest_ct())
    house.poll(2)
    house.work()
    house.clock.advance(hours=71)
    assert house.retain() == 0
    house.clock.advance(hours=2)
    assert house.retain() == 1
    assert not house.hand_over.folders
    assert lines.containing("hand-over folder removed after its retention: /store_image/")
    assert house.retain() == 0


def test_a_folder_whose_message_still_waits_is_kept(house: House) -> None:
    house.pacs.add([*chest_ct(), *chest_dx()])
    house.poll(1)
    house.work()
    house.broker.is_away = True
    house.poll(1)
    house.work()
    house.clock.advance(hours=100)
    assert house.retain() == 1
    (message,) = house.study(CT).outbox
    assert [f"/store_image/{folder}" for folder in house.hand_over.folders] == [message.body["filepath"]]
