"""The synthetic studies are DICOM that others can read."""

from datetime import date
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.simulators.images import SeriesPlan, StudyPlan, days_mixture, headers, write_study


def plan(*series: SeriesPlan, **more: object) -> StudyPlan:
    return StudyPlan(
        name="one",
        patient_id="SYN1",
        accession_number="A1",
        study_date="20240102",
        study_time="080626",
        series=series,
        **more,  # type: ignore[arg-type]
    )


def test_files_have_meta_header_pixels_and_planned_values(tmp_path: Path) -> None:
    series = SeriesPlan(
        images=3, number=7, slice_thickness=1.25, kernel="LUNG", rows=64, columns=48, attributes={"ImageComments": "x"}
    )

    paths = write_study(plan(series, attributes={"StationName": "CT9"}), tmp_path)

    datasets = [dcmread(path) for path in paths]
    assert [int(dataset.InstanceNumber) for dataset in datasets] == [1, 2, 3]
    assert len({dataset.SOPInstanceUID for dataset in datasets}) == 3
    first = datasets[0]
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID
    assert first.pixel_array.shape == (64, 48)
    assert (first.SliceThickness, first.ConvolutionKernel) == (1.25, "LUNG")
    assert (first.ImageComments, first.StationName) == ("x", "CT9")
    assert first.PatientName.family_name == "SYNTHETIC"
    assert datasets[0].PixelData != datasets[1].PixelData


def test_same_plan_same_uids_and_parts_of_a_study_share_theirs(tmp_path: Path) -> None:
    early = plan(SeriesPlan(images=2, rows=0))
    late = plan(SeriesPlan(images=2, first_image=3, rows=0))

    first = [dataset.SOPInstanceUID for dataset in headers(early)]

    assert first == [dataset.SOPInstanceUID for dataset in headers(early)]
    assert early.study_instance_uid == late.study_instance_uid
    together = [*first, *(dataset.SOPInstanceUID for dataset in headers(late))]
    assert len(set(together)) == 4


@pytest.mark.parametrize("character_set", ["ISO_IR 100", None])
def test_bytes_are_written_as_they_are(tmp_path: Path, character_set: str | None) -> None:
    chest = "胸部平扫".encode("gb18030")

    path = write_study(plan(SeriesPlan(description=chest, rows=0), character_set=character_set), tmp_path)[0]

    assert chest in path.read_bytes()
    dataset = dcmread(path)
    assert dataset.get("SpecificCharacterSet") == character_set
    assert dataset.SeriesDescription == chest.decode("latin-1")


def test_none_leaves_an_attribute_out(tmp_path: Path) -> None:
    series = SeriesPlan(image_type=(), rows=0, attributes={"BodyPartExamined": None})

    dataset = dcmread(write_study(plan(series), tmp_path)[0])

    assert "ImageType" not in dataset
    assert "BodyPartExamined" not in dataset
    assert dataset.SliceThickness is None


def test_a_day_has_a_study_that_grows_and_one_whose_chest_is_mojibake(tmp_path: Path) -> None:
    day = {plan.name.split()[-1]: plan for plan in days_mixture(date(2024, 1, 2), 0.1) if not plan.is_late}
    late = [plan for plan in days_mixture(date(2024, 1, 2), 0.1) if plan.is_late]

    assert set(day) == {"chest-ct", "chest-dx", "abdomen-ct", "mojibake-ct", "hand-dx", "growing-ct"}
    assert [plan.study_instance_uid for plan in late] == [day["growing-ct"].study_instance_uid]
    uids = {dataset.SOPInstanceUID for dataset in headers(day["growing-ct"])}
    assert uids.isdisjoint(dataset.SOPInstanceUID for dataset in headers(late[0]))
    mojibake = dcmread(write_study(day["mojibake-ct"], tmp_path)[0])
    assert mojibake.SeriesDescription.encode("latin-1").decode("gb18030") == "胸部平扫"
    words = f"{mojibake.StudyDescription}{mojibake.ProtocolName}{mojibake.BodyPartExamined}"
    assert words == ""
