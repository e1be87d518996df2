"""The SQLite file under stress: kills, a full disk, files that are not ours."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from plugin.adapters.sqlite_record import SqliteRecord
from plugin.domain.study import Series, Study
from plugin.errors import RecordError

ROOT = Path(__file__).parents[4]
WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from plugin.adapters.sqlite_record import SqliteRecord
from plugin.domain.study import Study

record = SqliteRecord(Path(sys.argv[1]))
record.insert(Study("counter"))
for number in range(1_000_000):
    record.insert(Study(f"1.{number}"))
    record.update("counter", lambda study: replace(study, tries=number))
    print(number, flush=True)
"""


def test_what_was_written_before_a_kill_is_there(tmp_path: Path) -> None:
    file = tmp_path / "record.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == 30:
                break
        writer.kill()
        told = [30, *(int(line) for line in writer.stdout)]
    record = SqliteRecord(file)
    for number in range(told[-1] + 1):
        assert record.get(f"1.{number}") is not None
    counter = record.get("counter")
    assert counter is not None
    assert counter.tries >= told[-1]
    record.close()


def test_a_change_that_was_cut_off_is_none(tmp_path: Path) -> None:
    record = SqliteRecord(tmp_path / "record.db")
    record.insert(Study("1"))

    def cut(study: Study) -> Study:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record.update("1", cut)
    assert record.update("1", lambda study: replace(study, tries=1)) is not None
    record.close()


def test_a_full_disk_is_an_error_to_try_again_and_then_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = SqliteRecord(tmp_path / "record.db")
    record.insert(Study("1"))
    connection = record._connection
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    big = Study("2", series=tuple(Series(f"1.{number}", reason="x" * 1000) for number in range(200)))
    for _ in range(3):
        with pytest.raises(RecordError, match="full"):
            record.insert(big)
    assert record.get("2") is None
    connection.execute("PRAGMA max_page_count = 1000000")
    assert record.insert(big)
    assert record.get("2") == big
    record.close()


def newer(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 999")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (newer, "the record is of schema 999"),
        (lambda file: file.write_text("no database " * 100), "not a database"),
        (lambda file: file.mkdir(), "cannot be used"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, spoil: Callable[[Path], object], words: str) -> None:
    file = tmp_path / "record.db"
    spoil(file)
    record = SqliteRecord(file)
    for _ in range(2):
        with pytest.raises(RecordError, match=words):
            record.get("1")


def test_a_file_that_is_mended_is_used_again(tmp_path: Path) -> None:
    file = tmp_path / "var" / "record.db"
    file.parent.write_text("a file where the folder should be")
    record = SqliteRecord(file)
    with pytest.raises(RecordError):
        record.insert(Study("1"))
    file.parent.unlink()
    assert record.insert(Study("1"))
    record.close()
