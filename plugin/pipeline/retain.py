"""Remove hand-over folders and records that are past their time; a folder whose message still waits is kept.

A folder that is still half written after an hour was left so by a kill: it is removed. One that no record knows is told
at the start, and left alone until its time is over.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from plugin.domain.study import Step
from plugin.logs import study_log
from plugin.ports import Clock, HandOver, Record

log = logging.getLogger(__name__)

WRITTEN_WITHIN = timedelta(hours=1)
"""Writing a folder takes seconds."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept: hand-over folders, and the records of settled studies (None: for ever)."""

    folders: timedelta
    records: timedelta | None = None


class Retain:
    """Runs now and then."""

    def __init__(self, hand_over: HandOver, record: Record, clock: Clock, retention: Retention) -> None:
        self._hand_over = hand_over
        self._record = record
        self._clock = clock
        self._retention = retention
        self._has_looked = False

    def __call__(self) -> int:
        """How many folders were removed. Raises RecordError, StoreError."""
        if self._retention.records is not None:
            forgotten = self._record.forget((self._clock.today() - self._retention.records).isoformat())
            if forgotten:
                log.info("%d records removed after their retention", forgotten)
        now = self._clock.now()
        if not self._has_looked:
            self._tell_strangers(self._hand_over.older_than(now))
            self._has_looked = True
        halves = [one for one in self._hand_over.older_than(now - WRITTEN_WITHIN) if self._is_left(one)]
        return len(halves) + self._remove_old(self._hand_over.older_than(now - self._retention.folders))

    def _is_left(self, folder: str) -> bool:
        """Whether a folder was half written, and is removed."""
        if not self._hand_over.is_half_written(folder):
            return False
        self._hand_over.remove(folder)
        log.warning("half-written hand-over folder removed: %s", folder)
        return True

    def _tell_strangers(self, folders: Sequence[str]) -> None:
        """Folders that no record knows; one whose study is in work may be about to be known."""
        for folder in folders:
            uid = None if self._hand_over.is_half_written(folder) else self._hand_over.study_of(folder)
            study = None if uid is None else self._record.get(uid)
            is_known = study is not None and any(delivery.folder == folder for delivery in study.deliveries)
            if uid is None or is_known or (study is not None and study.next_step is not None):
                continue
            study_log(("", "", uid)).warning("hand-over folder that no record knows, left alone: %s", folder)

    def _remove_old(self, old: Sequence[str]) -> int:
        if not old:
            return 0
        needed = self._needed()
        gone = [folder for folder in old if folder not in needed]
        for folder in gone:
            self._hand_over.remove(folder)
            log.info("hand-over folder removed after its retention: %s", folder)
        return len(gone)

    def _needed(self) -> set[str]:
        """The folders of all messages that are not confirmed yet."""
        studies = [self._record.get(uid) for uid in self._record.waiting(Step.PUBLISH)]
        return {str(message.body["filepath"]) for study in studies if study for message in study.outbox}
