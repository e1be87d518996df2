"""The honest PACS, asked by a client."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pynetdicom import build_context

from tests.integration.simulators.conftest import CHEST_CT, OLD_CT, STUDIES, Serve, small
from tests.integration.simulators.scu import (
    CT,
    PATIENT_ROOT_FIND,
    VERIFICATION,
    Received,
    associated,
    find,
    get,
    move,
)
from tests.simulators.images import SeriesPlan, StudyPlan, headers, write_study
from tests.simulators.pacs import NonsenseServer, SimulatedPacs


def _with(*series: SeriesPlan) -> StudyPlan:
    return replace(CHEST_CT, series=series)


def test_echo(serve: Serve) -> None:
    pacs = serve()
    with associated(pacs, VERIFICATION) as association:
        assert association.send_c_echo().Status == 0
    assert pacs.requests.echoes == 1


def test_study_level_answers_what_was_asked_for_and_counts(serve: Serve) -> None:
    pacs = serve()
    keys: dict[str, Any] = {
        "NumberOfStudyRelatedInstances": "",
        "NumberOfStudyRelatedSeries": "",
        "AccessionNumber": "",
    }

    found = find(pacs, StudyDate="20240102", ModalitiesInStudy="CT", **keys)

    answer = found.answers[0]
    assert len(found.answers) == 1
    assert answer.StudyInstanceUID == CHEST_CT.study_instance_uid
    assert (answer.NumberOfStudyRelatedInstances, answer.NumberOfStudyRelatedSeries) == (7, 2)
    assert (answer.ModalitiesInStudy, answer.AccessionNumber) == ("CT", "A1")
    assert "PatientID" not in answer
    assert found.status == 0
    query = pacs.requests.queries[0]
    assert (query.level, query.keys["ModalitiesInStudy"], query.answers, query.status) == ("STUDY", ("CT",), 1, 0)


def test_modality_does_not_exist_at_study_level(serve: Serve) -> None:
    assert find(serve(), Modality="CT").answers == []


def test_modalities_in_study_is_a_list(serve: Serve) -> None:
    found = find(serve(), ModalitiesInStudy="PR")

    assert found.answers[0].ModalitiesInStudy == ["DX", "PR"]


def test_series_and_image_level(serve: Serve) -> None:
    pacs = serve()
    study: dict[str, Any] = {"StudyInstanceUID": CHEST_CT.study_instance_uid}

    series = find(pacs, "SERIES", SeriesInstanceUID="", NumberOfSeriesRelatedInstances="", Modality="CT", **study)
    images = find(
        pacs, "IMAGE", SeriesInstanceUID=CHEST_CT.series_instance_uid(2), SOPInstanceUID="", Rows=None, **study
    )

    assert series.values("NumberOfSeriesRelatedInstances") == [2, 5]
    assert images.values("SOPInstanceUID") == CHEST_CT.sop_instance_uids(CHEST_CT.series[1])
    assert images.values("Rows") == [8] * 5


def test_patient_root(serve: Serve) -> None:
    found = find(serve(), "PATIENT", root=PATIENT_ROOT_FIND, PatientID="SYN?", NumberOfPatientRelatedInstances="")

    assert sorted(found.values("PatientID")) == ["SYN1", "SYN2", "SYN3"]
    assert sorted(found.values("NumberOfPatientRelatedInstances")) == [2, 3, 7]


def test_texts_are_answered_in_the_character_set_of_the_study(serve: Serve) -> None:
    found = find(serve(), AccessionNumber="A3", StudyDescription="")

    assert found.values("StudyDescription") == ["胸部平扫"]
    assert found.values("SpecificCharacterSet") == ["ISO_IR 192"]


def test_move_by_study_series_and_image(serve: Serve, received: Received) -> None:
    pacs = serve()
    study, series = CHEST_CT.study_instance_uid, CHEST_CT.series_instance_uid(2)
    third = CHEST_CT.sop_instance_uids(CHEST_CT.series[1])[2]

    assert move(pacs, received, StudyInstanceUID=study).status == 0
    assert received.numbers == [1, 2, 1, 2, 3, 4, 5]
    received.images.clear()
    move(pacs, received, "SERIES", StudyInstanceUID=study, SeriesInstanceUID=series)
    assert received.numbers == [1, 2, 3, 4, 5]
    received.images.clear()
    move(pacs, received, "IMAGE", StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID=third)
    assert received.numbers == [3]

    assert [one.level for one in pacs.requests.moves] == ["STUDY", "SERIES", "IMAGE"]
    assert pacs.requests.moves[2].uids["SOPInstanceUID"] == (third,)
    assert pacs.requests.moves[2].sent == [third]
    assert (len(pacs.requests.sent), pacs.requests.gets) == (13, [])
    assert pacs.requests.bytes_sent > 13 * 128


def test_move_tells_its_progress_and_the_counts(serve: Serve, received: Received) -> None:
    move(serve(), received, StudyInstanceUID=CHEST_CT.study_instance_uid)

    remaining = [response.get("NumberOfRemainingSuboperations") for response in received.responses]
    assert remaining == [6, 5, 4, 3, 2, 1, 0, 0]  # the last is the final response
    assert received.responses[-1].NumberOfCompletedSuboperations == 7


def test_files_are_sent_as_they_are(tmp_path: Path, received: Received) -> None:
    """Bytes of the wrong character set and a compressed transfer syntax come through untouched."""
    chest = "胸部平扫".encode("gb18030")
    path = write_study(_with(SeriesPlan(description=chest, rows=16, columns=16)), tmp_path)[0]
    dataset = dcmread(path)
    dataset.compress("1.2.840.10008.1.2.5")
    dataset.save_as(path)
    with SimulatedPacs(tmp_path) as pacs:
        move(pacs, received, StudyInstanceUID=dataset.StudyInstanceUID)

    assert chest in received.raw[0]
    assert received.images[0].PixelData == dataset.PixelData
    assert received.images[0].PixelData[:4] == b"\xfe\xff\x00\xe0"  # encapsulated


def test_get(serve: Serve) -> None:
    pacs = serve()

    status, images = get(pacs, StudyInstanceUID=CHEST_CT.study_instance_uid)

    assert (status, len(images)) == (0, 7)
    assert len(pacs.requests.gets[0].sent) == 7


def test_what_is_pushed_is_served(tmp_path: Path, received: Received) -> None:
    dataset = dcmread(write_study(OLD_CT, tmp_path / "elsewhere")[0])
    (tmp_path / "served").mkdir()
    for pacs in (SimulatedPacs(tmp_path / "served"), SimulatedPacs()):
        with pacs:
            with associated(pacs, contexts=[build_context(CT, "1.2.840.10008.1.2.1")]) as association:
                assert association.send_c_store(dataset).Status == 0
            assert find(pacs, NumberOfStudyRelatedInstances="").values("NumberOfStudyRelatedInstances") == [1]
            assert move(pacs, received, StudyInstanceUID=OLD_CT.study_instance_uid).status == 0
            assert pacs.requests.stored == [dataset.SOPInstanceUID]

    assert [image.SOPInstanceUID for image in received.images] == [dataset.SOPInstanceUID] * 2


def test_files_that_are_added_while_it_runs(tmp_path: Path) -> None:
    late = _with(small("CT", 3, number=3))

    with SimulatedPacs(headers(CHEST_CT)) as pacs:
        assert pacs.add_files(write_study(late, tmp_path)) == 3
        assert pacs.add_files(write_study(_with(small("CT", 1, number=4)), tmp_path), after=3600) == 1
        found = find(pacs, NumberOfStudyRelatedInstances="", NumberOfStudyRelatedSeries="")

    assert found.values("NumberOfStudyRelatedInstances") == [10]
    assert found.values("NumberOfStudyRelatedSeries") == [3]


def test_headers_alone_can_be_found_and_stand_for_many_images() -> None:
    series = SeriesPlan(rows=0, attributes={"NumberOfSeriesRelatedInstances": 296})
    with SimulatedPacs.from_headers(headers(_with(series, SeriesPlan(number=2, rows=0)))) as pacs:
        assert find(pacs, NumberOfStudyRelatedInstances="").values("NumberOfStudyRelatedInstances") == [297]


def test_it_can_go_and_return_on_the_same_port(serve: Serve) -> None:
    pacs = serve()
    port = pacs.port
    pacs.stop()
    with associated(pacs, VERIFICATION, timeout=1) as association:
        assert not association.is_established
    pacs.start()
    assert pacs.port == port
    assert len(find(pacs).answers) == len(STUDIES)


def test_nonsense() -> None:
    with NonsenseServer() as server:
        pacs = SimulatedPacs(port=server.port)  # never started: only its address is used
        with associated(pacs, VERIFICATION, timeout=2) as association:
            assert not association.is_established


def test_the_tool_serves_a_folder_with_faults(folder: Path) -> None:
    command = [sys.executable, "-m", "tests.simulators.pacs", str(folder), "--port", "0", "--aet", "TOOL"]
    faults = ["--unanswered-keys", "COUNTS", "--count-error", "-1", "--uid-padding", r"\0\0", "--cap-status", "0xA700"]
    faults += ["--answer-cap", "2", "--duplicate-answers"]
    with subprocess.Popen([*command, *faults], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            pacs = SimulatedPacs(ae_title="TOOL", port=int(process.stdout.readline().rsplit(":", 1)[1]))
            found = find(pacs, NumberOfStudyRelatedInstances="")
        finally:
            process.terminate()
        assert process.wait(10) == 0
    assert (len(found.answers), found.status) == (2, 0xA700)
    assert "NumberOfStudyRelatedInstances" not in found.answers[0]


def test_the_tool_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.simulators.pacs", str(tmp_path / "nowhere")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 2
    assert "nowhere is not a folder" in run.stderr
