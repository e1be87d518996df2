"""What people ask for: a study now, one series of it, and what a PACS can do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.pacs.ward import Case, Ward
from tests.simulators.images import write_study
from tests.simulators.pacs import COUNT_KEYS, Faults

ROOT = Path(__file__).resolve().parents[3]
KEYS = frozenset({"AccessionNumber", "PatientID"})
NEVER = {"PollIntervalSeconds": 3000, "TimeoutSeconds": 2}
CASES = {
    "desk": Case(Faults(ignored_keys=KEYS, delay_per_image=0.02), NEVER),
    "mute": Case(Faults(mute=frozenset({"find"})), NEVER),
    "poor": Case(
        Faults(
            unanswered_keys=COUNT_KEYS,
            find_levels=frozenset({"STUDY"}),
            ignored_keys=frozenset({"StudyDate", "StudyTime", "AccessionNumber"}),
            answer_cap=20,
        ),
        {**NEVER, "TimeoutSeconds": 30},
        crowd=40,
    ),
    "good": Case(Faults(), NEVER, crowd=5),
}


def ask(ward: Ward, *words: str) -> dict[str, Any]:
    """What `make pull` and `make probe` do."""
    environment = {**os.environ, "ORTHANC_JSON": str(ward.gateway.folder / "orthanc.json")}
    run = subprocess.run(
        [sys.executable, ROOT / "scripts" / "ask", *words],
        env=environment,
        capture_output=True,
        timeout=100,
        check=True,
    )
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def test_studies_of_one_accession_come_before_everything(ward: Ward) -> None:
    """Old and new alike; all of them; nothing of other accessions although the PACS ignores the key."""
    department = ward.departments["desk"]
    other = department.study(
        "twin", "20200101", department.old.series[0], accession_number=department.old.accession_number
    )
    ward.servers["desk"].add_files(write_study(other, ward.folder / "twin"))
    answer = ask(ward, "pull", f"AccessionNumber={other.accession_number}")
    uids = {department.old.study_instance_uid, other.study_instance_uid}
    assert {study["studyInstanceUID"] for study in answer["studies"]} == uids
    assert answer["sources"]["mute"]["answered"] is False
    assert len(answer["follow"]) == 2
    for plan in (department.old, other):
        (message,) = ward.delivered(plan)
        assert (message.priority, message.body["complete"], len(message.files)) == (9, True, 12)
    assert "manual_find_move" in ward.gateway.python_log()
    sent = {uid for one in ward.servers["desk"].requests.retrieves for uid in one.uids["StudyInstanceUID"]}
    assert sent - {plan.study_instance_uid for plan in department.today} == uids


def test_a_series_by_its_number_comes_as_it_is(ward: Ward) -> None:
    """Series 1 is a scout, that no rule would take."""
    department = ward.departments["good"]
    accession = f"AccessionNumber={department.ct.accession_number}"
    answer = ask(ward, "pull", accession, "SeriesNumber=1")
    assert [study["studyInstanceUID"] for study in answer["studies"]] == [department.ct.study_instance_uid]
    (message,) = ward.delivered(department.ct)
    assert message.body["seriesUID"] == department.ct.series_instance_uid(1)
    assert len(message.files) == 2
    assert [one.level for one in ward.asked("good", department.ct)] == ["SERIES"]
    thin = department.ct.series_instance_uid(3)
    ask(ward, "pull", accession, f"SeriesInstanceUID={thin}")
    _, second = ward.delivered(department.ct, 2)
    assert (second.body["seriesUID"], len(second.files)) == (thin, 14)


def test_nothing_of_that_name(ward: Ward) -> None:
    answer = ask(ward, "pull", "PatientID=NOBODY")
    assert answer["studies"] == []
    assert answer["sources"]["good"] == {"answered": True, "studies": []}


def test_probe_of_a_good_pacs(ward: Ward) -> None:
    server = ward.servers["good"]
    moved = len(server.requests.retrieves)
    found = ask(ward, "probe", "good")
    assert found["alive"] is True
    assert {found["levels"][level] for level in ("STUDY", "SERIES", "IMAGE")} == {"answered"}
    assert all(found["counts"].values())
    assert set(found["keys"].values()) == {"used"}
    assert found["cap"] is None
    assert found["recommended"]["good"] == {"QueryLevel": "Series", "Stability": "Count", "TimeoutSeconds": 60}
    assert len(server.requests.retrieves) == moved


def test_probe_of_a_poor_pacs(ward: Ward) -> None:
    found = ask(ward, "probe", "poor")
    assert found["levels"]["STUDY"] == "answered"
    assert "0xA900" in found["levels"]["SERIES"]
    assert found["counts"]["NumberOfStudyRelatedInstances"] is False
    keys = {key: found["keys"][key] for key in ("StudyTime", "AccessionNumber", "StudyInstanceUID")}
    assert keys == {"StudyTime": "ignored", "AccessionNumber": "ignored", "StudyInstanceUID": "used"}
    assert found["recommended"]["poor"]["Stability"] == "Delay"
    assert found["recommended"]["poor"]["QueryLevel"] == "Study"
    ward.check_archive_untouched("poor")


def test_probe_of_a_mute_pacs(ward: Ward) -> None:
    found = ask(ward, "probe", "mute")
    assert found["alive"] is True
    assert "not answered" in found["levels"]["STUDY"]
