"""Which gateway goes on with a study."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from plugin.domain.holding import GATEWAY, alive, is_busy_elsewhere, let_go, taken_over
from plugin.domain.study import SETTLED, Completeness, Lease, Sighting, State, Step, Study

NOW = datetime(2020, 6, 18, 12, tzinfo=UTC)
MINE, THEIRS, DEAD = "mine/8042", "theirs/8042", "dead/8042"
SEEN = {"PACS": Sighting("1", 1, NOW)}
SOURCES = ["PACS"]


def study(state: State, step: Step | None, **fields: object) -> Study:
    lease = Lease(DEAD, NOW - timedelta(seconds=1))
    return replace(Study("1", state=state, next_step=step, holder=DEAD, lease=lease, sightings=SEEN), **fields)  # type: ignore[arg-type]


def test_a_gateway_is_alive_while_its_own_lease_lasts() -> None:
    later, past = NOW + timedelta(seconds=1), NOW
    leases = {
        f"{GATEWAY}{MINE}": Lease(MINE, later),
        f"{GATEWAY}{DEAD}": Lease(DEAD, past),
        "find PACS": Lease(DEAD, later),
    }
    assert alive(leases, NOW) == {MINE}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", [*Step, None])
def test_a_study_is_busy_elsewhere_while_a_gateway_that_lives_has_something_to_do_with_it(
    state: State, step: Step | None
) -> None:
    is_in_work = step is not None or state is State.PULL_DATA
    given = study(state, step, holder=THEIRS)
    assert is_busy_elsewhere(given, MINE, {MINE, THEIRS}) is is_in_work
    assert not is_busy_elsewhere(given, THEIRS, {MINE, THEIRS})
    assert not is_busy_elsewhere(given, MINE, {MINE})
    assert not is_busy_elsewhere(replace(given, holder=""), MINE, {MINE, THEIRS})


def test_only_what_is_settled_and_done_is_let_go() -> None:
    for state in State:
        for step in (*Step, None):
            is_done = step is None and state in SETTLED
            assert (let_go(study(state, step)).holder == "") is is_done


@pytest.mark.parametrize("step", [Step.DELIVER, None])
def test_images_that_a_source_has_too_are_pulled_again_as_if_never_tried(step: Step | None) -> None:
    begun = study(State.PULL_DATA, step, tries=3, missing=("1.2",), completeness=Completeness(repulls=2))
    after = taken_over(begun, SOURCES, NOW)
    assert (after.next_step, after.holder, after.lease, after.state) == (Step.PULL, "", None, State.PULL_DATA)
    assert (after.tries, after.missing, after.completeness.repulls) == (0, (), 0)


@pytest.mark.parametrize("sources", [[], ["ANOTHER"]])
def test_images_that_nobody_else_has_wait_for_their_gateway(sources: list[str]) -> None:
    for step in (Step.DELIVER, None):
        pushed = study(State.PULL_DATA, step)
        assert taken_over(pushed, sources, NOW) == pushed


@pytest.mark.parametrize("state", [State.META_ONLY, State.PULL_DATA, State.PULL_DATA_END])
def test_a_pull_is_anyones_and_of_the_whole_study(state: State) -> None:
    """It keeps its tries and its time: what brought one gateway down does not go round for ever."""
    begun = study(state, Step.PULL, tries=3, failures=2, missing=("1.2",), due_at=NOW + timedelta(minutes=1))
    assert taken_over(begun, SOURCES, NOW) == replace(begun, holder="", lease=None, missing=())


def test_a_message_in_the_outbox_is_anyones() -> None:
    begun = study(State.PULL_DATA, Step.PUBLISH)
    assert taken_over(begun, [], NOW) == replace(begun, holder="", lease=None)


@pytest.mark.parametrize("state", sorted(SETTLED))
def test_cleaning_waits_for_no_one(state: State) -> None:
    """Its images are in an Orthanc that nobody else reaches; whoever finds them there again deletes them."""
    after = taken_over(study(state, Step.CLEAN), SOURCES, NOW)
    assert (after.next_step, after.holder, after.lease, after.state) == (None, "", None, state)
