"""A day's studies out of PACS that cap their answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from plugin.errors import SourceError, TooManyAnswersError
from plugin.pipeline.sweep import MOST_QUERIES, Sweep, Window
from plugin.ports import StudyAnswer
from tests.fakes import FakeClock, FakeSource, FakeStore
from tests.unit.plugin.conftest import Lines

DAY = date(2020, 6, 18)


class CappedSource(FakeSource):
    """A PACS with studies at given seconds of the day; the first ``cap`` matching ones are answered."""

    def __init__(self, seconds: list[int], cap: int, refuses: bool = False, ignores_time: bool = False) -> None:
        super().__init__("PACS", FakeStore())
        self.seconds, self.cap, self.refuses, self.ignores_time = seconds, cap, refuses, ignores_time

    def find_studies(self, query: Mapping[str, str]) -> list[StudyAnswer]:
        self.finds.append(dict(query))
        first, _, last = query.get("StudyTime", "-").partition("-")
        found = [
            StudyAnswer(f"1.{place}", f"1.{place}", study_date=DAY.isoformat(), study_time=colons(clock(second)))
            for place, second in enumerate(self.seconds)
            if self.ignores_time or (first or "0") <= clock(second) <= (last or "9")
        ]
        if len(found) > self.cap and self.refuses:
            raise TooManyAnswersError("PACS: 0xA700")
        return found[: self.cap]


def clock(second: int) -> str:
    return f"{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}"


def colons(text: str) -> str:
    return f"{text[:2]}:{text[2:4]}:{text[4:]}"


def uids(answers: list[StudyAnswer]) -> set[str]:
    return {answer.study_instance_uid for answer in answers}


BUSY = [8 * 3600 + 61 * number for number in range(200)]


@pytest.mark.parametrize(("refuses", "set_to"), [(False, 20), (False, 0), (True, 0), (True, 20)])
def test_every_study_is_found_whether_the_cap_is_set_told_or_learnt(refuses: bool, set_to: int) -> None:
    source = CappedSource(BUSY, cap=20, refuses=refuses)
    sweep = Sweep(source, FakeClock(), set_to)
    assert len(uids(sweep(DAY))) == 200
    first = len(source.finds)
    assert first < 70
    assert len(uids(sweep(DAY))) == 200
    assert len(source.finds) - first < first, "the parts are remembered"


def test_a_number_that_only_looks_like_a_cap_costs_a_few_queries_once() -> None:
    source, now = CappedSource(BUSY[:50], cap=1000), FakeClock()
    sweep = Sweep(source, now)
    for _ in range(10):
        assert len(sweep(DAY)) == 50
    once = len(source.finds) - 10
    assert once <= 12
    now.advance(minutes=11)
    sweep(DAY)
    assert len(source.finds) == 11 + 2 * once


def test_a_pacs_that_ignores_the_time_is_not_asked_for_ever(lines: Lines) -> None:
    source = CappedSource(BUSY, cap=20, ignores_time=True)
    sweep = Sweep(source, FakeClock(), 20)
    for _ in range(10):
        assert len(sweep(DAY)) == 20
    assert len(source.finds) <= 10 + 2
    assert len(lines.containing("studies are missed")) == 1


def test_a_pacs_that_refuses_and_ignores_the_time_is_an_error_and_bounded() -> None:
    source = CappedSource(BUSY, cap=20, refuses=True, ignores_time=True)
    sweep = Sweep(source, FakeClock())
    for _ in range(3):
        with pytest.raises(SourceError):
            sweep(DAY)
    assert len(source.finds) <= MOST_QUERIES + 3


def test_more_than_the_cap_within_a_second_is_an_alarm(lines: Lines) -> None:
    source = CappedSource([30_000] * 25 + BUSY[:30], cap=20)
    found = Sweep(source, FakeClock(), 20)(DAY)
    assert uids(found) >= {f"1.{place}" for place in (*range(20), *range(25, 55))}
    assert lines.containing("even within the second")


def test_a_cap_that_was_none_is_forgotten() -> None:
    source = CappedSource(BUSY, cap=20)
    sweep = Sweep(source, FakeClock())
    sweep(DAY)
    source.cap = 1000
    sweep(DAY)
    before = len(source.finds)
    source.seconds = BUSY[:199]
    sweep(DAY + timedelta(days=1))
    assert len(source.finds) == before + 1


def test_parts_share_their_bounds() -> None:
    left, right = Window().halves()
    assert (left.study_time, right.study_time) == ("-120000", "120000-")
    assert all(part.holds("12:00:00") for part in (left, right))
    assert right.holds("")
    assert not left.holds("12:00:01")
