"""Attribute matching as PS3.4 C.2.2.2 has it."""

import pytest

from tests.simulators.pacs.matching import is_match


@pytest.mark.parametrize(
    ("keyword", "value", "wanted", "expected"),
    [
        ("PatientID", "SYN1", (), True),
        ("PatientID", "SYN1", ("SYN1",), True),
        ("PatientID", "SYN1", ("SYN",), False),
        ("PatientID", "syn1", ("SYN1",), False),
        ("PatientID", "SYN1", ("S*1",), True),
        ("PatientID", "SYN1", ("SYN?",), True),
        ("PatientID", "SYN12", ("SYN?",), False),
        ("PatientID", "S[N1", ("S[N?",), True),
        ("PatientID", "SYN1", ("*",), True),
        ("PatientName", "SYNTHETIC^SYN1", ("synthetic*",), True),
        ("StudyInstanceUID", "1.2.3", ("1.2", "1.2.3"), True),
        ("StudyInstanceUID", "1.2.3", ("1.2.*",), False),
        ("StudyInstanceUID", "1.2.3 ", ("1.2.3",), True),
        ("StudyDate", "20240102", ("20240102",), True),
        ("StudyDate", "20240102", ("20240101-20240103",), True),
        ("StudyDate", "20240102", ("20240103-",), False),
        ("StudyDate", "20240102", ("-20240102",), True),
        ("StudyDate", "", ("-20240102",), False),
        ("StudyTime", "080626.5", ("0806",), True),
        ("StudyTime", "080626", ("08",), True),
        ("StudyTime", "080626", ("0807-",), False),
        ("StudyTime", "235959.9", ("1200-235959",), True),
        ("StudyTime", "120000", ("120000.000001-",), False),
        ("InstanceNumber", "1", ("1",), True),
        ("InstanceNumber", "12", ("1*",), False),
    ],
)
def test_single_values(keyword: str, value: str, wanted: tuple[str, ...], expected: bool) -> None:
    assert is_match({keyword: (value,)}, {keyword: wanted}) is expected


@pytest.mark.parametrize(("wanted", "expected"), [("CT", True), ("PR", True), ("MG", False)])
def test_modalities_in_study_contains(wanted: str, expected: bool) -> None:
    assert is_match({"ModalitiesInStudy": ("CT", "PR")}, {"ModalitiesInStudy": (wanted,)}) is expected


def test_a_key_that_the_level_does_not_have_matches_nothing() -> None:
    assert not is_match({"StudyDate": ("20240102",)}, {"Modality": ("CT",)})
