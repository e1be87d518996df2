"""Chest or not, by words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from filters import Rules

FIELDS = ("SeriesDescription", "ProtocolName", "StudyDescription", "BodyPartExamined")

ANYWHERE = """CHEST|CHEST PA|CHEST AP PORT|XR CHEST 2 VIEWS|CXR|PORTCHEST|THORAX|CH/ABD/PEL|CH AB PEL|TH ABD PEL
THX-ABD|CHABDPELV|CHABD|CHEST/ABD|CHEST_TO_PELVIS|NECK CHEST|NECK/CHEST/ABD/PEL|CHEST (THORAX) W
TH CT CHEST WO C|AP PORTABLE CHES|ThoraxRoutine|THORROUTINE|Rö-Thorax|Lungenembolie|Th/Abd|Brustkorb
poitrine|angioscanner thoracique|thoraco-abdomino-pelvien|THXABDO|tórax|TÓRAX|toracoabdominal
torace addome|klatka piersiowa|klatki piersiowej|KLP|KL.P|грудная клетка|органы грудной клетки|ОГК
КТ ОГК|флюорография|göğüs|GÖĞÜS|toraks|PA akciğer|صدر|الصدر|صدر وبطن وحوض|قفسه سینه|ریه‌ها|borstkas
bröstkorg|lungröntgen|hrudník|hrudník+břicho|mellkas|rintakehä|rindkere|krūtinės ląsta|θώρακας|חזה
ngực|кеуде қуысы|胸部|胸腹盆|胸部+上腹部|XIONGBU|胸片|双肺|縱隔|胸部～骨盤|躯幹部|흉부|흉복부|가슴
저선량 흉부CT|ＣＨＥＳＴ|RIBS W PA CHEST|XR ACUTE ABDOMINAL SERIES W PA CHEST|CTA THORACIC AORTA
CT LUNG SCREENING|Radiographie thoracique"""

ON_CT = """Thorax^04_0_CAP_Routine|Abdomen^05_CAP (Adult)|CAP|C/A/P|C A P|C-A-P|C/AP|CAPW|NCAP|TAP|T/A/P|PE STUDY
P.E. PROTOCOL|CTPA|HRCT|SUPER D|71260|LAE|TAB|TX AS AI|Collo Tor Addo|KL/J.B/MM|5.8 TAP : 4 HELICES (SANS/THXABDO ART"""

NOT_CHEST = """THORACIC SPINE|T-SPINE|TSPINE|T SP|TH-SPINE|CT THOR LMBR SPINAL REFORMATS|THORACOLUMBAR|BWS|DWZ|THWK
THORACIC/LUMBAR|C T L SPINE|rachis dorsal|columna dorsal|BRÖSTRYGG|Th chrbtica|kręgosłup piersiowy
hrudní páteř|胸椎|흉추|胸腰椎|грудной отдел позвоночника|torakal vertebra|胸骨|肋骨|锁骨|STERNUM
RIBS|Rippen|côtes|gril costal|costillas|żebra|рёбра|kaburga|늑골|左肩关节正位及穿胸位|胸锁关节
胸肋关节|sternoclavicular|thoracic outlet|thoracic inlet|BREAST|MAMMO|BRUST|BRÖST|PEITO|BORST|乳腺
유방|CHEST WALL|CHEST TUBE|LUNG BIOPSY|BX LUNG|CT GUIDED BIOPSY LUNG|FNA|DRAIN|LUNG BASES|CARDIAC
CTA CORONARY|CALCIUM SCORE|TAVI|LOCATOR|LOCALIZER|TORSO|MONITORING|TRACKER|TX PLAN|THX|AP|A/P|ABD
LIVER|KIDNEY|DELAY|UROGRAM|SKULL BASE TO MID-THIGH|WB|CTAC|HEAD IN|HEAD FIRST|FEET FIRST|NECK|AXILLA
SHOULDER|CERVICO-THORACIC|PHANTOM|QA|TEST|CAPTURE|CAPILLARY|CAPSULE|MANCHESTER|ROCHESTER
CHESTER COUNTY|orchestra|TC de pé|요로|요로조영|TEP TDM"""


def words(text: str) -> list[str]:
    return [word for line in text.splitlines() for word in line.split("|")]


@pytest.mark.parametrize("text", words(ANYWHERE))
def test_chest_words(rules: Rules, text: str) -> None:
    for modality in ("CT", "DX"):
        for field in FIELDS:
            assert rules.judge({"Modality": modality, field: text}).keep, (modality, field)


@pytest.mark.parametrize("text", words(ON_CT))
def test_chest_words_on_ct(rules: Rules, text: str) -> None:
    for field in FIELDS:
        assert rules.judge({"Modality": "CT", field: text}).keep, field


@pytest.mark.parametrize("text", words(NOT_CHEST))
def test_words_that_mislead(rules: Rules, text: str) -> None:
    for modality in ("CT", "DX", "CR"):
        for field in FIELDS:
            assert not rules.judge({"Modality": modality, field: text}).keep, (modality, field)


@pytest.mark.parametrize("name", ["CTCOLO 1.0 Lung", "Colo_prone 1.0 Lung", "Abd_Pel_WO 5.0 B60f LUNG"])
def test_lung_kernel_of_another_region(rules: Rules, name: str) -> None:
    assert not rules.judge({"Modality": "CT", "SeriesDescription": name, "NumberOfSeriesRelatedInstances": 300}).keep


@pytest.mark.parametrize(
    ("series", "protocol", "study", "body_part", "keep"),
    [
        ("CHEST 2.5MM", "ABD/PEL", "CT ABD AND PELVIS", "ABDOMEN", True),
        ("ABD/PEL 2.5MM", "CHEST/ABD/PEL", "CT CHEST ABD PELVIS", "CHEST", False),
        ("STANDARD", "TRAUMA CHEST/ABD/PEL", "CT ABD AND PELVIS", "", True),
        ("5.0", "ABD/PEL", "CT CHEST ABD PELVIS", "CHEST", False),
        ("Body 5.0", "", "CT CHEST", "KIDNEY", True),
        ("5.0", "", "", "CHEST", True),
        ("5.0", "", "", "", False),
        ("RIBS", "", "XR CHEST", "CHEST", False),
        ("PRE LIVER RECON 2 LUNG", "", "CT Chest, Abdomen + Pe", "KIDNEY", True),
    ],
)
def test_most_specific_text_decides(
    rules: Rules, series: str, protocol: str, study: str, body_part: str, keep: bool
) -> None:
    header = {
        "Modality": "CT",
        "SeriesDescription": series,
        "ProtocolName": protocol,
        "StudyDescription": study,
        "BodyPartExamined": body_part,
    }
    assert rules.judge(header).keep is keep


def test_what_follows_the_caret_is_more_specific(rules: Rules) -> None:
    for study, keep in (("Abdomen^CAP", True), ("Thorax^Abdomen_Routine", False), ("Thorax^04_Routine", True)):
        assert rules.judge({"Modality": "CT", "StudyDescription": study}).keep is keep


def test_image_comments_add_the_chest_and_never_refuse(rules: Rules) -> None:
    assert rules.judge({"Modality": "DX", "StudyDescription": "111", "ImageComments": "chest supine"}).keep
    assert rules.judge({"Modality": "CT", "StudyDescription": "CT CHEST", "ImageComments": "after head trauma"}).keep


@pytest.mark.parametrize(
    ("count", "study", "keep"),
    [
        (31, "CT ABDOMEN", False),
        (None, "CT ABDOMEN", False),
        (62, "CT ABDOMEN", True),
        (31, "CT CHEST", True),
        (31, "", True),
    ],
)
def test_lung_window(rules: Rules, count: int | None, study: str, keep: bool) -> None:
    header = {"Modality": "CT", "SeriesDescription": "LUNG 5.0", "StudyDescription": study, "ProtocolName": ""}
    verdict = rules.judge(header | {"NumberOfSeriesRelatedInstances": count})
    assert verdict.keep is keep
    assert verdict.is_certain is (keep or count is not None)


def test_ap_is_abdomen_pelvis_on_ct_and_the_projection_on_radiographs(rules: Rules) -> None:
    texts = {"SeriesDescription": "AP", "StudyDescription": "CHEST"}
    assert not rules.judge(texts | {"Modality": "CT"}).keep
    assert rules.judge(texts | {"Modality": "CR"}).keep


def test_veto(changed: Callable[..., Rules]) -> None:
    veto = changed(('body_part_examined = "evidence"', 'body_part_examined = "veto"'))
    chest = {"Modality": "CT", "SeriesDescription": "CHEST 1.0"}
    refused = veto.judge(chest | {"BodyPartExamined": "KIDNEY"})
    assert (refused.keep, refused.reason) == (False, "filter because BodyPartExamined KIDNEY")
    assert not veto.judge(chest | {"BodyPartExamined": "ANNOON"}).keep
    assert veto.judge(chest | {"BodyPartExamined": "B?cken"}).keep, "lost letters are no information"
    assert veto.judge(chest | {"BodyPartExamined": ""}).keep
    assert veto.judge({"Modality": "CT", "BodyPartExamined": "THORAX", "SeriesDescription": "ABD"}).keep


@pytest.mark.parametrize(
    ("header", "is_certain"),
    [
        ({"SeriesDescription": "5.0"}, False),
        ({"SeriesDescription": "5.0", "StudyDescription": "CT ABDOMEN"}, False),
        ({"SeriesDescription": "5.0", "StudyDescription": "CT ABDOMEN", "ProtocolName": ""}, True),
        ({"SeriesDescription": "ABDOMEN"}, True),
        ({"BodyPartExamined": "HAND"}, True),
        (dict.fromkeys((*FIELDS, "ImageComments"), ""), True),
    ],
)
def test_certainty(rules: Rules, header: dict[str, object], is_certain: bool) -> None:
    verdict = rules.judge({"Modality": "CT"} | header)
    assert (verdict.keep, verdict.is_certain) == (False, is_certain)


def test_modality_that_is_absent_is_not_certain(rules: Rules) -> None:
    assert not rules.judge({}).is_certain
    assert rules.judge({"Modality": "MR"}).is_certain


@pytest.mark.parametrize(
    "text",
    [
        "метастазы",
        "手术后复查",
        "cardiothoracic clinic",
        "киста",
        "재발",
        "야간",
        "face",
        "MAIN",
        "Kids protocol",
        "dose",
    ],
)
def test_words_of_one_language_inside_those_of_another(rules: Rules, text: str) -> None:
    """None of these says another region: the body part decides."""
    assert rules.judge({"Modality": "DX", "SeriesDescription": text, "BodyPartExamined": "CHEST"}).keep


@pytest.mark.parametrize("text", ["장폐색", "폐경", "LUNGO", "orchestra"])
def test_chest_words_inside_other_words(rules: Rules, text: str) -> None:
    assert not rules.judge({"Modality": "DX", "StudyDescription": text}).keep
