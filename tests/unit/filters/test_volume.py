"""A stack of axial images or not; thin or thick; contrast; kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from filters import Rules

CHEST: dict[str, object] = {"Modality": "CT", "BodyPartExamined": "CHEST"}
ENHANCED = "1.2.840.10008.5.1.4.1.1.2.1"


@pytest.mark.parametrize(
    ("image_type", "keep"),
    [
        (["ORIGINAL", "PRIMARY", "AXIAL"], True),
        (["ORIGINAL", "PRIMARY", "HELICAL"], True),
        (["ORIGINAL", "PRIMARY", "AXIAL", "HELIX"], True),
        (["ORIGINAL", "SECONDARY", "AXIAL"], True),
        ("ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM5 SPI", True),
        (["ORIGINAL", "PRIMARY"], True),
        (None, True),
        ("", True),
        ([None, ""], True),
        (["ORIGINAL", "PRIMARY", "LOCALIZER"], False),
        (["derived", "secondary", "reformatted"], False),
        (["DERIVED", "PRIMARY", "AXIAL"], False),
        ("ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM5 TOP", False),
        ("['DERIVED', 'PRIMARY', 'MPR']", False),
        ("ORIGINAL\\PRIMARY\\DOSEINFO", False),
    ],
)
def test_image_type(rules: Rules, image_type: object, keep: bool) -> None:
    assert rules.judge(CHEST | {"ImageType": image_type}).keep is keep


def test_absent_image_type(rules: Rules) -> None:
    assert rules.judge(CHEST).keep


@pytest.mark.parametrize(
    "name",
    """SCOUT|Topogram 0.6 T20s|Topogramm|LOCALIZER|LOCALIZING AXIAL|Surview|SCANOGRAM|Scano|LOCATOR|PILOT
