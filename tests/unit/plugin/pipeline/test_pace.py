"""Politeness: rests, quiet hours and images a minute."""

from __future__ import annotations

from datetime import timedelta

import pytest

from plugin.pipeline.pace import Manners, Pace, PacedSource
from tests.fakes import FakeClock, FakeSource, FakeStore


def at(hour: int, minute: int) -> FakeClock:
    """A clock that shows this local time."""
    clock = FakeClock()
    local = clock.now().astimezone().replace(hour=hour, minute=minute, second=0)
    clock.advance(seconds=(local - clock.now()).total_seconds())
    return clock


@pytest.mark.parametrize(
    ("hour", "minute", "is_quiet"),
    [(7, 59, False), (8, 0, True), (9, 29, True), (9, 30, False), (21, 59, False), (22, 0, True), (1, 59, True)],
)
def test_quiet_hours_also_over_midnight(hour: int, minute: int, is_quiet: bool) -> None:
    pace = Pace(Manners(quiet_hours=("08:00-09:30", "22:00-02:00")), at(hour, minute))
    assert pace.is_quiet() is pace.is_resting() is is_quiet


def test_images_are_spread_over_their_minutes() -> None:
    clock = FakeClock()
    pace = Pace(Manners(images_per_minute=100), clock)
    assert not pace.is_resting()
    pace.brought(150)
    clock.advance(seconds=89)
    assert pace.is_resting()
    clock.advance(seconds=2)
    assert not pace.is_resting()


def test_operations_take_turns() -> None:
    clock, waits = FakeClock(), list[float]()
    source = PacedSource(FakeSource("PACS", FakeStore()), Pace(Manners(seconds_between=5), clock, waits.append))
    source.find_studies({})
    source.find_series("1.2")
    clock.advance(seconds=2)
    source.retrieve("1.2")
    clock.advance(seconds=timedelta(minutes=1).total_seconds())
    source.find_images("1.2", "1.3")
    assert waits == [5, 8]


def test_nothing_set_nothing_waits() -> None:
    waits = list[float]()
    pace = Pace(Manners(), FakeClock(), waits.append)
    pace.brought(10**6)
    pace.take_turn()
    assert not pace.is_resting()
    assert not waits
