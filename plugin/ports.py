"""What the pipeline asks of the outside world; one adapter (or more) each, and a fake for tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from plugin.domain.study import Lease, Outgoing, State, Step, Study


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""

    def today(self) -> date:
        """Today in the hospital's time zone (the machine's)."""


# --- the PACS ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StudyAnswer:
    """One answer of a STUDY level query, trimmed; ``uid_as_given`` is the StudyInstanceUID to ask with."""

    study_instance_uid: str
    uid_as_given: str
    accession_number: str = ""
    patient_id: str = ""
    study_date: str = ""
    study_time: str = ""
    modalities: tuple[str, ...] = ()
    study_description: str = ""
    number_of_instances: int | None = None


@dataclass(frozen=True, slots=True)
class SeriesAnswer:
    """One answer of a SERIES level query: the count and the header as the rules read it (DICOM keywords)."""

    series_instance_uid: str
    uid_as_given: str
    number_of_instances: int | None
    header: Mapping[str, object] = field(default_factory=dict)


class Source(Protocol):
    """A PACS that can be asked and pulled from. All methods raise SourceError when it cannot be asked."""

    @property
    def alias(self) -> str:
        """The name in Orthanc's DicomModalities."""

    def find_studies(self, query: Mapping[str, str]) -> list[StudyAnswer]:
        """C-FIND at STUDY level with these matching keys (DICOM keyword to value)."""

    def find_series(self, uid_as_given: str) -> list[SeriesAnswer]:
        """C-FIND at SERIES level for one study."""

    def find_images(self, uid_as_given: str, series_uid_as_given: str) -> frozenset[str]:
        """C-FIND at IMAGE level for one series: its SOPInstanceUIDs."""

    def is_alive(self) -> bool:
        """Whether the source answers at all (C-ECHO)."""

    def retrieve(self, uid_as_given: str, series: Sequence[str] = ()) -> None:
        """Have the study, or these series of it (UIDs as given), sent to us; returns when the source says so."""

    def retrieve_images(self, uid_as_given: str, series_uid_as_given: str, sop_instance_uids: Sequence[str]) -> None:
        """Have these images of a series sent to us; returns when the source says so."""


# --- Orthanc's own content --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """A series in Orthanc: its resource id, UID, the resource ids of its instances and its LastUpdate."""

    resource_id: str
    series_instance_uid: str
    modality: str
    instances: tuple[str, ...]
    last_update: str = ""


@dataclass(frozen=True, slots=True)
class StoredStudy:
    """A study in Orthanc. ``resource_ids`` has more than one entry when its images name several PatientIDs."""

    resource_ids: tuple[str, ...]
    study_instance_uid: str
    header: Mapping[str, str]
    series: tuple[StoredSeries, ...]
    is_orthanc_stable: bool

    @property
    def instances(self) -> list[str]:
        """The resource ids of all instances."""
        return [instance for series in self.series for instance in series.instances]


@dataclass(frozen=True, slots=True)
class Folder:
    """A hand-over folder: its absolute path, and the seconds from its first image's arrival to its last's, if known."""

    path: str
    seconds: float | None = None


class ImageStore(Protocol):
    """Orthanc's own content. All methods raise StoreError when Orthanc fails."""

    def study(self, study_instance_uid: str) -> StoredStudy | None:
        """The study as it is now, or None."""

    def study_uids(self) -> list[str]:
        """The StudyInstanceUID of every study in Orthanc."""

    def uid_of(self, resource_id: str) -> str | None:
        """The StudyInstanceUID of a study given by its resource id, or None where it is gone."""

    def header(self, instance: str) -> Mapping[str, object]:
        """The header of one instance as the rules read it (DICOM keywords), without any of the patient."""

    def sop_instance_uids(self, series: StoredSeries) -> frozenset[str]:
        """The SOPInstanceUIDs of the images of a series."""

    def sender(self, instance: str) -> tuple[str, str]:
        """The AE title and the address that stored an instance (RemoteAET, RemoteIP); empty where not known."""

    def attachment(self, instance: str) -> Path | None:
        """The plain DICOM file in Orthanc's storage, or None where there is none (compressed, other storage)."""

    def copy(self, instance: str, to: Path) -> None:
        """Write the DICOM file of an instance."""

    def delete(self, study: StoredStudy) -> None:
        """Delete the whole study in one call; one that is gone already is no error."""


