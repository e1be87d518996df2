"""Politeness towards a PACS: the rest between operations, quiet hours, and so many images a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from plugin.ports import Clock, SeriesAnswer, Source, StudyAnswer


@dataclass(frozen=True, slots=True)
class Manners:
    """What is set: seconds, images a minute (0: as many as come), and hours as ``22:00-06:30`` in local time."""

    seconds_between: float = 0.0
    images_per_minute: int = 0
    quiet_hours: tuple[str, ...] = ()


class Pace:
    """One source's; shared by whoever works with it. ``sleep`` is for tests."""

    def __init__(self, manners: Manners, clock: Clock, sleep: Callable[[float], None] = time.sleep) -> None:
        self._manners = manners
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_at: datetime | None = None
        self._rests_until: datetime | None = None

    def is_quiet(self) -> bool:
        """Whether nothing but what a doctor waits for is asked and pulled now."""
        now = f"{self._clock.now().astimezone():%H:%M}"
        spans = (span.split("-") for span in self._manners.quiet_hours)
        return any(first <= now < last if first <= last else now >= first or now < last for first, last in spans)

    def is_resting(self) -> bool:
        """Whether automatic pulls have to wait: quiet hours, or the images of this minute have been had."""
        return self.is_quiet() or (self._rests_until is not None and self._clock.now() < self._rests_until)

    def brought(self, images: int) -> None:
        """So many images came: the next pull waits until they are spread over their minutes."""
        if self._manners.images_per_minute and images > 0:
            rest = timedelta(minutes=images / self._manners.images_per_minute)
            self._rests_until = max(self._rests_until or self._clock.now(), self._clock.now()) + rest

    def take_turn(self) -> None:
        """Wait until the source may be bothered again; whoever comes next waits behind us."""
        if not self._manners.seconds_between:
            return
        with self._lock:
            now = self._clock.now()
            mine = max(self._next_at or now, now)
            self._next_at = mine + timedelta(seconds=self._manners.seconds_between)
        wait = min((mine - now).total_seconds(), 3600.0)
        if wait > 0:
            self._sleep(wait)


class PacedSource:
    """A source that is left in peace between two operations."""

    def __init__(self, source: Source, pace: Pace) -> None:
        self._source = source
        self._pace = pace

    @property
    def alias(self) -> str:
        return self._source.alias

    def find_studies(self, query: Mapping[str, str]) -> list[StudyAnswer]:
        self._pace.take_turn()
        return self._source.find_studies(query)

    def find_series(self, uid_as_given: str) -> list[SeriesAnswer]:
        self._pace.take_turn()
        return self._source.find_series(uid_as_given)

    def find_images(self, uid_as_given: str, series_uid_as_given: str) -> frozenset[str]:
        self._pace.take_turn()
        return self._source.find_images(uid_as_given, series_uid_as_given)

    def is_alive(self) -> bool:
        return self._source.is_alive()

    def retrieve(self, uid_as_given: str, series: Sequence[str] = ()) -> None:
        self._pace.take_turn()
        self._source.retrieve(uid_as_given, series)

    def retrieve_images(self, uid_as_given: str, series_uid_as_given: str, sop_instance_uids: Sequence[str]) -> None:
        self._pace.take_turn()
        self._source.retrieve_images(uid_as_given, series_uid_as_given, sop_instance_uids)
