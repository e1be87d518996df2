"""Who is first, and how long to wait before the next try. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

NORMAL = 0
MANUAL = 9
HIGHEST_AUTOMATIC = 8
AGEING = timedelta(hours=1)
"""Waiting this long raises an automatic pull by one; it never reaches MANUAL."""

FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(minutes=30)
FAR_AHEAD = LONGEST_DELAY * 2
"""A time further ahead than any back-off comes of a clock that jumped."""


def back_off(
    tries: int, jitter: float = 0.0, first: timedelta = FIRST_DELAY, longest: timedelta = LONGEST_DELAY
) -> timedelta:
    """The wait after so many failed tries: doubling, capped, stretched by up to a half for a jitter of 0 to 1."""
    doubled = first * float(2 ** min(max(tries - 1, 0), 30))
    return min(doubled, longest) * (1 + jitter / 2)


def aged_rank(priority: int, queued_at: datetime, now: datetime) -> int:
    """The rank of a waiting pull: its priority, plus one for each hour waited; manual ones are never caught up with."""
    if priority >= MANUAL:
        return priority
    waited = max(now - queued_at, timedelta(0))
    return min(priority + int(waited / AGEING), HIGHEST_AUTOMATIC)


def ageing(now: datetime) -> Iterator[tuple[int, dict[int, datetime]]]:
    """The same as a table: each rank that waiting can give, highest first, and for each priority below it the time
    by which a pull must have been queued to have that rank now."""
    for rank in range(HIGHEST_AUTOMATIC, 0, -1):
        yield rank, {priority: now - (rank - priority) * AGEING for priority in range(rank)}


def examined_at(study_date: str, study_time: str) -> str:
    """The sort key of an examination, oldest first; a study without a date comes last."""
    return f"{study_date or '9999-99-99'}T{study_time or '99:99:99'}"
