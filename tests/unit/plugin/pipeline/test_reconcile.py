"""What events did not tell: starts, crashes, images that came or went while nobody looked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugin.domain.study import State, Step
from plugin.errors import StoreError
from plugin.pipeline.reconcile import Reconcile
from tests.fakes import FakeSource
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, DX, chest_ct, chest_dx, series
from tests.unit.plugin.house import OWNER, House, Plan


def test_images_without_a_record_are_delivered(house: House) -> None:
    house.store.receive([*chest_ct(), *chest_dx()])
    house.store.is_stable = True
    assert house.reconcile() == 2
    house.work()
    assert {message.body["studyUID"] for message in house.messages()} == {CT, DX}


def test_images_that_still_come_are_waited_for(house: House) -> None:
    house.store.receive(chest_ct())
    assert house.reconcile() == 0
    assert (house.study(CT).state, house.study(CT).next_step) == (State.PULL_DATA, None)


def test_a_push_that_a_kill_broke_off_is_not_taken_for_whole(house: House) -> None:
    """Orthanc has just started and calls everything stable; the rest is on its way."""
    house.store.receive(chest_ct()[:7])
    house.store.is_stable = True
    assert house.reconcile(is_early=True) == 0
    assert (house.study(CT).state, house.study(CT).next_step) == (State.PULL_DATA, None)
    house.store.receive(chest_ct())
    assert house.reconcile() == 1
    house.work()
    assert [message.body["revision"] for message in house.messages()] == [1]
    assert not house.store.images


def test_what_is_settled_stays_so(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.work()
    assert house.reconcile() == 0


@pytest.mark.parametrize("steps", range(5))
def test_a_crash_after_any_step_loses_nothing(house: House, steps: int) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    for step in list(Step)[:steps]:
        assert house.step(step)
    house.crash()
    house.settle()
    house.poll(2)
    house.settle()
    assert [message.body["numberReceived"] for message in house.messages()] == [30]
    assert not house.store.images


@pytest.mark.parametrize("step", list(Step))
def test_a_crash_within_any_step_loses_nothing(house: House, step: Step) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    while house.driver.claim(step) is None:
        assert any(house.step(other) for other in Step if other is not step)
    house.store.receive(chest_ct()[:7])
    house.crash()
    house.settle()
    assert {message.body["numberReceived"] for message in house.messages()} == {30}
    assert len({message.message_id for message in house.messages()}) == 1
    assert not house.store.images


def test_a_pushed_study_whose_images_are_gone_is_pulled_where_a_source_has_it(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(1)
    house.push(chest_ct())
    house.store.images.clear()
    assert house.reconcile() == 1
    house.work()
    assert len(house.messages()) == 1


def test_a_pushed_study_whose_images_are_gone_for_good_fails(house: House, lines: Lines) -> None:
    house.push(chest_ct())
    house.store.images.clear()
    assert house.reconcile() == 0
    study = house.study(CT)
    assert (study.state, study.last_error) == (State.FAILED, "its images are gone from Orthanc, and no source holds it")
    assert lines.containing("its images are gone from Orthanc")
    assert house.reconcile() == 0


def test_a_study_that_is_pushed_while_we_look_is_not_missed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = house.store.study_uids

    def slow() -> list[str]:
        uids = listed()
        house.push(chest_ct())
        return uids

    monkeypatch.setattr(house.store, "study_uids", slow)
    house.reconcile()
    assert house.study(CT).state is State.PULL_DATA


def test_one_study_that_cannot_be_read_does_not_stop_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    house.store.receive([*chest_ct(), *chest_dx()])
    house.store.is_stable = True
    read = house.store.study

    def study(uid: str) -> object:
        if uid == CT:
            raise StoreError("a broken index")
        return read(uid)

    monkeypatch.setattr(house.store, "study", study)
    assert house.reconcile() == 1
    assert house.study(DX).next_step is Step.DELIVER
    assert lines.containing(f"reconcile: {CT} is not readable in Orthanc: a broken index")


def test_a_study_deleted_while_we_look(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.store, "study_uids", lambda: [CT])
    assert house.reconcile() == 0


def test_a_person_deciding_while_we_look_wins(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.push(chest_ct())
    house.store.images.clear()
    monkeypatch.setattr(house.record, "in_state", lambda state: [CT, "1.9"])
    house.decide.skip(CT)
    skipped = house.study(CT)
    house.reconcile()
    assert house.study(CT) == skipped


def test_images_pulled_from_a_source_that_is_not_set_any_more_are_delivered(house: House, lines: Lines) -> None:
    """Deliveries are served source by source, so that one mute PACS holds up no other; nobody would serve this one."""
    house.pacs.add([*series(f"{CT}.3", 20), *chest_dx()])
    house.poll(2)
    house.step(Step.PULL)
    house.record.close()
    house.plan = Plan(aliases=("NEW",))
    house.sources = {"NEW": FakeSource("NEW", house.store)}
    house.start()
    house.record.release(OWNER)
    house.reconcile()
    pushed = house.driver.claim(Step.DELIVER, [])
    assert pushed is not None
    house.driver.run(pushed)
    house.work()
    assert house.messages()
    assert lines.containing("its source PACS is not set any more")


def test_several_restarts_deliver_once(build: Callable[..., House]) -> None:
    house = build()
    house.push(chest_ct())
    for _ in range(3):
        house.crash()
    house.settle()
    house.crash()
    house.settle()
    assert len(house.messages()) == 1


def test_a_pull_that_no_set_source_can_serve_is_told_once(house: House, lines: Lines) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.reconcile()
    assert not lines.containing("is not set any more")
    for _ in range(2):
        Reconcile(house.record, house.store, house.receive, house.clock, ["OTHER"])()
    assert len(lines.containing("waits for a pull, but its source PACS is not set any more")) == 2
    unserved = Reconcile(house.record, house.store, house.receive, house.clock, ["OTHER"])
    unserved()
    unserved()
    assert len(lines.containing("waits for a pull, but its source PACS is not set any more")) == 3
    assert house.study(CT).next_step is Step.PULL
