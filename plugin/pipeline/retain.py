"""Remove hand-over folders and records that are past their time; a folder whose message still waits is kept."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from plugin.domain.study import Step
from plugin.ports import Clock, HandOver, Record

log = logging.getLogger(__name__)


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

    def __call__(self) -> int:
        """How many folders were removed. Raises RecordError."""
        if self._retention.records is not None:
            forgotten = self._record.forget((self._clock.today() - self._retention.records).isoformat())
            if forgotten:
                log.info("%d records removed after their retention", forgotten)
        old = self._hand_over.older_than(self._clock.now() - self._retention.folders)
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
