"""The lines that people grep for, to the letter, over a run of the whole pipeline."""

from __future__ import annotations

import re

import pytest

from plugin.pipeline.receive import Event, Kind
from tests.fakes import resource_id
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, DX, HAND, HEAD, PATIENT_NAME, chest_ct, chest_dx, series
from tests.unit.plugin.house import House

MOJIBAKE = "1.2.840.3"
PUSHED = "1.2.840.4"
ABDOMEN = "1.2.840.5"
IDS = f"P77 NA200618EVCT077 {CT}"
EXACT = [
    "find 2020-06-18 study list",
    "orthanc find query is {'StudyDate': '20200618'}",
    "find 2020-06-18 study list from pacs is 4",
    "study not in local db is 4",
    "study from pacs after modality filter left 3",
    "actually add new number: 3",
    f"patientID P77 accessionNumber NA200618EVCT077 studyuid {CT} is stable: instances num: 63",
    "num: stable study 2 finded",
    "send move study. amount is 2",
    f"new study: {PUSHED}",
    f"stable study: {PUSHED}",
    f"where study from {PUSHED} GEPACS 192.168.1.150",
    f"{IDS} {CT}.4 filter because BodyPartExamined HEAD",
    f"P77 NA200618EVDX001 {DX} {DX}.9 filter because BodyPartExamined HAND",
    f"P77 NA200618EVCT077 {ABDOMEN} {ABDOMEN}.1 filter because BodyPartExamined: ProtocolName:1.1 HEAD "
    "StudyDescription:HEAD SeriesDescription:SKULL 1.25MM ImageComments:",
    f"{IDS} {CT}.1 filter because ImageType ORIGINAL\\PRIMARY\\LOCALIZER",
    f"P77 NA200618EVCT077 {ABDOMEN} study is filtered out",
    f"study {CT} thickest series is {CT}.3, instances num is 30",
    f"completeness check success: series {CT}.3 in pacs is 30,  we have 30 too",
    f"reinform {CT} last is 30;now 20200618T063027 {CT}.3 is 40",
    f"notinform {CT} has no more instances this time",
    f"send {CT} to rabbitmq success",
    f"pull data manually. study_uid={CT}, study_date=2020-06-18",
    f"move success: [['{CT}', 'PACS']]",
]
PATTERNS = [
    rf"move: {re.escape(CT)} from PACS takes: \d+\.\d+(e-\d+)?",
    rf"inform pacs_module \{{'studyUID': '{re.escape(CT)}', 'seriesUID': '{re.escape(CT)}\.3', .*\}}",
    r"manual_find_move \{'AccessionNumber': 'NA200618EVCT077'\}",
    r"orthanc move failed! .*",
]


@pytest.fixture
def run(house: House, lines: Lines) -> Lines:
    """A day: a CT with a head series and a scout, a DX with a hand, a head CT, an MR; then growth, a push, a doctor."""
    head = {"BodyPartExamined": "", "ProtocolName": "1.1 HEAD", "StudyDescription": "HEAD"}
    head_ct = series(f"{ABDOMEN}.1", 30, {**head, "SeriesDescription": "SKULL 1.25MM"})
    house.pacs.add([*chest_ct(), *series(f"{CT}.4", 20, HEAD)])
    house.pacs.add(
        [*chest_dx(), *series(f"{DX}.9", 1, {"Modality": "DX", "AccessionNumber": "NA200618EVDX001", **HAND})]
    )
    house.pacs.add([*head_ct, *series("1.2.840.8.1", 3, {"Modality": "MR"})])
    house.poll(1)
    house.work()
    house.poll(1)
    house.settle()
    house.pacs.add(series(f"{CT}.3", 10, first=31))
    house.poll(2)
    house.settle()
    house.pacs.add(series(f"{CT}.2", 1, {"SliceThickness": "5"}, first=13))
    house.poll(2)
    house.settle()
    pushed = chest_ct(PUSHED)
    house.push(pushed)
    house.quiet(pushed[0])
    house.settle()
    house.pacs.is_move_refused = True
    house.request.pull({"AccessionNumber": "NA200618EVCT077"})
    house.settle()
    house.receive(Event(Kind.STABLE_STUDY, resource_id("P77", "gone")))
    return lines


@pytest.mark.parametrize("line", EXACT)
def test_a_line_is_there_to_the_letter(run: Lines, line: str) -> None:
    texts = [re.sub(r"^\[[^]]*\] ", "", text) for text in run.texts]
    assert line in texts


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_line_that_holds_figures(run: Lines, pattern: str) -> None:
    texts = [re.sub(r"^\[[^]]*\] ", "", text) for text in run.texts]
    assert any(re.fullmatch(pattern, text) for text in texts)


def test_every_line_about_a_study_has_its_ids(run: Lines) -> None:
    about = [line for line in run.lines if "1.2.840." in line]
    assert len(about) > 50
    assert [line for line in about if not ("P77" in line and re.search("NA200618EV(CT077|DX001)", line))] == []


def test_every_line_about_a_series_has_its_study(run: Lines) -> None:
    about = [line for line in run.lines if re.search(r"1\.2\.840\.\d+\.\d+", line)]
    assert len(about) > 20
    assert [line for line in about if not re.search(r"1\.2\.840\.\d+(?![.\d])", line)] == []


def test_no_line_has_the_name_or_the_birth_date(run: Lines) -> None:
    text = "\n".join(run.lines)
    assert PATIENT_NAME not in text
    assert "DOE" not in text
    assert "19700101" not in text


def test_the_record_has_neither(run: Lines, house: House) -> None:
    text = house.file.read_bytes()
    assert b"P77" in text + house.file.with_name("record.db-wal").read_bytes()
    for file in house.file.parent.iterdir():
        assert b"DOE" not in file.read_bytes()
        assert b"19700101" not in file.read_bytes()