class HandOver(Protocol):
    """Where AI picks the images up."""

    def present(self, folder: str) -> frozenset[str]:
        """The resource ids of the instances that the named folder holds already. Raises StoreError."""

    def write(self, folder: str, instances: Iterable[str]) -> Folder:
        """Put the instances into the named folder, all or nothing. Raises StoreError."""

    def older_than(self, at: datetime) -> list[str]:
        """The paths of our folders that nothing was put into since ``at``, half-written ones included.

        Raises StoreError.
        """

    def is_half_written(self, path: str) -> bool:
        """Whether a folder was left while it was being written; nobody was ever told of it."""

    def study_of(self, path: str) -> str | None:
        """The StudyInstanceUID of the images in a folder, or None where no image can be read."""

    def remove(self, path: str) -> None:
        """Remove a folder by its path; one that is gone is no error."""


# --- RabbitMQ ---------------------------------------------------------------------------------------------------


class Broker(Protocol):
    """The message broker; used by one thread only."""

    def publish(self, message: Outgoing) -> None:
        """Publish and return when the broker has confirmed; raises BrokerError otherwise."""

    def idle(self) -> None:
        """Serve heartbeats while there is nothing to publish. Raises BrokerError when the connection is gone."""

    def close(self) -> None:
        """Let go of the connection."""


# --- the record -------------------------------------------------------------------------------------------------

Change = Callable[[Study], Study]


class Record(Protocol):
    """``study_info_list``: one document a study, each change one atomic write. Methods raise RecordError."""

    def get(self, study_instance_uid: str) -> Study | None:
        """The record of one study."""

    def insert(self, study: Study) -> bool:
        """Add a study; False where it is there already (nothing is changed then)."""

    def update(self, study_instance_uid: str, change: Change) -> Study | None:
        """Replace the study by ``change(study)`` in one compare-and-set; None where there is no such study.

        ``change`` is pure: it may run more than once when others write at the same time. Returning its argument
        writes nothing.
        """

    def claim(
        self, step: Step, lease: Lease, now: datetime, sources: Collection[str] | None = None, lowest_rank: int = 0
    ) -> Study | None:
        """The first due study that waits for this step, by rank, then oldest examination; leased to us and held by us.

        Studies that another gateway holds are not ours to take, nor those below ``lowest_rank``.
        ``sources`` None takes any study; otherwise only those that one of these sources holds, where an empty
        collection takes those that no source is known to hold.
        """

    def find(self, **equals: str) -> list[Study]:
        """Studies whose fields (snake_case, indexed) equal the given texts, newest examination first, at most 100."""

    def number_of(self, study_date: str | None = None) -> dict[str, int]:
        """How many studies there are by state."""

    def forget(self, before: str) -> int:
        """Remove settled studies of days before ``YYYY-MM-DD`` with which nothing is left to do; how many."""

    def in_state(self, state: State) -> list[str]:
        """The StudyInstanceUID of every study in a state."""

    def waiting(self, step: Step) -> list[str]:
        """The StudyInstanceUID of every study that has this next step."""

    def number_waiting(self, step: Step) -> int:
        """How many studies have this next step."""

    def renew(self, lease: Lease, studies: Collection[str]) -> None:
        """Prolong the leases of these studies, where they are the owner's."""

    def release(self, owner: str) -> int:
        """Drop all leases of an owner (ourselves, before a restart); how many."""

    def age(self, now: datetime) -> None:
        """Bring the ranks of waiting pulls up to date with the time they have waited (``aged_rank``)."""

    def held_elsewhere(self, gateways: Collection[str]) -> list[str]:
        """The StudyInstanceUID of every study whose holder is none of these gateways."""

    def hold(self, name: str, lease: Lease, now: datetime) -> bool:
        """Take or prolong the lease of this name; False where another owner has it."""

    def leases(self) -> dict[str, Lease]:
        """The leases by name, lapsed ones too."""

    def all(self) -> Iterator[Study]:
        """Every study, in the order of the StudyInstanceUIDs."""

    def put(self, studies: Sequence[Study]) -> None:
        """Insert or replace studies as they are, version and all: a copy of another record."""

    def close(self) -> None:
        """Let go of the database, at the end."""
