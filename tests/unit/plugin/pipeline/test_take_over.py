"""Two gateways on one record: what one of them does with the other's studies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from plugin.domain.holding import GATEWAY
from plugin.domain.study import Lease, State, Step
from plugin.pipeline.take_over import TakeOver
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, chest_ct
from tests.unit.plugin.house import OWNER, House

OTHER = "other/8042"
LEASE = timedelta(minutes=1)


def says_it_lives(house: House, gateway: str) -> None:
    now = house.clock.now()
    assert house.record.hold(GATEWAY + gateway, Lease(gateway, now + LEASE), now)


def take_over(house: House, sources: tuple[str, ...] = ("PACS",)) -> TakeOver:
    return TakeOver(house.record, house.store, house.clock, OWNER, sources)


def held_by_other(house: House, step: Step | None, **fields: object) -> None:
    """A study that the other gateway is at work on, and its images in the other one's Orthanc."""
    house.pacs.add(chest_ct())
    house.poll(2)
    house.record.update(
        CT,
        lambda study: replace(study, state=State.PULL_DATA, next_step=step, holder=OTHER, **fields),  # type: ignore[arg-type]
    )


def test_while_the_other_lives_its_studies_are_its_own(house: House) -> None:
    held_by_other(house, Step.DELIVER)
    says_it_lives(house, OTHER)
    before = house.study(CT)
    assert take_over(house)() == 0
    house.settle(0.01)
    assert house.study(CT) == before


def test_a_silent_gateways_study_is_pulled_and_delivered_here(house: House) -> None:
    held_by_other(house, Step.DELIVER)
    says_it_lives(house, OTHER)
    house.clock.advance(seconds=61)
    assert take_over(house)() == 1
    house.settle()
    assert len(house.messages(CT)) == 1
    assert house.study(CT).holder == ""


def test_what_was_pushed_to_a_silent_gateway_waits_and_is_told_once(house: House, lines: Lines) -> None:
    held_by_other(house, None, sightings={})
    sweep = take_over(house)
    assert (sweep(), sweep()) == (0, 0)
    assert len(lines.containing("is silent: it waits for it")) == 1
    assert house.study(CT).holder == OTHER


def test_images_that_are_here_are_ours_under_an_old_name(house: House) -> None:
    """A container that was made anew has another host name, and the same Orthanc."""
    house.push(chest_ct())
    house.record.update(CT, lambda study: replace(study, holder=OTHER))
    assert take_over(house)() == 1
    assert house.study(CT).holder == OWNER
    house.quiet(chest_ct()[0])
    house.settle()
    assert len(house.messages(CT)) == 1


def test_a_gateway_that_comes_back_deletes_what_another_delivered(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    house.store.receive(chest_ct())
    house.store.is_stable = True
    house.reconcile()
    house.settle()
    assert house.store.images == {}
    assert len(house.messages(CT)) == 1


def test_without_deleting_nothing_is_touched(build: Callable[..., House]) -> None:
    house = build(delete_after_send=False)
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    before = house.study(CT)
    house.store.is_stable = True
    house.reconcile()
    assert house.study(CT) == before


def test_images_that_come_here_while_another_is_at_work_wait(house: House) -> None:
    held_by_other(house, Step.DELIVER)
    says_it_lives(house, OTHER)
    before = house.study(CT)
    house.push(chest_ct())
    house.quiet(chest_ct()[0])
    assert house.study(CT) == before


def test_a_failed_pull_is_anyones_and_a_repull_is_the_holders(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.pacs.is_away = True
    house.step(Step.PULL)
    assert house.study(CT).holder == ""
    house.pacs.is_away = False
    house.pacs.withheld = {chest_ct()[-1].sop}
    house.clock.advance(minutes=1)
    while house.study(CT).completeness.repulls == 0:
        house.work()
        house.clock.advance(seconds=3)
    house.pacs.is_away = True
    house.clock.advance(minutes=5)
    house.step(Step.PULL)
    assert house.study(CT).failures == 1
    assert house.study(CT).holder == OWNER


def test_what_others_receive_is_not_missed_here(house: House) -> None:
    """The reconciliation finds no images of it here, and leaves it to the gateway that is receiving it."""
    held_by_other(house, None)
    says_it_lives(house, OTHER)
    before = house.study(CT)
    house.reconcile()
    assert house.study(CT) == before
