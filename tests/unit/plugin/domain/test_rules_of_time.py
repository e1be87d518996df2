"""Stability, priority, back-off, completeness, dates: arithmetic."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.domain.completeness import REPULL_INTERVALS, Count, compare, judged, repull_delay
from plugin.domain.dates import iso_date, iso_time
from plugin.domain.priority import (
    FIRST_DELAY,
    HIGHEST_AUTOMATIC,
    LONGEST_DELAY,
    MANUAL,
    aged_rank,
    back_off,
    examined_at,
)
from plugin.domain.stability import StabilityRule, has_grown, is_waited_for, seen_again
from plugin.domain.study import Sighting
from tests.fakes import NOON

BY_COUNT = StabilityRule(by_count=True, delay=timedelta(minutes=5))
BY_DELAY = StabilityRule(by_count=False, delay=timedelta(minutes=5))


def sightings(numbers: list[int | None], rule: StabilityRule, is_waited: bool, seconds: int = 60) -> list[bool]:
    """Whether the study is stable after each poll."""
    stable: list[bool] = []
    before: Sighting | None = None
    for place, number in enumerate(numbers):
        seen = Sighting("1.2", number, NOON + timedelta(seconds=seconds * place))
        before = seen_again(before, seen, rule, is_waited)
        stable.append(before.is_stable)
    return stable


@pytest.mark.parametrize(
    ("numbers", "stable"),
    [
        ([3], [False]),
        ([3, 3], [False, True]),
        ([3, 5, 5], [False, False, True]),
        ([3, 3, 5, 5], [False, True, False, True]),
        ([5, 3, 5, 3], [False] * 4),
        ([0, 0], [False, True]),
        ([None] * 6, [False] * 5 + [True]),
        ([None, None, 7, 7], [False, False, False, True]),
    ],
)
def test_two_equal_counts_or_an_age(numbers: list[int | None], stable: list[bool]) -> None:
    assert sightings(numbers, BY_COUNT, is_waited=True) == stable


@pytest.mark.parametrize("numbers", [[7] * 6, [1, 2, 3, 4, 5, 6], [None, 3, None, 3, 3, 4]])
def test_by_delay_the_age_is_all_that_counts(numbers: list[int | None]) -> None:
    assert sightings(numbers, BY_DELAY, is_waited=True) == [False] * 5 + [True]


@pytest.mark.parametrize("numbers", [[1], [1, 2, 2], [None, None]])
@pytest.mark.parametrize("rule", [BY_COUNT, BY_DELAY])
def test_what_is_not_waited_for_is_stable_at_first_sight(numbers: list[int | None], rule: StabilityRule) -> None:
    assert all(sightings(numbers, rule, is_waited=False))


def test_the_first_sight_and_the_text_as_given_stay() -> None:
    before = Sighting("1.2\0", 3, NOON)
    after = seen_again(before, Sighting("1.2", 3, NOON + timedelta(hours=1)), BY_COUNT, True)
    assert after == replace(before, is_stable=True)


@given(st.lists(st.none() | st.integers(0, 3), min_size=2))
def test_a_count_that_has_just_changed_is_never_stable(numbers: list[int | None]) -> None:
    stable = sightings(numbers, BY_COUNT, is_waited=True)
    assert all(not stable[place] for place in range(1, len(numbers)) if numbers[place] != numbers[place - 1])


@pytest.mark.parametrize(
    ("modalities", "is_waited"),
    [
        (["CT"], True),
        (["DX"], False),
        (["CR", "DX"], False),
        (["DX", "CT"], True),
        ([], True),
        (["RF", "OT", "DR"], False),
    ],
)
def test_radiographs_are_not_waited_for(modalities: list[str], is_waited: bool) -> None:
    assert is_waited_for(modalities) is is_waited


@pytest.mark.parametrize(
    ("number", "settled", "grown"),
    [(5, 4, True), (4, 4, False), (3, 4, False), (None, 4, False), (4, None, False), (1, 0, True)],
)
def test_growth(number: int | None, settled: int | None, grown: bool) -> None:
    assert has_grown(number, settled) is grown


def test_the_back_off_doubles_up_to_its_limit() -> None:
    waits = [back_off(tries).total_seconds() for tries in range(14)]
    assert waits[:5] == [2, 2, 4, 8, 16]
    assert waits[-1] == LONGEST_DELAY.total_seconds()


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_the_back_off_is_bounded(tries: int, jitter: float) -> None:
    assert FIRST_DELAY <= back_off(tries, jitter) <= LONGEST_DELAY * 1.5


@given(st.integers(0, MANUAL), st.integers(0, MANUAL), st.integers(0, 10_000), st.integers(0, 10_000))
def test_waiting_raises_nobody_above_a_manual_pull_and_nobody_starves(
    one: int, other: int, hours: int, more: int
) -> None:
    now = NOON + timedelta(hours=20_000)
    rank = aged_rank(one, now - timedelta(hours=hours), now)
    assert rank == MANUAL if one == MANUAL else one <= rank <= HIGHEST_AUTOMATIC
    assert aged_rank(one, now - timedelta(hours=hours + more), now) >= rank
    if other < MANUAL:
        assert aged_rank(other, now - timedelta(hours=9), now) == HIGHEST_AUTOMATIC


def test_a_clock_set_back_lowers_nobody() -> None:
    assert aged_rank(4, NOON + timedelta(hours=5), NOON) == 4


def test_the_oldest_examination_first() -> None:
    keys = [examined_at("2020-06-12", "08:06:26"), examined_at("2020-06-12", ""), examined_at("2020-06-13", "00:00:00")]
    assert sorted([*keys, examined_at("", "")]) == [*keys, examined_at("", "")]


@pytest.mark.parametrize(
    ("in_pacs", "received", "short"),
    [(3, 2, True), (3, 3, False), (3, 4, False), (None, 0, True), (None, 1, False), (0, 0, False)],
)
def test_a_short_series(in_pacs: int | None, received: int, short: bool) -> None:
    assert Count("1.2", in_pacs, received).is_short is short


def test_every_series_that_either_side_knows_is_compared() -> None:
    assert compare({"b": 3, "a": None}, {"c": 1, "b": 2}) == [
        Count("b", 3, 2),
        Count("a", None, 0),
        Count("c", None, 1),
    ]


@pytest.mark.parametrize(
    ("expected", "received", "short", "status"),
    [
        (3, 3, [], "complete"),
        (3, 4, [], "complete"),
        (3, 2, [], "incomplete"),
        (3, 3, ["1.2"], "incomplete"),
        (None, 3, [], "unknown"),
        (None, 3, ["1.2"], "incomplete"),
    ],
)
def test_the_verdict_on_the_study(expected: int | None, received: int, short: list[str], status: str) -> None:
    assert judged(expected, received, short, 2).status == status


def test_the_waits_for_repulls_grow_and_the_last_one_repeats() -> None:
    waits = [repull_delay(repulls) for repulls in range(6)]
    assert waits == sorted(waits)
    assert waits[3:] == [REPULL_INTERVALS[-1]] * 3


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("20200612", "2020-06-12"),
        ("2020.06.12", "2020-06-12"),
        (" 2020-06-12 ", "2020-06-12"),
        ("", ""),
        ("today", ""),
        ("202006", ""),
    ],
)
def test_dates(text: str, iso: str) -> None:
    assert iso_date(text) == iso


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("080626", "08:06:26"),
        ("080626.123", "08:06:26"),
        ("0806", "08:06:00"),
        ("08:06:26", "08:06:26"),
        ("08", ""),
        ("", ""),
    ],
)
def test_times(text: str, iso: str) -> None:
    assert iso_time(text) == iso


def test_a_count_that_never_stands_still_is_not_waited_for_beyond_patience() -> None:
    before = Sighting("1.2", 3, NOON)
    early, late = (Sighting("1.2", 4, NOON + timedelta(minutes=minutes)) for minutes in (59, 60))
    assert not seen_again(before, early, BY_COUNT, True, NOON).is_stable
    assert seen_again(before, late, BY_COUNT, True, NOON).is_stable
    assert not seen_again(before, late, BY_COUNT, True).is_stable, "what was delivered once has all the time it needs"
