"""Refusals to the letter: people grep for them."""

from __future__ import annotations

import json

import pytest

from filters import Rules

CHEST = {"Modality": "CT", "BodyPartExamined": "CHEST", "SeriesDescription": "1.25MM"}


@pytest.mark.parametrize(
    ("header", "rule", "reason"),
    [
        ({"Modality": "RF"}, "modality", "filter because Modality RF"),
        ({"Modality": "DX", "BodyPartExamined": "HAND"}, "body_part_examined", "filter because BodyPartExamined HAND"),
        (
            {
                "Modality": "CT",
                "BodyPartExamined": "",
                "ProtocolName": "1.1 HEAD",
                "StudyDescription": "HEAD",
                "SeriesDescription": "SKULL 1.25MM",
                "ImageComments": "",
            },
            "region",
            "filter because BodyPartExamined: ProtocolName:1.1 HEAD StudyDescription:HEAD "
            "SeriesDescription:SKULL 1.25MM ImageComments:",
        ),
        (CHEST | {"NumberOfSeriesRelatedInstances": 1}, "few_images", "filter because instance nums 1 < 10"),
        (CHEST | {"SliceThickness": 8}, "thin_slices", "filter because SliceThickness 8"),
        (CHEST | {"SliceThickness": "8.000000"}, "thin_slices", "filter because SliceThickness 8"),
        (
            CHEST | {"ImageType": ["DERIVED", "PRIMARY", "MPR"]},
            "image_type",
            "filter because ImageType DERIVED\\PRIMARY\\MPR",
        ),
        (
            CHEST | {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
            "sop_class",
            "filter because SOPClassUID 1.2.840.10008.5.1.4.1.1.7",
        ),
        (
            CHEST | {"SeriesDescription": "CHEST CORONAL"},
            "volume_words",
            "filter because SeriesDescription CHEST CORONAL (reformat: coronal*)",
        ),
    ],
)
def test_refusal(rules: Rules, header: dict[str, object], rule: str, reason: str) -> None:
    verdict = rules.judge(header)
    assert (verdict.keep, verdict.rule, verdict.reason) == (False, rule, reason)


def test_body_part_that_says_chest_is_not_blamed(rules: Rules) -> None:
    verdict = rules.judge({"Modality": "CT", "BodyPartExamined": "CHEST", "SeriesDescription": "ABD/PEL"})
    assert verdict.reason.startswith("filter because BodyPartExamined:CHEST ProtocolName: StudyDescription: Series")


def test_first_refusal_wins(rules: Rules) -> None:
    header: dict[str, object] = {"Modality": "CT", "BodyPartExamined": "HEAD", "NumberOfSeriesRelatedInstances": 1}
    assert rules.judge(header).rule == "body_part_examined"
    header |= {"BodyPartExamined": "CHEST", "ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER", "SliceThickness": 8}
    assert rules.judge(header).rule == "image_type"
    header["ImageType"] = "ORIGINAL\\PRIMARY\\AXIAL"
    assert rules.judge(header).rule == "few_images"
    header["NumberOfSeriesRelatedInstances"] = 100
    assert rules.judge(header).rule == "thin_slices"


def test_kept_names_the_word(rules: Rules) -> None:
    verdict = rules.judge({"Modality": "CT", "SeriesDescription": "CT THORAX 1.0"})
    assert (verdict.keep, verdict.task, verdict.rule) == (True, "chest-ct", None)
    assert verdict.reason == "kept: SeriesDescription has 'thorax*'"


def test_evidence_is_what_was_read_and_no_name(rules: Rules) -> None:
    verdict = rules.judge(CHEST | {"PatientName": "DOE^JANE", "PatientBirthDate": "19700101", "SliceThickness": 1.25})
    assert verdict.evidence == CHEST | {"SliceThickness": 1.25}
    assert "DOE" not in json.dumps(verdict.evidence)
