"""All studies of one day, also from a PACS that answers only so many of them to one query.

Such a cap is set (``MaxAnswers``), told by the PACS (status 0xA700), or found out: a round number of answers is held
against what parts of the day answer. A day at the cap is asked for in parts by StudyTime, until no part is at
the cap. Parts share their bounds, so that no fraction of a second falls between them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from plugin.errors import SourceError, TooManyAnswersError
from plugin.ports import Clock, Source, StudyAnswer

log = logging.getLogger(__name__)

DAY_SECONDS = 86_400
MOST_QUERIES = 200
"""Queries for one day at most: a PACS that is at its cap for each second of it is not asked for ever."""
LOOK_AGAIN = timedelta(minutes=10)
"""How long a suspicion that was not confirmed, and a PACS that cannot be asked in parts, are left alone."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a day in seconds since midnight; ``end`` belongs to the next part too."""

    start: int = 0
    end: int = DAY_SECONDS

    @property
    def study_time(self) -> str:
        """The part as a range of StudyTime (PS3.4 C.2.2.2.5), open towards the ends of the day."""
        first = _clock(self.start) if self.start else ""
        last = _clock(self.end) if self.end < DAY_SECONDS else ""
        return f"{first}-{last}"

    def halves(self) -> tuple[Window, Window]:
        middle = (self.start + self.end) // 2
        return Window(self.start, middle), Window(middle, self.end)

    def holds(self, study_time: str) -> bool:
        """Whether an answered time (``HH:MM:SS``, or none) may come of this part."""
        if len(study_time) != 8:
            return True
        hours, minutes, seconds = (int(part) for part in study_time.split(":"))
        return self.start <= hours * 3600 + minutes * 60 + seconds <= self.end


WHOLE_DAY = Window()


@dataclass(frozen=True, slots=True)
class _Part:
    """What one query answered; ``is_cut``: the PACS says that there is more."""

    answers: tuple[StudyAnswer, ...]
    is_cut: bool = False


class Sweep:
    """Asks one source for days. What it learns of the source's cap it keeps until the restart."""

    def __init__(self, source: Source, clock: Clock, max_answers: int = 0) -> None:
        self._source = source
        self._clock = clock
        self._set = max_answers
        self._learnt = 0
        self._parts: dict[date, list[Window]] = {}
        self._innocent: dict[date, tuple[frozenset[str], datetime]] = {}
        self._undivided_until: datetime | None = None
        self._alarmed: dict[date, datetime] = {}

    def __call__(self, day: date) -> list[StudyAnswer]:
        """The answers, each study once, those of other days too where the PACS ignores StudyDate.

        Raises SourceError.
        """
        self._forget()
        whole = self._asked(day, WHOLE_DAY)
        found = _by_uid(whole.answers)
        is_capped = self._is_capped(whole)
        if self._undivided_until is None and (is_capped or self._is_suspicious(day, found)):
            self._divide(day, found, is_capped, len(whole.answers))
        elif is_capped:
            self._alarm(day, "it cannot be asked in parts")
        if whole.is_cut and not found:
            raise SourceError(f"{self._source.alias}: too many answers, and none of them given")
        return list(found.values())

    def _forget(self) -> None:
        now = self._clock.now()
        if self._undivided_until is not None and now >= self._undivided_until:
            self._undivided_until = None
        today = self._clock.today()
        for known in (self._parts, self._innocent, self._alarmed):
            for day in [day for day in known if abs(day - today) > timedelta(days=366)]:
                del known[day]

    def _divide(self, day: date, found: dict[str, StudyAnswer], is_capped: bool, number: int) -> None:
        """Ask for the day in parts, and add what they answer to ``found``."""
        before = frozenset(found)
        waiting = list(self._parts.get(day) or WHOLE_DAY.halves())
        asked: list[Window] = []
        for _ in range(MOST_QUERIES):
            if not waiting:
                break
            window = waiting.pop(0)
            part = self._asked(day, window)
            found.update(_by_uid(part.answers))
            if _is_of_another_time(part.answers, window):
                self._undivided_until = self._clock.now() + LOOK_AGAIN
                if is_capped:
                    self._alarm(day, "it ignores StudyTime")
                return
            if not is_capped and len(found) > len(before):
                is_capped = self._learn(number)
            is_full = self._is_capped(part) if is_capped else len(part.answers) >= number
            if not is_full:
                asked.append(window)
            elif window.end - window.start <= 1:
                self._alarm(day, f"even within the second {window.study_time}")
                asked.append(window)
            else:
                waiting[:0] = window.halves()
        if waiting:
            self._alarm(day, f"even in {MOST_QUERIES} parts")
            self._undivided_until = self._clock.now() + LOOK_AGAIN
        elif is_capped:
            self._parts[day] = asked
        else:
            self._innocent[day] = (before, self._clock.now() + LOOK_AGAIN)

    def _asked(self, day: date, window: Window) -> _Part:
        query = {"StudyDate": f"{day:%Y%m%d}"}
        if window != WHOLE_DAY:
            query["StudyTime"] = window.study_time
        log.info("orthanc find query is %s", query)
        try:
            part = _Part(tuple(self._source.find_studies(query)))
        except TooManyAnswersError:
            return _Part((), is_cut=True)
        if self._learnt and len(part.answers) > self._learnt:
            self._learnt = 0
        return part

    def _is_capped(self, part: _Part) -> bool:
        caps = [cap for cap in (self._set, self._learnt) if cap]
        return part.is_cut or (bool(caps) and len(part.answers) >= min(caps))

    def _learn(self, cap: int) -> bool:
        self._learnt = cap
        log.warning(
            "source %s answers %d studies to a query at most: its days are asked for in parts; set MaxAnswers to %d",
            self._source.alias, cap, cap,
        )  # fmt: skip
        return True

    def _is_suspicious(self, day: date, found: dict[str, StudyAnswer]) -> bool:
        """Whether the number of answers looks like a cap and was not held against parts of the day lately."""
        number = len(found)
        if number < 10 or (number % 10 and number & (number - 1)):
            return False
        known = self._innocent.get(day)
        return known is None or known[0] != frozenset(found) or self._clock.now() >= known[1]

    def _alarm(self, day: date, why: str) -> None:
        """Studies are being missed: said once in a while."""
        now = self._clock.now()
        if day in self._alarmed and now < self._alarmed[day]:
            return
        self._alarmed[day] = now + LOOK_AGAIN
        log.error("source %s cuts its answers for %s, %s: studies are missed", self._source.alias, day, why)


def _by_uid(answers: Iterable[StudyAnswer]) -> dict[str, StudyAnswer]:
    """The answers by StudyInstanceUID; those without one each under a key of its own, for the log to tell."""
    return {answer.study_instance_uid or f"?{place}": answer for place, answer in enumerate(answers)}


def _is_of_another_time(answers: Iterable[StudyAnswer], window: Window) -> bool:
    """Whether most answers lie outside the part asked for: the PACS ignores StudyTime."""
    told = [window.holds(answer.study_time) for answer in answers if answer.study_time]
    return told.count(False) * 2 > len(told)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"
