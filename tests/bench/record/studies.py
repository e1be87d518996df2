"""A record of any size, as years of work leave it: nearly all settled, a thousand waiting, one in work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from plugin.domain.study import Completeness, Delivery, Series, Sighting, State, Step, Study

A_DAY = 1000
"""Studies a day."""
WAITING = 1000
NOW = datetime(2026, 6, 18, 12, tzinfo=UTC)
TODAY = f"{NOW:%Y-%m-%d}"
SETTLED = (State.PULL_DATA_END, State.COMPLETED, State.UNSUPPORTED_SERIES, State.COMPLETED)


def studies(number: int) -> Iterator[Study]:
    """The latest first; the day's first thousand wait for their pull, one is in work, a few have failed."""
    for place in range(number):
        if place < WAITING:
            yield _study(place, State.META_ONLY, Step.PULL, place % 7)
        elif place == WAITING:
            yield _study(place, State.PULL_DATA, Step.DELIVER, 0)
        else:
            yield _study(place, State.FAILED if place % 1000 == 7 else SETTLED[place % 4], None, 0)


def _study(place: int, state: State, step: Step | None, rank: int) -> Study:
    uid = f"1.2.840.113619.2.55.{place:09}"
    day = NOW - timedelta(days=place // A_DAY)
    series = tuple(_series(uid, number) for number in (1, 2, 3))
    folder = f"/store_image/4c18cd69-ecee1be6-10a1dcd4-73308186-{place:08x}"
    return Study(
        study_instance_uid=uid,
        accession_number=f"NA{place:09}",
        patient_id=f"{place // 3:08}",
        study_date=f"{day:%Y-%m-%d}",
        study_time=f"{place % 24:02}:{place % 60:02}:{place % 59:02}",
        modality="CT",
        modalities=("CT", "PR"),
        study_description="CHEST CT",
        state=state,
        next_step=step,
        queued_at=day,
        rank=rank,
        priority=rank,
        sightings={"PACS": Sighting(uid, 321, day, is_stable=True)},
        number_in_pacs=321,
        number_received=321,
        settled_number=321,
        completeness=Completeness("complete", 321, 321),
        series=series,
        deliveries=(Delivery("chest-ct", 1, f"{place:032x}", f"{uid}.3", 296, folder, {f"{uid}.3": 296}),),
        timeline=dict.fromkeys(("found", "stable", "pullStarted", "received", "verified", "delivered", "deleted"), day),
    )


def _series(uid: str, number: int) -> Series:
    attributes = {"SliceThickness": "1.25", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "BodyPartExamined": "CHEST"}
    return Series(
        f"{uid}.{number}", "CT", 296, 296, "kept", None, "thickest", "chest-ct", number == 3, attributes=attributes
    )
