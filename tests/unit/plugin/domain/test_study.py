"""The record: which moves are legal, what a queue entry forgets, how two writers are merged."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.domain.study import (
    LEGAL_MOVES,
    SETTLED,
    Completeness,
    Sighting,
    State,
    Step,
    Study,
    merged,
    queued_for_pull,
)
from plugin.errors import IllegalMoveError, PermanentError
from tests.fakes import NOON

TABLE = {
    "meta_only": {"pull_data", "unsupported_series", "failed"},
    "pull_data": {"meta_only", "pull_data_end", "unsupported_series", "failed"},
    "pull_data_end": {"pull_data", "unsupported_series", "completed"},
    "unsupported_series": {"meta_only", "pull_data"},
    "completed": {"pull_data"},
    "failed": {"meta_only", "pull_data", "unsupported_series"},
}


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_each_move_is_legal_or_an_error(before: State, after: State) -> None:
    study = Study("1.2", state=before)
    if after is before:
        assert study.moved(after) is study
    elif after in TABLE[before]:
        assert study.moved(after).state is after
    else:
        with pytest.raises(IllegalMoveError, match=f"1.2: no move from {before} to {after}"):
            study.moved(after)


def test_each_state_has_its_row_and_a_way_out() -> None:
    assert set(LEGAL_MOVES) == set(State)
    assert all(LEGAL_MOVES.values())
    assert all(State.PULL_DATA in LEGAL_MOVES[state] for state in State if state is not State.PULL_DATA)


def test_an_illegal_move_is_a_permanent_error() -> None:
    assert issubclass(IllegalMoveError, PermanentError)


def test_then_is_free_for_the_next_worker() -> None:
    study = replace(Study("1.2"), failures=3, last_error="x", due_at=NOON).then(Step.CLEAN)
    assert (study.next_step, study.due_at, study.failures, study.last_error, study.lease) == (
        Step.CLEAN, None, 0, "", None,
    )  # fmt: skip


def test_queued_for_pull_is_as_if_never_tried() -> None:
    worn = Study("1.2", tries=4, missing=("1",), completeness=Completeness("incomplete", 9, 8, 3), number_received=8)
    fresh = queued_for_pull(worn, NOON, 0)
    assert (fresh.tries, fresh.missing, fresh.next_step, fresh.queued_at) == (0, (), Step.PULL, NOON)
    assert fresh.completeness == Completeness(received=8)


@pytest.mark.parametrize(("had", "given_", "has"), [(4, 0, 4), (0, 9, 9), (9, 0, 9)])
def test_a_priority_is_never_lowered(had: int, given_: int, has: int) -> None:
    queued = queued_for_pull(Study("1.2", priority=had), NOON, given_)
    assert (queued.priority, queued.rank) == (has, given_)


def test_sources_and_revision() -> None:
    study = Study("1.2", sightings={"B": Sighting("1.2", 1, NOON), "A": Sighting("1.2", 1, NOON)})
    assert study.sources == ("B", "A")
    assert study.revision == 0
    assert {State.PULL_DATA_END, State.UNSUPPORTED_SERIES, State.COMPLETED} == SETTLED


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(0, 9),
        "state": st.sampled_from(State),
        "next_step": st.sampled_from([*Step, None]),
        "number_in_pacs": st.none() | st.integers(0, 3),
        "last_error": st.sampled_from(["", "a", "b"]),
        "due_at": st.none() | st.just(NOON) | st.just(NOON + timedelta(1)),
    },
)


@given(base=VALUES, ours=VALUES, theirs=VALUES)
def test_a_merge_keeps_every_change_and_theirs_where_both_changed(
    base: dict[str, object], ours: dict[str, object], theirs: dict[str, object]
) -> None:
    claimed = Study("1.2", **base)  # type: ignore[arg-type]
    outcome = replace(claimed, **ours)  # type: ignore[arg-type]
    current = replace(claimed, **theirs)  # type: ignore[arg-type]
    both = merged(claimed, outcome, current)
    for each in fields(Study):
        before, mine, other = (getattr(study, each.name) for study in (claimed, outcome, current))
        assert getattr(both, each.name) == (other if other != before else mine)
