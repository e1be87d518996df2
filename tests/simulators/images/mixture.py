"""The studies of one day in a small department."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from tests.simulators.images.plan import SeriesPlan, StudyPlan, Text


def days_mixture(day: date, scale: float = 1.0) -> list[StudyPlan]:
    """A day of a small department: what is wanted, what is not, and what is hard to tell.

    `scale` multiplies the number of images (never fewer than 12 in a CT series that could be wanted). Names end in
    `chest-ct`, `chest-dx`, `abdomen-ct`, `mojibake-ct`, `hand-dx` and `growing-ct`; the last one is two plans, the
    second with `is_late`: its images reach the PACS afterwards, and make the thin series longer.
    """

    def few(images: int) -> int:
        return max(12, round(images * scale))

    def study(number: int, name: str, time: str, description: Text, *series: SeriesPlan) -> StudyPlan:
        return StudyPlan(
            name=f"{day:%Y%m%d} {name}",
            patient_id=f"SYN{number:05d}",
            accession_number=f"NA{day:%y%m%d}SYN{number:03d}",
            study_date=f"{day:%Y%m%d}",
            study_time=time,
            description=description,
            series=series,
        )

    growing = "1.1 CHEST", "CHEST"
    return [
        study(1, "chest-ct", "080626", "CHEST CT", *_chest_ct(few)),
        study(2, "chest-dx", "081200", "CHEST 2 VIEWS", *_radiographs("CHEST", "CHEST PA", "CHEST LAT")),
        study(3, "abdomen-ct", "083015", "ABDOMEN CT", *_ct_pair("5.1 ABDOMEN", "ABDOMEN", few)),
        study(4, "mojibake-ct", "090530", "", _mojibake(few(60))),
        study(5, "hand-dx", "091000", "HAND 2 VIEWS", *_radiographs("HAND", "HAND PA", "HAND OBL")),
        study(6, "growing-ct", "093045", "CHEST CT", *_ct_pair(*growing, few)),
        replace(
            study(6, "growing-ct", "093045", "CHEST CT", _thin(*growing, few(100), first_image=few(200) + 1)),
            is_late=True,
        ),
    ]


def _chest_ct(few: Callable[[int], int]) -> tuple[SeriesPlan, ...]:
    protocol, body_part = "1.1 CHEST", "CHEST"
    scout = SeriesPlan(
        number=1,
        images=2,
        description="SCOUT",
        protocol=protocol,
        body_part=body_part,
        image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"),
        rows=256,
    )
    coronal = SeriesPlan(
        number=4,
        images=few(60),
        description="COR MPR 3MM",
        protocol=protocol,
        body_part=body_part,
        image_type=("DERIVED", "SECONDARY", "REFORMATTED"),
        slice_thickness=3.0,
        attributes={"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]},
    )
    head = SeriesPlan(
        number=5,
        images=few(30),
        description="SKULL 5MM",
        protocol="1.1 HEAD",
        body_part="HEAD",
        slice_thickness=5.0,
        kernel="SOFT",
    )
    return scout, *_ct_pair(protocol, body_part, few, number=2, thin=300), coronal, head


def _ct_pair(
    protocol: str, body_part: str, few: Callable[[int], int], number: int = 2, thin: int = 200
) -> tuple[SeriesPlan, SeriesPlan]:
    thick = SeriesPlan(
        number=number,
        images=few(60),
        description=f"{body_part} 5MM",
        protocol=protocol,
        body_part=body_part,
        slice_thickness=5.0,
        kernel="STANDARD",
    )
    return thick, _thin(protocol, body_part, few(thin), number=number + 1)


def _thin(protocol: str, body_part: str, images: int, number: int = 3, first_image: int = 1) -> SeriesPlan:
    return SeriesPlan(
        number=number,
        images=images,
        first_image=first_image,
        description=f"{body_part} 1MM",
        protocol=protocol,
        body_part=body_part,
        image_type=("ORIGINAL", "PRIMARY", "HELICAL"),
        slice_thickness=1.0,
        kernel="LUNG",
    )


def _mojibake(images: int) -> SeriesPlan:
    """A plain chest CT whose only chest word is GB18030 in a file that declares Latin-1."""
    return SeriesPlan(
        number=2, images=images, description="胸部平扫".encode("gb18030"), slice_thickness=5.0, kernel="STANDARD"
    )


def _radiographs(body_part: str, *views: str) -> tuple[SeriesPlan, ...]:
    return tuple(
        SeriesPlan(
            modality="DX",
            number=number,
            description=view,
            protocol=view,
            body_part=body_part,
            image_type=("ORIGINAL", "PRIMARY", ""),
            rows=1024,
            columns=1024,
        )
        for number, view in enumerate(views, start=1)
    )
