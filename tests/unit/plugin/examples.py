"""Examinations to test with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.fakes import Image

DAY = "20200618"
PATIENT_NAME = "DOE^JANE"
CT, DX = "1.2.840.1", "1.2.840.2"
PATIENT = {
    "PatientID": "P77",
    "PatientName": PATIENT_NAME,
    "PatientBirthDate": "19700101",
    "AccessionNumber": "NA200618EVCT077",
    "StudyDate": DAY,
    "StudyTime": "080626",
    "StudyDescription": "111",
}
CHEST = {"Modality": "CT", "BodyPartExamined": "CHEST", "SliceThickness": "1.25"}
HEAD = {"BodyPartExamined": "HEAD", "SeriesDescription": "SKULL 1.25MM"}
HAND = {"BodyPartExamined": "HAND"}
SCOUT = {"ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER", "SeriesDescription": "SCOUT"}
NOTHING: Mapping[str, str] = {}


def series(
    uid: str, number: int, tags: Mapping[str, str] = NOTHING, *, first: int = 1, study: str | None = None
) -> list[Image]:
    """Images ``first`` to ``first + number - 1`` of a chest CT series ``<study>.<n>``; ``tags`` replace or add."""
    study = study or uid.rpartition(".")[0]
    all_tags = {**PATIENT, **CHEST, **tags}
    return [Image(study, uid, f"{uid}.{place}", all_tags) for place in range(first, first + number)]


def chest_ct(study: str = CT, thin: int = 30, thick: int = 12, tags: Mapping[str, str] = NOTHING) -> list[Image]:
    """A scout, a thick series and a thin one: the thin one is wanted (``<study>.3``)."""
    return [
        *series(f"{study}.1", 1, {**SCOUT, **tags}),
        *series(f"{study}.2", thick, {"SliceThickness": "5", **tags}),
        *series(f"{study}.3", thin, tags),
    ]


def chest_dx(study: str = DX, views: Sequence[str] = ("PA", "LAT"), tags: Mapping[str, str] = NOTHING) -> list[Image]:
    """One image a series and a view; all of them are wanted, together."""
    shared = {"Modality": "DX", "AccessionNumber": "NA200618EVDX001", "SliceThickness": "", **tags}
    return [
        image
        for place, view in enumerate(views, start=1)
        for image in series(f"{study}.{place}", 1, {**shared, "ViewPosition": view})
    ]