定位像|位置決め|위치결정|SMART PREP|Monitoring|PREMONITORING|CONTROL SCAN|TEST BOLUS|TIMING BOLUS
TRACKER|SureStart|Bolus|CHEST COR|SAG 3MM|CORONAL|Sagittal|MPR|Thorax 3.0 MPR cor|REFORMATTED|RFMT
SPO|<MPR Range>|冠状|矢状|MIP|MINIP|VRT|3D|CR VESSEL SUPPRESS|ClearRead|IODINE|MonoE 50
PERFUSION DATA|DOSE REPORT|Dose Info|RAPPORT DOSE|EXAM SUMMARY|PATIENT PROTOCOL|SCREEN SAVE
KEY IMAGES|PROJECTIONS|CTAC 3.27|AC CT|ATTEN COR|Lung biopsy|PHANTOM""".replace("\n", "|").split("|"),
)
def test_series_names_that_are_no_volume(rules: Rules, name: str) -> None:
    header = CHEST | {"StudyDescription": "CT CHEST", "SeriesDescription": name, "NumberOfSeriesRelatedInstances": 200}
    verdict = rules.judge(header)
    assert not verdict.keep
    assert verdict.rule in ("volume_words", "pet_ct", "region")


@pytest.mark.parametrize(
    "name", ["1.25MM", "AXIAL", "Recon 2: LUNG", "5 MM STANDARD", "Full Dose Images", "C+ 1.0", "ENHANCED"]
)
def test_series_names_of_volumes(rules: Rules, name: str) -> None:
    header = CHEST | {"StudyDescription": "CT CHEST", "SeriesDescription": name, "NumberOfSeriesRelatedInstances": 200}
    assert rules.judge(header).keep


def test_image_comments(rules: Rules) -> None:
    assert rules.judge(CHEST | {"ImageComments": "Non\\Contrast\\Coronal"}).rule == "volume_words"
    assert rules.judge(CHEST | {"ImageComments": "reported by telephone, see report"}).keep


def test_attenuation_ct_is_an_option(changed: Callable[..., Rules]) -> None:
    header = CHEST | {"StudyDescription": "PET CT CHEST", "SeriesDescription": "CTAC"}
    assert changed().judge(header).rule == "pet_ct"
    assert changed(('pet_ct = "refuse"', 'pet_ct = "keep"')).judge(header).keep


@pytest.mark.parametrize(
    ("counts", "keep"),
    [
        ({"NumberOfSeriesRelatedInstances": 10}, True),
        ({"NumberOfSeriesRelatedInstances": "9"}, False),
        ({"NumberOfSeriesRelatedInstances": 0}, True),
        ({"NumberOfSeriesRelatedInstances": ""}, True),
        ({"NumberOfSeriesRelatedInstances": -3}, True),
        ({"NumberOfSeriesRelatedInstances": 1, "NumberOfFrames": 300}, True),
        ({"NumberOfSeriesRelatedInstances": 1, "NumberOfFrames": 4}, False),
        ({"NumberOfFrames": "300"}, True),
        ({"NumberOfFrames": 2}, False),
        ({"NumberOfSeriesRelatedInstances": 1, "SOPClassUID": ENHANCED}, True),
        ({"NumberOfSeriesRelatedInstances": 1, "SOPClassUID": ENHANCED, "NumberOfFrames": 3}, False),
        ({"NumberOfSeriesRelatedInstances": 1e300, "NumberOfFrames": 1e300}, True),
        ({"NumberOfSeriesRelatedInstances": True}, True),
    ],
)
def test_few_images(rules: Rules, counts: dict[str, object], keep: bool) -> None:
    assert rules.judge(CHEST | counts).keep is keep


@pytest.mark.parametrize(
    ("thin_by", "thickness", "count", "keep"),
    [
        ("thickness", 5, 20, True),
        ("thickness", "7.5", 500, False),
        ("thickness", None, 20, True),
        ("thickness", 0, 20, True),
        ("count", 8, 300, True),
        ("count", 1, 20, False),
        ("count", 1, None, True),
        ("either", 8, 300, True),
        ("either", 1, 20, True),
        ("either", 8, 20, False),
        ("either", 8, None, False),
        ("either", None, 20, False),
        ("either", None, None, True),
        ("both", 1, 300, True),
        ("both", 8, 300, False),
        ("both", 1, 20, False),
        ("both", "abc", None, True),
    ],
)
def test_thin(changed: Callable[..., Rules], thin_by: str, thickness: object, count: object, keep: bool) -> None:
    rules = changed(
        ('thin_by = "thickness"', f'thin_by = "{thin_by}"'), ("thin_min_instances = 0", "thin_min_instances = 100")
    )
    verdict = rules.judge(CHEST | {"SliceThickness": thickness, "NumberOfSeriesRelatedInstances": count})
    assert verdict.keep is keep
    assert verdict.rule == (None if keep else "thin_slices")


def test_rules_can_be_switched_off(changed: Callable[..., Rules]) -> None:
    rules = changed(
        ("min_instances = 10", "min_instances = 0"),
        ("max_slice_thickness = 5.0", "max_slice_thickness = 0"),
        (
            'sop_classes = ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"]',
            "sop_classes = []",
        ),
    )
    header = {"NumberOfSeriesRelatedInstances": 1, "SliceThickness": 10, "SOPClassUID": "1.2.3"}
    assert rules.judge(CHEST | header).keep


@pytest.mark.parametrize(
    ("contrast", "name", "keep"),
    [
        ("with", "CHEST C+", True),
        ("with", "CHEST W CONTRAST", True),
        ("with", "CHEST WITHOUT CONTRAST", False),
        ("with", "CHEST 1.0", False),
        ("with", "", True),
        ("without", "CHEST C-", True),
        ("without", "CHEST 1.0", True),
        ("without", "胸部增强", False),
        ("any", "CHEST CE", True),
    ],
)
def test_contrast(changed: Callable[..., Rules], contrast: str, name: str, keep: bool) -> None:
    rules = changed(('contrast = "any"', f'contrast = "{contrast}"'))
    assert rules.judge(CHEST | {"SeriesDescription": name}).keep is keep


@pytest.mark.parametrize(
    ("wanted", "refused", "kernel", "keep"),
    [
        ('["B60*", "LUNG"]', "[]", "B60f", True),
        ('["B60*", "LUNG"]', "[]", "lung", True),
        ('["B60*", "LUNG"]', "[]", "STANDARD", False),
        ('["B60*", "LUNG"]', "[]", "", True),
        ('["I70f"]', "[]", "I70f\\3", True),
        ('["I70f"]', "[]", ["I70f", "3"], True),
        ("[]", '["BONE*"]', "BONEPLUS", False),
        ("[]", '["BONE*"]', "LUNG", True),
    ],
)
def test_kernel(changed: Callable[..., Rules], wanted: str, refused: str, kernel: object, keep: bool) -> None:
    rules = changed(
        ("kernels_wanted = []", f"kernels_wanted = {wanted}"), ("kernels_refused = []", f"kernels_refused = {refused}")
    )
    assert rules.judge(CHEST | {"ConvolutionKernel": kernel}).keep is keep


def test_radiographs_never_suffer_from_ct_rules(rules: Rules) -> None:
    header = {
        "BodyPartExamined": "CHEST",
        "NumberOfSeriesRelatedInstances": 1,
        "ImageType": ["DERIVED", "PRIMARY"],
        "SliceThickness": 650,
        "SeriesDescription": "Chest Lateral",
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1",
        "ConvolutionKernel": "x",
    }
    for modality in ("DX", "DR", "CR"):
        verdict = rules.judge(header | {"Modality": modality})
        assert (verdict.keep, verdict.task) == (True, "chest-dx")
