"""What a person, or the algorithm's side, says of a study: try again, skip, completed, unsupported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from plugin.domain.study import State, Step, Study, queued_for_pull
from plugin.logs import study_log
from plugin.pipeline.deliver import digest
from plugin.ports import Clock, HandOver, ImageStore, Record

Told = Mapping[str, object]
NOTHING_ELSE: Told = {}


class Decide:
    """Each method returns the record as it is then, or None where there is no such study.

    ``told`` is what the caller says beside: ``revision`` (a report on an older delivery than the last changes nothing)
    and ``reason``. A move that the state table does not hold raises IllegalMoveError.
    """

    def __init__(self, record: Record, store: ImageStore, hand_over: HandOver, clock: Clock) -> None:
        self._record = record
        self._store = store
        self._hand_over = hand_over
        self._clock = clock
        self.verbs: Mapping[str, Callable[..., Study | None]] = {
            "retry": self.retry,
            "skip": self.skip,
            "completed": self.completed,
            "unsupported": self.unsupported,
        }

    def retry(self, uid: str, told: Told = NOTHING_ELSE) -> Study | None:
        """Begin again: from the source that holds the study, else with the images that are here."""

        def change(study: Study) -> Study:
            fresh = replace(study, lease=None)
            if study.outbox:
                return fresh.then(Step.PUBLISH)
            if study.sources:
                return queued_for_pull(fresh, self._clock.now(), study.priority)
            return fresh.moved(State.PULL_DATA).then(Step.DELIVER)

        return self._changed(uid, change, "retry")

    def skip(self, uid: str, told: Told = NOTHING_ELSE) -> Study | None:
        """Nobody wants it; what Orthanc holds of it is deleted."""
        stored = self._store.study(uid)
        decided = digest(stored.instances) if stored else ""

        def change(study: Study) -> Study:
            settled = max(study.number_in_pacs or 0, study.number_received)
            skipped = replace(study.moved(State.UNSUPPORTED_SERIES), outbox=(), decided=decided, settled_number=settled)
            skipped = replace(skipped.then(Step.CLEAN), is_manual=False, wanted_series=())
            return replace(skipped, last_error=str(told.get("reason") or "skipped by a person"))

        return self._changed(uid, change, "skip")

    def completed(self, uid: str, told: Told = NOTHING_ELSE) -> Study | None:
        """The algorithm reported its result: the hand-over folders are not needed any more."""

        def change(study: Study) -> Study:
            if _is_outdated(study, told) or study.state is State.COMPLETED:
                return study
            return study.moved(State.COMPLETED).marked("completed", self._clock.now())

        study = self._changed(uid, change, "completed")
        if study is not None and study.state is State.COMPLETED:
            for delivery in study.deliveries:
                self._hand_over.remove(delivery.folder)
        return study

    def unsupported(self, uid: str, told: Told = NOTHING_ELSE) -> Study | None:
        """The back end says that it cannot use the study."""

        def change(study: Study) -> Study:
            if _is_outdated(study, told):
                return study
            return replace(study.moved(State.UNSUPPORTED_SERIES), last_error=str(told.get("reason") or ""))

        return self._changed(uid, change, "unsupported")

    def _changed(self, uid: str, change: Callable[[Study], Study], verb: str) -> Study | None:
        study = self._record.update(uid, change)
        if study is not None:
            study_log(study.ids).info("%s: %s is %s", verb, uid, study.state)
        return study


def _is_outdated(study: Study, told: Told) -> bool:
    """Whether the report is on a delivery that a newer one has replaced."""
    revision = told.get("revision")
    return isinstance(revision, int) and revision < study.revision
