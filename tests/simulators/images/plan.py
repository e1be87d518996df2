"""What a study looks like, before it is written."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AXIAL = ("ORIGINAL", "PRIMARY", "AXIAL")

Text = str | bytes


@dataclass(frozen=True, kw_only=True)
class SeriesPlan:
    """One series. A text given as bytes is written as it is, whatever SpecificCharacterSet says: mojibake."""

    modality: str = "CT"
    images: int = 1
    number: int = 1  # SeriesNumber; seeds the SeriesInstanceUID
    first_image: int = 1  # InstanceNumber of the first one: above 1 for images that come late
    description: Text = ""
    protocol: Text = ""
    body_part: Text = ""
    image_type: tuple[str, ...] = AXIAL  # () leaves ImageType out
    slice_thickness: float | None = None  # mm; None leaves it empty
    kernel: str = ""
    sop_class: str = ""  # SOPClassUID; by the modality when empty
    rows: int = 512  # 0: no pixels (PR, SR)
    columns: int = 512
    attributes: Mapping[str, Any] = field(default_factory=dict)  # further DICOM keywords; None leaves one out


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """One study. `name` seeds its UIDs: plans of the same name are parts of the same study."""

    name: str
    patient_id: str
    accession_number: str
    study_date: str  # YYYYMMDD
    study_time: str  # HHMMSS
    description: Text = ""
    series: tuple[SeriesPlan, ...] = ()
    character_set: str | None = "ISO_IR 100"  # SpecificCharacterSet as declared; None declares nothing
    is_late: bool = False  # reaches the PACS after the other part
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def study_instance_uid(self) -> str:
        return uid_of("study", self.name)

    def series_instance_uid(self, number: int) -> str:
        return uid_of("series", self.name, number)

    def sop_instance_uids(self, series: SeriesPlan) -> list[str]:
        return [
            uid_of("image", self.name, series.number, series.first_image + offset) for offset in range(series.images)
        ]


def uid_of(*seed: object) -> str:
    """The same UID for the same seed, below 2.25 (PS3.5 B.2)."""
    digest = hashlib.sha256("|".join(map(str, seed)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
