"""Remove hand-over folders that are past their time; one whose message still waits is kept."""

from __future__ import annotations

import logging
from datetime import timedelta

from plugin.domain.study import Step
from plugin.ports import Clock, HandOver, Record

log = logging.getLogger(__name__)


class Retain:
    """Runs now and then."""

    def __init__(self, hand_over: HandOver, record: Record, clock: Clock, retention: timedelta) -> None:
        self._hand_over = hand_over
        self._record = record
        self._clock = clock
        self._retention = retention

    def __call__(self) -> int:
        """How many folders were removed. Raises RecordError."""
        old = self._hand_over.older_than(self._clock.now() - self._retention)
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
