"""Fakes of the ports, with behaviour: a PACS that sends, an Orthanc that holds, a folder, a broker, a clock.

What is true of a port and not plain from its signature is held to by the contract tests, for fake and adapter alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from plugin.domain.study import Outgoing
from plugin.errors import BrokerAwayError, BrokerError, LevelRefusedError, SourceError, StoreError
from plugin.ports import Folder, SeriesAnswer, StoredSeries, StoredStudy, StudyAnswer

NOON = datetime(2020, 6, 18, 12, tzinfo=UTC)


def resource_id(*parts: str) -> str:
    """An id such as Orthanc makes: SHA-1 over the identifiers."""
    text = hashlib.sha1("|".join(parts).encode()).hexdigest()
    return "-".join(text[start : start + 8] for start in range(0, 40, 8))


@dataclass(frozen=True, slots=True)
class Image:
    """A DICOM image: its identifiers, and ``tags`` of patient, study, series and image (DICOM keywords)."""

    study: str
    series: str
    sop: str
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def instance(self) -> str:
        return resource_id(self.tags.get("PatientID", ""), self.study, self.series, self.sop)

    def tag(self, keyword: str) -> str:
        return self.tags.get(keyword, "")


class FakeClock:
    """Stands still until it is told to go on."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def today(self) -> date:
        return self.at.date()

    def advance(self, **by: float) -> None:
        """By ``seconds=…``, ``minutes=…``, ``hours=…``."""
        self.at += timedelta(**by)


class FakeStore:
    """Orthanc's content. ``deleted`` lists what was deleted in all; while ``is_failing`` every call fails."""

    def __init__(self) -> None:
        self.images: dict[str, Image] = {}
        self.deleted: list[Image] = []
        self.delete_calls = 0
        self.is_failing = False
        self.is_stable = False
        self.sender_is = ("GEPACS", "192.168.1.150")
        self.headers_read: list[str] = []

    def receive(self, images: Iterable[Image]) -> None:
        """A C-STORE; an image that is there already changes nothing."""
        for image in images:
            self.images.setdefault(image.instance, image)

    def held(self, uid: str) -> list[Image]:
        self._check()
        return [image for image in self.images.values() if image.study == uid]

    def study(self, study_instance_uid: str) -> StoredStudy | None:
        images = self.held(study_instance_uid)
        if not images:
            return None
        keyed: dict[str, list[Image]] = {}
        for image in images:
            keyed.setdefault(image.series, []).append(image)
        series = [
            StoredSeries(
                resource_id(mine[0].tag("PatientID"), study_instance_uid, uid),
                uid,
                mine[0].tag("Modality"),
                tuple(image.instance for image in mine),
                "20200618T063027",
            )
            for uid, mine in keyed.items()
        ]
        resources = dict.fromkeys(resource_id(image.tag("PatientID"), image.study) for image in images)
        return StoredStudy(tuple(resources), study_instance_uid, images[0].tags, tuple(series), self.is_stable)

    def study_uids(self) -> list[str]:
        self._check()
        return list(dict.fromkeys(image.study for image in self.images.values()))

    def uid_of(self, resource: str) -> str | None:
        self._check()
        ids = {resource_id(image.tag("PatientID"), image.study): image.study for image in self.images.values()}
        return ids.get(resource)

    def header(self, instance: str) -> Mapping[str, object]:
        self._check()
        self.headers_read.append(instance)
        return {key: value for key, value in self.images[instance].tags.items() if not key.startswith("Patient")}

    def sop_instance_uids(self, series: StoredSeries) -> frozenset[str]:
        self._check()
        return frozenset(self.images[instance].sop for instance in series.instances)

    def sender(self, instance: str) -> tuple[str, str]:
        self._check()
        return self.sender_is

    def attachment(self, instance: str) -> Path | None:
        self._check()
        return None

    def copy(self, instance: str, to: Path) -> None:
        self._check()
        to.write_text(self.images[instance].sop)

    def delete(self, study: StoredStudy) -> None:
        self._check()
        self.delete_calls += 1
        gone = [image for image in self.images.values() if image.study == study.study_instance_uid]
        self.deleted += gone
        for image in gone:
            del self.images[image.instance]

    def _check(self) -> None:
        if self.is_failing:
            raise StoreError("Orthanc does not answer")


