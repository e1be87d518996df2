"""The study record: one immutable value that says all we know of a study, and the table of its legal states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum

from plugin.errors import IllegalMoveError


class State(StrEnum):
    """Where a study stands, as support engineers see it (``study_info_list.state``)."""

    META_ONLY = "meta_only"
    PULL_DATA = "pull_data"
    PULL_DATA_END = "pull_data_end"
    UNSUPPORTED_SERIES = "unsupported_series"
    COMPLETED = "completed"
    FAILED = "failed"


class Step(StrEnum):
    """The next thing to do with a study (``nextStep``); None means: nothing until something new is seen."""

    PULL = "pull"
    """Have it sent by a source."""
    DELIVER = "deliver"
    """Count, choose the series, write the hand-over folder and the outgoing message."""
    PUBLISH = "publish"
    """Get the broker's confirm for what is in the outbox."""
    CLEAN = "clean"
    """Delete it from Orthanc."""


_S = State
LEGAL_MOVES: Mapping[State, frozenset[State]] = {
    _S.META_ONLY: frozenset({_S.PULL_DATA, _S.UNSUPPORTED_SERIES, _S.FAILED}),
    _S.PULL_DATA: frozenset({_S.META_ONLY, _S.PULL_DATA_END, _S.UNSUPPORTED_SERIES, _S.FAILED}),
    _S.PULL_DATA_END: frozenset({_S.PULL_DATA, _S.UNSUPPORTED_SERIES, _S.COMPLETED}),
    _S.UNSUPPORTED_SERIES: frozenset({_S.META_ONLY, _S.PULL_DATA}),
    _S.COMPLETED: frozenset({_S.PULL_DATA}),
    _S.FAILED: frozenset({_S.META_ONLY, _S.PULL_DATA, _S.UNSUPPORTED_SERIES}),
}
SETTLED = frozenset({_S.PULL_DATA_END, _S.UNSUPPORTED_SERIES, _S.COMPLETED})


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one source last answered of the study. ``study_instance_uid`` is the text as given, padding and all."""

    study_instance_uid: str
    number_in_pacs: int | None
    first_seen_at: datetime
    is_stable: bool = False


@dataclass(frozen=True, slots=True)
class Completeness:
    """Received against the PACS, in images of the study. ``status``: complete, incomplete or unknown."""

    status: str = "unknown"
    expected: int | None = None
    received: int = 0
    repulls: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """A series with its counts (images; None: the PACS gives none) and the verdict of the rules.

    ``number_delivered``: how many of its images were handed over last; it stays when the images have left Orthanc.
    """

    series_instance_uid: str
    modality: str = ""
    number_in_pacs: int | None = None
    number_received: int = 0
    verdict: str = ""
    rule: str | None = None
    reason: str = ""
    task: str | None = None
    number_delivered: int = 0
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One hand-over of a study that the broker confirmed, or is to confirm. ``number_received`` counts images.

    ``numbers`` counts them by SeriesInstanceUID. ``is_one_of_many``: the series was delivered by itself, not as what
    stands for its study.
    """

    task: str
    revision: int
    message_id: str
    series_instance_uid: str
    number_received: int
    folder: str
    numbers: Mapping[str, int] = field(default_factory=dict)
    is_one_of_many: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that waits in the outbox for the broker's confirm. ``body`` is SPEC-shaped JSON data."""

    message_id: str
    routing_key: str
    priority: int
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on the record, and until when nobody else may."""

    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Study:
    """The record of one study; every step turns one Study into the next.

    ``study_instance_uid`` is trimmed. ``study_date`` is ``YYYY-MM-DD`` and ``study_time`` ``HH:MM:SS`` or empty.
    ``tries`` counts the pulls begun, ``failures`` the failed attempts at the present step in a row. ``missing`` are the
    series to pull again (empty: the study). ``is_retrieve_ok`` says that the source called the last retrieve a success.
    ``settled_number`` is the PACS's number of images when the study was last delivered or refused: a higher number
    later means late images. ``decided`` is the digest of the images that the last decision was made on: only while
    Orthanc still holds exactly these may the study be deleted there. ``holder`` is the gateway whose Orthanc has the
    images of the work under way (empty: none yet, or none any more); only that one goes on with it.
    """

    study_instance_uid: str
    accession_number: str = ""
    patient_id: str = ""
    study_date: str = ""
    study_time: str = ""
    modality: str = ""
    modalities: tuple[str, ...] = ()
    study_description: str = ""
    state: State = State.META_ONLY
    next_step: Step | None = None
    due_at: datetime | None = None
    queued_at: datetime | None = None
    priority: int = 0
    rank: int = 0
    is_push: bool = False
    is_manual: bool = False
    wanted_series: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    sightings: Mapping[str, Sighting] = field(default_factory=dict)
    number_in_pacs: int | None = None
    number_received: int = 0
    settled_number: int | None = None
    completeness: Completeness = Completeness()
    tries: int = 0
    failures: int = 0
    is_retrieve_ok: bool = True
    last_error: str = ""
    series: tuple[Series, ...] = ()
    decided: str = ""
    deliveries: tuple[Delivery, ...] = ()
    outbox: tuple[Outgoing, ...] = ()
    timeline: Mapping[str, datetime] = field(default_factory=dict)
    lease: Lease | None = None
    holder: str = ""
    version: int = 0

    @property
    def ids(self) -> tuple[str, str, str]:
        """PatientID, AccessionNumber, StudyInstanceUID: what each log line about the study carries."""
        return self.patient_id, self.accession_number, self.study_instance_uid

    @property
    def sources(self) -> tuple[str, ...]:
        """The aliases of the sources that hold the study."""
        return tuple(self.sightings)

    @property
    def revision(self) -> int:
        """The number of the last delivery; 0 before the first."""
        return max((delivery.revision for delivery in self.deliveries), default=0)

    def moved(self, state: State) -> Study:
        """The study in a new state.

        :raises IllegalMoveError: where the table of legal moves does not hold the move.
        """
        if state is self.state:
            return self
        if state not in LEGAL_MOVES[self.state]:
            raise IllegalMoveError(f"{self.study_instance_uid}: no move from {self.state} to {state}")
        return replace(self, state=state)

    def then(self, step: Step | None, at: datetime | None = None) -> Study:
        """The study with its next step, due at a time (None: at once), free for the next worker."""
        return replace(self, next_step=step, due_at=at, failures=0, last_error="", lease=None)

    def marked(self, step_name: str, at: datetime) -> Study:
        """The study with a timeline entry (found, stable, pullStarted, received, verified, delivered, …)."""
        return replace(self, timeline={**self.timeline, step_name: at})


def queued_for_pull(study: Study, at: datetime, priority: int) -> Study:
    """The study, put into the pull queue as if never tried; a higher priority is pulled earlier."""
    afresh = replace(
        study,
        tries=0,
        missing=(),
        rank=priority,
        priority=max(priority, study.priority),
        queued_at=at,
        completeness=Completeness(received=study.number_received),
    )
    return afresh.then(Step.PULL)


def merged(claimed: Study, outcome: Study, current: Study) -> Study:
    """The outcome of a step on ``claimed``, with what others wrote meanwhile (``current``) kept."""
    theirs = {
        each.name: getattr(current, each.name)
        for each in fields(Study)
        if getattr(current, each.name) != getattr(claimed, each.name)
    }
    return replace(outcome, **theirs)
