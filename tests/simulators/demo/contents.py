"""What the demo PACS holds: a synthetic day, or the DICOM files of a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tests.simulators.images import days_mixture, write_study
from tests.simulators.orthanc import Orthanc

SCALE = 0.5
"""Images of the synthetic day, against those of a real one."""
BATCH = 20
FARTHEST_DAY = 365
"""The limit of the setting CrossDays."""


@dataclass
class LateImages:
    """A study that grows while the demo runs: the first half of these comes bit by bit before the study is stable, the
    second half all at once after it was delivered."""

    study_instance_uid: str
    before: list[list[Path]]
    after: list[Path]

    @classmethod
    def of(cls, study_instance_uid: str, files: Sequence[Path]) -> LateImages:
        half, bit = len(files) // 2, max(len(files) // 8, 1)
        before = [list(files[start : min(start + bit, half)]) for start in range(0, half, bit)]
        return cls(study_instance_uid, before, list(files[half:]))

    def next_batch(self, is_delivered: bool) -> list[Path]:
        """The files that reach the PACS now."""
        if self.before:
            return self.before.pop(0)
        if is_delivered:
            batch, self.after = self.after, []
            return batch
        return []

    @property
    def is_over(self) -> bool:
        return not self.before and not self.after


def synthetic_day(pacs: Orthanc, aside: Path, tell: Callable[[str], None]) -> LateImages:
    """Fill the PACS with a small department's day; the images that come later are given back."""
    plans = days_mixture(datetime.now().astimezone().date(), SCALE)
    late: list[LateImages] = []
    for number, plan in enumerate(plans, 1):
        files = write_study(plan, aside)
        if plan.is_late:
            late.append(LateImages.of(plan.study_instance_uid, files))
            continue
        pacs.store(files)
        shutil.rmtree(aside / plan.study_instance_uid)
        tell(f"study {number} of {len(plans) - 1}")
    return late[0]


def files_of(folder: Path, pacs: Orthanc, tell: Callable[[str], None]) -> tuple[int, int]:
    """Load every file below a folder into the PACS: (DICOM files taken, other files)."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    taken = 0
    for start in range(0, len(files), BATCH):
        taken += pacs.store(files[start : start + BATCH])
        tell(f"{min(start + BATCH, len(files))} of {len(files)} files")
    return taken, len(files) - taken


@dataclass(frozen=True)
class PacsStudy:
    """A study as it stands in the demo PACS (one entry a StudyInstanceUID)."""

    study_instance_uid: str
    accession_number: str
    study_date: str
    modalities: tuple[str, ...]
    images: int

    @property
    def day(self) -> date | None:
        """The StudyDate, where it is one."""
        try:
            return datetime.strptime(self.study_date, "%Y%m%d").astimezone().date()
        except ValueError:
            return None


def studies_in(pacs: Orthanc) -> list[PacsStudy]:
    """What the PACS holds now, by StudyInstanceUID."""
    series: dict[str, list[dict[str, Any]]] = {}
    for one in pacs.get("/series?expand"):
        series.setdefault(one["ParentStudy"], []).append(one)
    found: dict[str, PacsStudy] = {}
    for study in pacs.get("/studies?expand"):
        tags = study["MainDicomTags"]
        uid = str(tags.get("StudyInstanceUID", "")).strip()
        mine = series.get(study["ID"], [])
        before = found.get(uid)
        found[uid] = PacsStudy(
            uid,
            str(tags.get("AccessionNumber", "")).strip(),
            str(tags.get("StudyDate", "")).strip(),
            tuple(sorted({*(before.modalities if before else ()), *_modalities(mine)})),
            (before.images if before else 0) + sum(len(one["Instances"]) for one in mine),
        )
    return [found[uid] for uid in sorted(found, key=lambda uid: (found[uid].study_date, found[uid].accession_number))]


def _modalities(series: Sequence[dict[str, Any]]) -> set[str]:
    return {one["MainDicomTags"]["Modality"] for one in series if one["MainDicomTags"].get("Modality")}


def days_to_poll(studies: Sequence[PacsStudy], today: date) -> list[int]:
    """CrossDays that reach the studies of the last and the next year; today is always among them."""
    offsets = {(study.day - today).days for study in studies if study.day is not None}
    return sorted({0, *(offset for offset in offsets if abs(offset) <= FARTHEST_DAY)})


def out_of_reach(studies: Sequence[PacsStudy], today: date) -> list[PacsStudy]:
    """The studies that no poll by StudyDate finds: no date, or too far from today."""
    return [study for study in studies if study.day is None or abs((study.day - today).days) > FARTHEST_DAY]