class FakeSource:
    """A PACS that sends into a FakeStore. The attributes are the ways in which it may be odd."""

    def __init__(self, alias: str, store: FakeStore) -> None:
        self.alias = alias
        self.images: dict[str, Image] = {}
        self.is_away = False
        self.has_study_counts = True
        self.has_series_counts = True
        self.has_series_level = True
        self.has_image_level = True
        self.has_series_moves = True
        self.is_move_refused = False
        """It answers a move with a failure, after whatever it sent."""
        self.withheld: set[str] = set()
        """The SOPInstanceUIDs that it lists and never sends."""
        self.padding = ""
        self.ignores_keys = False
        self.hidden = 0
        """Images in its study count that no series holds."""
        self.answers_besides: list[StudyAnswer] = []
        self.finds: list[dict[str, str]] = []
        self.retrieves: list[tuple[str, tuple[str, ...]]] = []
        self.image_retrieves: list[tuple[str, tuple[str, ...]]] = []
        self._store = store

    def add(self, images: Iterable[Image]) -> None:
        self.images.update((image.sop, image) for image in images)

    def find_studies(self, query: Mapping[str, str]) -> list[StudyAnswer]:
        self._check()
        self.finds.append(dict(query))
        studies: dict[str, list[Image]] = {}
        for image in self.images.values():
            studies.setdefault(image.study, []).append(image)
        wanted = {} if self.ignores_keys else {key: value.strip(" \0") for key, value in query.items()}
        found = [images for images in studies.values() if all(_value(images[0], key) == wanted[key] for key in wanted)]
        return [*(self._study_answer(images) for images in found), *self.answers_besides]

    def _study_answer(self, images: list[Image]) -> StudyAnswer:
        first = images[0]
        day, hour = first.tag("StudyDate"), first.tag("StudyTime")
        return StudyAnswer(
            study_instance_uid=first.study,
            uid_as_given=first.study + self.padding,
            accession_number=first.tag("AccessionNumber"),
            patient_id=first.tag("PatientID"),
            study_date=f"{day[:4]}-{day[4:6]}-{day[6:]}",
            study_time=f"{hour[:2]}:{hour[2:4]}:{hour[4:6]}",
            modalities=tuple(dict.fromkeys(image.tag("Modality") for image in images if image.tag("Modality"))),
            study_description=first.tag("StudyDescription"),
            number_of_instances=len(images) + self.hidden if self.has_study_counts else None,
        )

    def find_series(self, uid_as_given: str) -> list[SeriesAnswer]:
        self._check()
        if not self.has_series_level:
            raise SourceError(f"{self.alias}: no answer at SERIES level")
        series: dict[str, list[Image]] = {}
        for image in self._of(uid_as_given):
            series.setdefault(image.series, []).append(image)
        return [
            SeriesAnswer(uid, uid + self.padding, len(mine) if self.has_series_counts else None, mine[0].tags)
            for uid, mine in series.items()
        ]

    def find_images(self, uid_as_given: str, series_uid_as_given: str) -> frozenset[str]:
        self._check()
        if not self.has_image_level:
            raise SourceError(f"{self.alias}: no answer at IMAGE level")
        return frozenset(image.sop for image in self._of(uid_as_given, (series_uid_as_given,)))

    def is_alive(self) -> bool:
        return not self.is_away

    def retrieve(self, uid_as_given: str, series: Sequence[str] = ()) -> None:
        self._check()
        if series and not self.has_series_moves:
            raise LevelRefusedError(f"{self.alias}: no retrieve at SERIES level")
        self.retrieves.append((uid_as_given, tuple(series)))
        self._store.receive(image for image in self._of(uid_as_given, series) if image.sop not in self.withheld)
        if self.is_move_refused:
            raise SourceError(f"{self.alias}: move failed: 0xB000")

    def retrieve_images(self, uid_as_given: str, series_uid_as_given: str, sop_instance_uids: Sequence[str]) -> None:
        self._check()
        if not self.has_image_level:
            raise LevelRefusedError(f"{self.alias}: no retrieve at IMAGE level")
        self.image_retrieves.append((series_uid_as_given, tuple(sop_instance_uids)))
        images = [image for image in self._of(uid_as_given, (series_uid_as_given,)) if image.sop in sop_instance_uids]
        self._store.receive(image for image in images if image.sop not in self.withheld)
        if self.is_move_refused:
            raise SourceError(f"{self.alias}: move failed: 0xB000")

    def _of(self, uid_as_given: str, series: Sequence[str] = ()) -> list[Image]:
        """The images asked for, by the UIDs exactly as this PACS gives them."""
        return [
            image
            for image in self.images.values()
            if image.study + self.padding == uid_as_given and (not series or image.series + self.padding in series)
        ]

    def _check(self) -> None:
        if self.is_away:
            raise SourceError(f"{self.alias}: time-out")


def _value(image: Image, keyword: str) -> str:
    return image.study if keyword == "StudyInstanceUID" else image.tag(keyword)


class FakeHandOver:
    """Hand-over folders as sets of instances."""

    def __init__(self, clock: FakeClock, root: str = "/store_image") -> None:
        self.folders: dict[str, frozenset[str]] = {}
        self.is_full = False
        self.studies: dict[str, str] = {}
        """The StudyInstanceUID by path."""
        self._clock = clock
        self._root = root
        self._touched: dict[str, datetime] = {}

    def present(self, folder: str) -> frozenset[str]:
        return self.folders.get(folder, frozenset())

    def write(self, folder: str, instances: Iterable[str]) -> Folder:
        if self.is_full:
            raise StoreError("the disk is full")
        self.folders[folder] = self.present(folder).union(instances)
        self._touched[folder] = self._clock.now()
        return Folder(f"{self._root}/{folder}", 1.5)

    def older_than(self, at: datetime) -> list[str]:
        return [f"{self._root}/{folder}" for folder, touched in self._touched.items() if touched < at]

    def is_half_written(self, path: str) -> bool:
        return path.startswith(f"{self._root}/.part-")

    def study_of(self, path: str) -> str | None:
        return self.studies.get(path)

    def remove(self, path: str) -> None:
        self.folders.pop(path.removeprefix(f"{self._root}/"), None)
        self._touched.pop(path.removeprefix(f"{self._root}/"), None)


class FakeBroker:
    """A broker with one queue. A message is confirmed, refused, or there is nobody."""

    def __init__(self, routing_keys: Iterable[str] = ("chest-ct", "chest-dx")) -> None:
        self.routing_keys = frozenset(routing_keys)
        self.messages: list[Outgoing] = []
        self.is_away = False
        self.loses_confirms = False
        """It takes a message, and goes away before it confirms."""

    def publish(self, message: Outgoing) -> None:
        self.idle()
        if message.routing_key not in self.routing_keys:
            raise BrokerError(f"no queue takes the routing key {message.routing_key!r}")
        self.messages.append(message)
        if self.loses_confirms:
            raise BrokerAwayError("RabbitMQ is away")

    def idle(self) -> None:
        if self.is_away:
            raise BrokerAwayError("RabbitMQ is away")

    def close(self) -> None:
        """Nothing is open."""
