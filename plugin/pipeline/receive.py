"""What Orthanc's events mean for the record. Events are hints: they may be lost, repeated or late."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from enum import Enum

from plugin.domain.dates import iso_date, iso_time
from plugin.domain.holding import alive, is_busy_elsewhere
from plugin.domain.study import SETTLED, State, Step, Study
from plugin.logs import study_log
from plugin.pipeline.deliver import digest
from plugin.ports import Clock, ImageStore, Record, StoredStudy

log = logging.getLogger(__name__)


class Kind(Enum):
    """The events that matter."""

    NEW_STUDY = "new"
    STABLE_STUDY = "stable"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of Orthanc; ``resource_id`` is the study's."""

    kind: Kind
    resource_id: str


class Receive:
    """Turns events into records: a study that nobody asked for was pushed to us.

    ``gateway`` is our name among those that share the record. ``deletes``: what is delivered is to leave Orthanc.
    """

    def __init__(
        self, record: Record, store: ImageStore, clock: Clock, push_priority: int, gateway: str, deletes: bool
    ) -> None:
        self._record = record
        self._store = store
        self._clock = clock
        self._push_priority = push_priority
        self.gateway = gateway
        self._deletes = deletes

    def __call__(self, event: Event) -> None:
        """Record what the event says; raises StoreError, RecordError (nothing is lost: the start reconciles)."""
        uid = self._store.uid_of(event.resource_id)
        stored = self._store.study(uid) if uid else None
        if stored is None:
            return
        if event.kind is Kind.NEW_STUDY:
            study_log(_ids(stored)).info("new study: %s", stored.study_instance_uid)
            self.saw(stored, is_quiet=False)
            return
        study_log(_ids(stored)).info("stable study: %s", stored.study_instance_uid)
        if stored.instances:
            ae_title, address = self._store.sender(stored.instances[0])
            study_log(_ids(stored)).info("where study from %s %s %s", stored.study_instance_uid, ae_title, address)
        self.saw(stored, is_quiet=True)

    def saw(self, stored: StoredStudy, is_quiet: bool) -> Study | None:
        """The record after a look at the study in Orthanc; ``is_quiet``: no image has come for the StableAge."""
        self._record.insert(self._pushed(stored))
        known = self._record.get(stored.study_instance_uid)
        is_ours = known is None or known.holder in ("", self.gateway)
        others = frozenset[str]() if is_ours else alive(self._record.leases(), self._clock.now())

        def change(study: Study) -> Study:
            if is_busy_elsewhere(study, self.gateway, others):
                return study
            after = seen_in_orthanc(study, stored, is_quiet, self._push_priority)
            if after == study and is_quiet and self._deletes:
                after = without_leftover(study)
            return study if after == study else replace(after, holder=self.gateway)

        return self._record.update(stored.study_instance_uid, change)

    def _pushed(self, stored: StoredStudy) -> Study:
        tags = stored.header
        patient_id, accession, uid = _ids(stored)
        return Study(
            study_instance_uid=uid,
            patient_id=patient_id,
            accession_number=accession,
            study_date=iso_date(tags.get("StudyDate", "")),
            study_time=iso_time(tags.get("StudyTime", "")),
            modality=next((series.modality for series in stored.series if series.modality), ""),
            modalities=tuple(dict.fromkeys(series.modality for series in stored.series if series.modality)),
            study_description=tags.get("StudyDescription", ""),
            state=State.PULL_DATA,
            priority=self._push_priority,
            rank=self._push_priority,
            is_push=True,
            holder=self.gateway,
            timeline={"found": self._clock.now()},
        )


def seen_in_orthanc(study: Study, stored: StoredStudy, is_quiet: bool, push_priority: int) -> Study:
    """What a look into Orthanc changes. Work under way goes on: it will see the images itself."""
    if study.lease is not None or study.next_step not in (None, Step.PULL):
        return study
    is_being_pulled = study.next_step is Step.PULL and (study.tries > 0 or study.is_manual)
    is_more = len(stored.instances) > study.number_received
    if is_being_pulled and not (is_quiet and is_more):
        return study
    if study.state in SETTLED and (not is_quiet or digest(stored.instances) == study.decided):
        return study
    if study.state is State.META_ONLY and not is_being_pulled:
        priority = max(study.priority, push_priority)
        study = replace(study, is_push=True, priority=priority, rank=priority)
    if study.state is State.FAILED and not (is_quiet and is_more):
        return study
    received = study.moved(State.PULL_DATA)
    return received.then(Step.DELIVER if is_quiet else None)


def without_leftover(study: Study) -> Study:
    """The study, to be deleted from Orthanc where it is quiet and holds just what was delivered: sent to us once more,
    or left behind while another gateway went on."""
    is_done = study.state in SETTLED and study.next_step is None and study.lease is None
    return study.then(Step.CLEAN) if is_done else study


def _ids(stored: StoredStudy) -> tuple[str, str, str]:
    return stored.header.get("PatientID", ""), stored.header.get("AccessionNumber", ""), stored.study_instance_uid
