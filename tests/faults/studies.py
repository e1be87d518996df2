"""Small studies for many short runs; written once, stored often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from tests.simulators.images import SeriesPlan, StudyPlan, write_study

SIDE = 64
"""Rows and columns: small images are quick ones."""
THIN = 14
"""Images of the series that is delivered of a chest CT; LATE of them come later in one that grows."""
LATE = 6


def _ct(number: int, images: int, body_part: str = "CHEST", first_image: int = 1, thickness: float = 1) -> SeriesPlan:
    return SeriesPlan(
        number=number,
        images=images,
        first_image=first_image,
        description=f"{body_part} {thickness:g}MM",
        protocol=f"1.1 {body_part}",
        body_part=body_part,
        slice_thickness=thickness,
        kernel="LUNG",
        rows=SIDE,
        columns=SIDE,
    )


def _study(number: int, name: str, day: date, *series: SeriesPlan) -> StudyPlan:
    return StudyPlan(
        name=f"{day:%Y%m%d} {name}",
        patient_id=f"FLT{number:05d}",
        accession_number=f"FA{day:%y%m%d}{number:03d}",
        study_date=f"{day:%Y%m%d}",
        study_time=f"08{number:02d}00",
        description=name,
        series=series,
    )


def plans() -> dict[str, StudyPlan]:
    """By short name; `late` and `extra` are further images of `ct`."""
    today = datetime.now().astimezone().date()
    views = (
        SeriesPlan(modality="DX", number=n, description=view, protocol=view, body_part="CHEST", rows=SIDE, columns=SIDE)
        for n, view in enumerate(("CHEST PA", "CHEST LAT"), start=1)
    )
    ct = _study(1, "chest", today, _ct(2, THIN - 2, thickness=5), _ct(3, THIN))
    return {
        "ct": ct,
        "late": replace(ct, series=(_ct(3, LATE, first_image=THIN + 1),), is_late=True),
        "extra": replace(ct, series=(_ct(9, THIN - 3),), is_late=True),
        "dx": _study(2, "dx", today, *views),
        "abdomen": _study(3, "abdomen", today, _ct(2, THIN, "ABDOMEN")),
        "old": _study(4, "old", today - timedelta(days=3), _ct(3, THIN)),
    }


@dataclass(frozen=True)
class Day:
    """The studies with their files."""

    plans: Mapping[str, StudyPlan]
    files: Mapping[str, list[Path]]

    @classmethod
    def write(cls, folder: Path) -> Day:
        made = plans()
        return cls(made, {name: write_study(plan, folder / name) for name, plan in made.items()})

    def uid(self, name: str) -> str:
        return self.plans[name].study_instance_uid
