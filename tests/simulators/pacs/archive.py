"""What a simulated PACS holds: headers of studies, series and images, and where each image's file is."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from tests.simulators.pacs.matching import Row, Values, values_of

LEVELS = ("PATIENT", "STUDY", "SERIES", "IMAGE")
UNIQUE_KEYS = {
    "PATIENT": "PatientID",
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}
PATIENT_KEYS = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
STUDY_KEYS = (
    *("StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "StudyID", "StudyDescription"),
    *("ReferringPhysicianName", "PatientAge", "InstitutionName"),
)
SERIES_KEYS = (
    *("SeriesInstanceUID", "SeriesNumber", "Modality", "SeriesDescription", "BodyPartExamined", "ProtocolName"),
    *("SeriesDate", "SeriesTime", "Manufacturer", "ManufacturerModelName", "StationName"),
)
IMAGE_KEYS = (
    *("SOPInstanceUID", "SOPClassUID", "InstanceNumber", "ImageType", "SliceThickness", "ConvolutionKernel"),
    *("ImageComments", "AcquisitionNumber", "AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime"),
    *("Rows", "Columns"),
)
COUNTED = "NumberOfSeriesRelatedInstances"  # in a header without file: how many images it stands for
INDEXED = ["SpecificCharacterSet", *PATIENT_KEYS, *STUDY_KEYS, *SERIES_KEYS, *IMAGE_KEYS, COUNTED]

Visible = Callable[[int, "Instance"], bool]  # (position in the series, image) -> is it there already?


@dataclass(frozen=True)
class Instance:
    """One image, or a header that stands for several (`count`)."""

    attributes: Row
    transfer_syntax_uid: str
    source: Path | Dataset | None  # None: can be found, not retrieved
    size: int  # bytes
    count: int
    visible_at: float  # monotonic seconds

    @property
    def sop_instance_uid(self) -> str:
        return self.attributes["SOPInstanceUID"][0]

    @property
    def sop_class_uid(self) -> str:
        return self.attributes["SOPClassUID"][0]

    def read(self) -> Dataset:
        """The dataset as stored, its elements left as the bytes they are."""
        if self.source is None:
            raise FileNotFoundError(f"image {self.sop_instance_uid} is known from its header alone")
        return self.source if isinstance(self.source, Dataset) else dcmread(self.source)


@dataclass
class Series:
    attributes: Row
    instances: dict[str, Instance] = field(default_factory=dict)


@dataclass
class Study:
    attributes: Row  # the patient's too
    series: dict[str, Series] = field(default_factory=dict)


class Archive:
    """Studies by StudyInstanceUID. Safe to add to while it is asked."""

    def __init__(self) -> None:
        self._studies: dict[str, Study] = {}
        self._lock = threading.RLock()

    def add_file(self, path: Path, visible_at: float) -> bool:
        """Index a file by its header; False if it is not DICOM."""
        try:
            dataset = dcmread(path, stop_before_pixels=True, specific_tags=[*INDEXED])
        except InvalidDicomError:
            return False
        if "SOPInstanceUID" not in dataset:  # a DICOMDIR
            return False
        self.add(dataset, path, path.stat().st_size, visible_at)
        return True

    def add(self, dataset: Dataset, source: Path | Dataset | None, size: int, visible_at: float) -> None:
        """Index a dataset. The first image of a study or series says what is answered about it."""
        meta = getattr(dataset, "file_meta", Dataset())
        instance = Instance(
            attributes=_attributes(dataset, IMAGE_KEYS),
            transfer_syntax_uid=str(meta.get("TransferSyntaxUID", "")),
            source=source,
            size=size,
            count=int(dataset.get(COUNTED, None) or 1) if source is None else 1,
            visible_at=visible_at,
        )
        with self._lock:
            study = self._studies.get(str(dataset.StudyInstanceUID))
            if study is None:
                study = Study(_attributes(dataset, ("SpecificCharacterSet", *PATIENT_KEYS, *STUDY_KEYS)))
                self._studies[str(dataset.StudyInstanceUID)] = study
            series = study.series.get(str(dataset.SeriesInstanceUID))
            if series is None:
                series = study.series[str(dataset.SeriesInstanceUID)] = Series(_attributes(dataset, SERIES_KEYS))
            series.instances.setdefault(instance.sop_instance_uid, instance)

    def rows(self, level: str, is_visible: Visible) -> list[Row]:
        """Every entity of a level with its attributes, those of the levels above, and its counts."""
        with self._lock:
            if level == "PATIENT":
                return list(_patient_rows(self._study_rows(is_visible)))
            if level == "STUDY":
                return list(self._study_rows(is_visible))
            if level == "SERIES":
                return [row for row, _ in self._series_rows(is_visible)]
            return [{**row, **one.attributes} for row, instances in self._series_rows(is_visible) for one in instances]

    def instances(self, uids: Mapping[str, Values], is_visible: Visible) -> list[Instance]:
        """The images under the unique keys of a retrieve request (PS3.4 C.4.2.2.1), in order of storing."""
        wanted = {level: frozenset(uids.get(key, ())) for level, key in UNIQUE_KEYS.items()}
        with self._lock:
            return [
                one
                for study_uid, study in self._studies.items()
                if _is_in(wanted["STUDY"], study_uid) and _is_in(wanted["PATIENT"], *study.attributes["PatientID"])
                for series_uid, series in study.series.items()
                if _is_in(wanted["SERIES"], series_uid)
                for one in _visible(series, is_visible)
                if _is_in(wanted["IMAGE"], one.sop_instance_uid)
            ]

    def _study_rows(self, is_visible: Visible) -> Iterator[Row]:
        for study in self._studies.values():
            counts = {uid: sum(one.count for one in _visible(one, is_visible)) for uid, one in study.series.items()}
            shown = [series for uid, series in study.series.items() if counts[uid]]
            if not shown:
                continue
            modalities = dict.fromkeys(one for series in shown for one in series.attributes["Modality"])
            yield {
                **study.attributes,
                "ModalitiesInStudy": tuple(modalities),
                "NumberOfStudyRelatedSeries": (str(len(shown)),),
                "NumberOfStudyRelatedInstances": (str(sum(counts.values())),),
            }

    def _series_rows(self, is_visible: Visible) -> Iterator[tuple[Row, list[Instance]]]:
        for study in self._studies.values():
            for series in study.series.values():
                instances = _visible(series, is_visible)
                if instances:
                    count = str(sum(one.count for one in instances))
                    yield {**study.attributes, **series.attributes, COUNTED: (count,)}, instances


def _attributes(dataset: Dataset, keywords: Iterable[str]) -> Row:
    return {keyword: values_of(dataset.get(keyword)) for keyword in keywords}


def _visible(series: Series, is_visible: Visible) -> list[Instance]:
    return [one for position, one in enumerate(series.instances.values()) if is_visible(position, one)]


def _is_in(wanted: frozenset[str], *values: str) -> bool:
    return not wanted or any(value in wanted for value in values)


def _patient_rows(studies: Iterable[Row]) -> Iterator[Row]:
    patients: dict[Values, list[Row]] = {}
    for study in studies:
        patients.setdefault(study["PatientID"], []).append(study)
    for rows in patients.values():
        total = {
            counted: sum(int(row[key][0]) for row in rows)
            for counted, key in (
                ("NumberOfPatientRelatedSeries", "NumberOfStudyRelatedSeries"),
                ("NumberOfPatientRelatedInstances", "NumberOfStudyRelatedInstances"),
            )
        }
        yield {
            **{key: rows[0][key] for key in ("SpecificCharacterSet", *PATIENT_KEYS)},
            "NumberOfPatientRelatedStudies": (str(len(rows)),),
            **{key: (str(value),) for key, value in total.items()},
        }
