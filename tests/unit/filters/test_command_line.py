"""`python -m filters` and its commands."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from filters import __main__ as command_line
from filters import replay, score

from .conftest import RULES_FILE

ROOT = RULES_FILE.parent.parent


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Any:
    def run_main(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = command_line.main(arguments)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return status, out.decode(), err.decode()

    return run_main


def lines(*series: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in series)


def test_one_line_for_each_line_as_a_process() -> None:
    given = lines({"Modality": "CT", "StudyDescription": "CT THORAX", "id": 7}, {"Modality": "RF"})
    done = subprocess.run(
        [sys.executable, "-m", "filters"], input=given, cwd=ROOT, capture_output=True, timeout=60, check=True
    )
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == {
        "Modality": "CT",
        "StudyDescription": "CT THORAX",
        "id": 7,
        "keep": True,
        "task": "chest-ct",
        "rule": None,
        "reason": "kept: StudyDescription has 'thorax*'",
    }
    assert (second["keep"], second["task"], second["rule"]) == (False, None, "modality")
    assert second["reason"] == "filter because Modality RF"


def test_lines_that_are_no_objects(run: Any) -> None:
    broken = [b"x\n", b"[1]\n", b"\n", b"null\n", b'{"a": ' + b"9" * 5000 + b"}\n", b"[" * 100_000 + b"\n"]
    status, out, _ = run(stdin=lines({"Modality": "RF"}) + b"".join(broken) + lines({"Modality": "RF"}))
    answers = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert len(answers) == len(broken) + 2
    assert [("error" in answer) for answer in answers] == [False, *[True] * len(broken), False]
    assert answers[1]["error"].startswith("line 2: not JSON: ")
    assert answers[2]["error"] == "line 3: a JSON object expected, found list"


def test_odd_lines_are_answered(run: Any) -> None:
    given = (
        b'{"Modality": "CT", "SliceThickness": NaN, "BodyPartExamined": "CHEST"}\n{"Modality": "CT", "x": "\\ud800"}\n'
    )
    given += '{"Modality": "CT", "SeriesDescription": "胸部"}\n'.encode("gb18030")
    status, out, _ = run(stdin=given)
    first, second, third = (json.loads(line) for line in out.splitlines())
    assert status == 0
    assert (first["keep"], first["SliceThickness"]) == (True, None)
    assert second["x"] == "\ud800"
    assert third["keep"]


def test_bad_rules(run: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[[task]]\nname = 5\n")
    status, out, err = run("--rules", str(bad))
    assert (status, out) == (2, "")
    assert f"{bad}: line 2: task.name: a text expected, found 5" in err
    for arguments in (("--rules", str(bad), "explain", "x=1"), ("explain", "--rules", str(bad), "x=1")):
        assert run(*arguments)[0] == 2


def test_explain(run: Any) -> None:
    status, out, _ = run("explain", "Modality=CT", "SeriesDescription=ÐØ²¿ 1.0", "SliceThickness=8")
    assert status == 0
    assert "SeriesDescription 'ÐØ²¿ 1.0': wanted ('胸部' is wanted in repaired text (gb18030))" in out
    assert "StudyDescription (absent): says nothing" in out
    assert "thin_slices: refuses: SliceThickness 8" in out
    assert out.index("sop_class") < out.index("few_images") < out.index("thin_slices")
    assert out.endswith("verdict: refuse, task chest-ct, rule thin_slices\n    filter because SliceThickness 8\n")


def test_explain_reads_a_line_and_says_what_is_not_certain(run: Any) -> None:
    _, out, _ = run("explain", stdin=lines({"Modality": "CT"}))
    assert "not certain" in out
    _, out, _ = run("explain", stdin=lines({"BodyPartExamined": "CHEST"}))
    assert out.startswith("modality: (absent); enabled are CR, CT, DR, DX")
    status, _, err = run("explain", stdin=b"x")
    assert (status, err) == (2, "not JSON: Expecting value: line 1 column 1 (char 0)\n")


LABELLED = [
    {"Modality": "CT", "BodyPartExamined": "CHEST", "instanceCount": 300, "target_suitable": 1, "site": "a"},
    {"Modality": "CT", "BodyPartExamined": None, "instanceCount": 300, "target_suitable": 1, "site": "a"},
    {"Modality": "CT", "BodyPartExamined": "CHEST", "instanceCount": 12, "target_suitable": 0, "site": "b"},
    {"Modality": "CT", "BodyPartExamined": "CHEST", "instanceCount": 20, "target_suitable": 0, "site": "b"},
    {"Modality": "DX", "BodyPartExamined": "HAND", "instanceCount": 1, "target_suitable": 0, "site": "b"},
    {"Modality": "DX", "BodyPartExamined": "CHEST", "instanceCount": 1, "target_suitable": None, "site": "b"},
    {
        "Modality": "CT",
        "BodyPartExamined": "CHEST",
        "sop_class_name": "Secondary Capture Image Storage",
        "target_suitable": 0,
    },
]


def test_score(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_bytes(lines(*LABELLED))
    status, out, _ = run("score", str(file), "--group", "site", "--unscored", "10-14")
    assert status == 0
    table = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line[:1].strip()}
    assert table["all"] == ["50.00", "50.00", "66.67", "2", "3"]
    assert table["DX"] == ["–", "–", "100.00", "0", "1"]
    assert table["a"] == ["50.00", "100.00", "–", "2", "0"]
    assert "by site: mean recall 50.00, mean specificity 75.00" in out
    assert "wanted but refused: 1\n      1  CT | – | – | –  [region]" in out
    assert "kept but unwanted: 1\n      1  CT | CHEST | – | –  [kept: " in out


def test_score_says_what_to_do(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "labelled.jsonl"
    assert run("score", str(file))[2] == f"{file}: no such file\n"
    file.write_text("{")
    assert "not JSON lines" in run("score", str(file))[2]
    file.write_bytes(lines({"Modality": "CT"}))
    assert "name the label's column with --label" in run("score", str(file))[2]
    parquet = tmp_path / "labelled.parquet"
    parquet.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    status, _, err = run("score", str(parquet))
    assert status == 2
    assert "reading parquet needs pyarrow" in err


def test_score_reads_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(LABELLED), tmp_path / "x.parquet")
    assert [row["instanceCount"] for row in score.read_rows(tmp_path / "x.parquet")] == [300, 300, 12, 20, 1, 1, None]


STUDIES = [
    {
        "studyInstanceUID": "1",
        "series": [
            {
                "seriesInstanceUID": "1.1",
                "modality": "CT",
                "numberReceived": 300,
                "attributes": {"SeriesDescription": "BRUSTRAUM"},
            },
            {
                "seriesInstanceUID": "1.2",
                "modality": "CT",
                "numberInPacs": 40,
                "attributes": {"BodyPartExamined": "CHEST"},
            },
            {"seriesInstanceUID": "1.3", "modality": "CT", "attributes": {"BodyPartExamined": "CHEST"}},
            "not a series",
        ],
    },
    {"studyInstanceUID": "2"},
]


@pytest.fixture
def new_rules(tmp_path: Path) -> Path:
    text = RULES_FILE.read_text("utf-8").replace("min_instances = 10 ", "min_instances = 50 ", 1)
    file = tmp_path / "new.toml"
    file.write_text(text.replace("[words.chest]\nsite = []", '[words.chest]\nsite = ["brustraum"]', 1), "utf-8")
    return file


def test_replay_on_the_record(run: Any, tmp_path: Path, new_rules: Path) -> None:
    database = tmp_path / "pacs-pull.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE study_info_list (study_instance_uid TEXT, doc TEXT)")
        connection.executemany(
            "INSERT INTO study_info_list VALUES ('', ?)", [(json.dumps(study),) for study in STUDIES]
        )
    connection.close()
    export = tmp_path / "studies.jsonl"
    export.write_bytes(lines(*STUDIES, 5) + b"\n")
    for record in (f"sqlite:///{database}", str(export)):
        status, out, _ = run("replay", "--old", str(RULES_FILE), "--new", str(new_rules), "--record", record)
        assert status == 0
        assert out.splitlines() == [
            "judged 4 series: 1 gained, 1 lost, 0 moved",
            "gained 1.1 CT | – | – | BRUSTRAUM",
            "    old: filter because BodyPartExamined: ProtocolName: StudyDescription: "
            "SeriesDescription:BRUSTRAUM ImageComments:",
            "    new: kept: SeriesDescription has 'brustraum'",
            "lost 1.2 CT | CHEST | – | –",
            "    old: kept: BodyPartExamined has 'chest*'",
            "    new: filter because instance nums 40 < 50",
        ]


def test_replay_to_another_task(run: Any, tmp_path: Path) -> None:
    new = tmp_path / "new.toml"
    new.write_text(RULES_FILE.read_text("utf-8").replace('name = "chest-ct"', 'name = "thorax-ct"', 1), "utf-8")
    export = tmp_path / "series.jsonl"
    export.write_bytes(lines({"SeriesInstanceUID": "1", "Modality": "CT", "BodyPartExamined": "CHEST"}))
    _, out, _ = run("replay", "--new", str(new), "--record", str(export))
    assert out.startswith("judged 1 series: 0 gained, 0 lost, 1 moved\nmoved 1 CT | CHEST")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("sqlite:///nowhere/x.db", "unable to open database file; expected is the SQLite file of Database.Url"),
        ("mongodb://user:secret@host/db", "export the record first: mongoexport"),
        ("nowhere.jsonl", "No such file or directory: 'nowhere.jsonl'; expected are JSON lines"),
    ],
)
def test_replay_says_what_to_do(run: Any, record: str, expected: str) -> None:
    status, _, err = run("replay", "--new", str(RULES_FILE), "--record", record)
    assert status == 2
    assert expected in err
    assert "secret" not in err


def test_replay_needs_no_write_access(tmp_path: Path) -> None:
    with pytest.raises(replay.RecordError):
        list(replay.read(f"sqlite:///{tmp_path}/none.db"))
    assert not list(tmp_path.iterdir())


def test_span() -> None:
    assert list(score.span("10-14")) == [10, 11, 12, 13, 14]
    assert list(score.span("3")) == [3]


def test_closed_pipe_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(command_line, "_run", closed)
    assert command_line.main([]) == 0
