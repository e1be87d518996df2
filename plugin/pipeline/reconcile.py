"""Bring record and Orthanc together: at the start, and every few minutes, for whatever events did not tell."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace

from plugin.domain.study import State, Step, Study, queued_for_pull
from plugin.errors import StoreError
from plugin.logs import study_log
from plugin.pipeline.receive import Receive
from plugin.ports import Clock, ImageStore, Record

log = logging.getLogger(__name__)


class Reconcile:
    """Every study in Orthanc has a record that will deal with it; every record that waits for images has some."""

    def __init__(
        self, record: Record, store: ImageStore, receive: Receive, clock: Clock, sources: Collection[str]
    ) -> None:
        self._record = record
        self._store = store
        self._receive = receive
        self._clock = clock
        self._sources = sources
        self._told: set[str] = set()

    def __call__(self, is_early: bool = False) -> int:
        """How many records were set going again. Raises StoreError, RecordError.

        ``is_early``: Orthanc has not run for its StableAge yet. It calls every study stable then, also one of which it
        was sent a part just before it stopped.
        """
        expected = self._record.in_state(State.PULL_DATA)  # read first: what is pushed meanwhile is not missed below
        uids = self._store.study_uids()
        held = set(uids)
        moved = sum(self._is_unbound(uid) for uid in self._record.waiting(Step.DELIVER) if uid in held)
        moved += sum(self._is_set_going(uid, is_early) for uid in uids)
        moved += sum(self._is_asked_again(uid) for uid in expected if uid not in held)
        self._tell_unserved()
        if moved:
            log.info("reconcile: %d studies set going again", moved)
        return moved

    def _tell_unserved(self) -> None:
        """A pull from a source that is not set any more waits, until a poll finds the study in another one."""
        for uid in self._record.waiting(Step.PULL):
            study = self._record.get(uid)
            if study is None or uid in self._told or any(alias in self._sources for alias in study.sources):
                continue
            self._told.add(uid)
            study_log(study.ids).warning(
                "waits for a pull, but its source %s is not set any more: set it again, or skip the study",
                ", ".join(study.sources),
            )

    def _is_unbound(self, uid: str) -> bool:
        """Images that came from a source which is not set any more: deliveries are served source by source."""

        def change(study: Study) -> Study:
            is_served = not study.sources or any(alias in self._sources for alias in study.sources)
            return study if is_served or study.lease is not None else replace(study, sightings={})

        before = self._record.get(uid)
        study = self._record.update(uid, change)
        if before is None or study is None or study.sources == before.sources:
            return False
        study_log(study.ids).warning(
            "its source %s is not set any more: delivered by the counts we have", ", ".join(before.sources)
        )
        return True

    def _is_set_going(self, uid: str, is_early: bool) -> bool:
        """A study in Orthanc that nothing is waiting to deal with."""
        before = self._record.get(uid)
        if before is not None and (before.next_step is not None or before.lease is not None):
            return False
        try:
            stored = self._store.study(uid)
        except StoreError as error:
            log.warning("reconcile: %s is not readable in Orthanc: %s", uid, error)
            return False
        if stored is None:
            return False
        after = self._receive.saw(stored, is_quiet=stored.is_orthanc_stable and not is_early)
        return after is not None and after.next_step is not None

    def _is_asked_again(self, uid: str) -> bool:
        """A record that waits for pushed images which Orthanc no longer has: pulled where a source holds the study."""

        def change(study: Study) -> Study:
            if study.next_step is not None or study.lease is not None or study.state is not State.PULL_DATA:
                return study
            if study.holder not in ("", self._receive.gateway):
                return study
            if any(alias in self._sources for alias in study.sources):
                return queued_for_pull(study, self._clock.now(), study.priority)
            return replace(
                study.moved(State.FAILED), last_error="its images are gone from Orthanc, and no source holds it"
            )

        study = self._record.update(uid, change)
        if study is not None and study.state is State.FAILED:
            study_log(study.ids).error("%s: %s", study.study_instance_uid, study.last_error)
        return study is not None and study.next_step is Step.PULL and study.lease is None
