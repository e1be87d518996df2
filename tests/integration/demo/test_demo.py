"""`make demo` as its user runs it: a process with a folder, which shows what happens and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from tests.requirements import require
from tests.simulators import orthanc, rabbitmq
from tests.simulators.images import SeriesPlan, StudyPlan, write_study
from tests.simulators.process import wait_until

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def _needs_servers() -> None:
    require(orthanc.available() or rabbitmq.available())


def start(folder: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.simulators.demo", "--folder", folder, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_running(folder: Path) -> list[str]:
    """The command lines of processes that have to do with the folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit():
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                found += [words] if str(folder) in words and f"/{os.getpid()}" != f"/{process.name}" else []
        except OSError:
            continue  # it has just ended
    return found


def test_a_synthetic_day_once(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    process = start(folder, "--once")
    told, _ = process.communicate(timeout=280)
    assert process.returncode == 0, told
    assert "6 studies: 4 pull_data_end, 2 unsupported_series" in told
    assert "filtered out: BodyPartExamined HAND" in told
    messages = [json.loads(line) for line in (folder / "messages.jsonl").read_text("utf-8").splitlines()]
    by_number = Counter((message["accessionNumber"][-3:], message["revision"]) for message in messages)
    assert by_number == {("001", 1): 1, ("002", 1): 1, ("004", 1): 1, ("006", 1): 1, ("006", 2): 1}
    assert all(message["complete"] for message in messages)
    assert left_running(folder) == []


def test_own_files_that_no_poll_reaches_are_pulled_by_hand(tmp_path: Path) -> None:
    chest = SeriesPlan(images=12, description="CHEST", body_part="CHEST", rows=32, columns=32)
    for number, study_date in enumerate(("20120428", "", f"{date.today():%Y%m%d}")):  # noqa: DTZ011 - the hospital's day
        plan = StudyPlan(
            name=f"own {number}",
            patient_id="P1",
            accession_number=f"OWN{number}",
            study_date=study_date,
            study_time="080000",
            series=(chest,),
        )
        write_study(plan, tmp_path / "files")
    (tmp_path / "files" / "note.txt").write_text("no DICOM")
    process = start(tmp_path / "demo", "--once", tmp_path / "files")
    told, _ = process.communicate(timeout=280)
    assert process.returncode == 0, told
    assert "36 images; 1 files were not taken" in told
    assert "2 of these studies are older or have no date" in told
    assert "3 studies: 3 pull_data_end" in told
    lines = (tmp_path / "demo" / "messages.jsonl").read_text("utf-8").splitlines()
    assert {message["accessionNumber"]: message["priorities"] for message in map(json.loads, lines)} == {
        "OWN0": 9,
        "OWN1": 9,
        "OWN2": 0,
    }


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    process = start(folder)
    wait_until((folder / "gateway" / "orthanc-python.log").exists, 120, "the gateway's log")
    assert len(left_running(folder)) >= 3  # both Orthancs and RabbitMQ (the demo itself as well)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert "Nothing runs any more" in told
    assert left_running(folder) == []


def test_a_second_demo_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    first = start(folder)
    wait_until((folder / "rabbitmq").exists, 60, "the first demo")
    second = start(folder)
    told, _ = second.communicate(timeout=30)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    assert second.returncode == 1
    assert "running already" in told
    assert left_running(folder) == []
