"""``orthanc-python.log``: one line an event, with its ids, and no secret."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.logs import NAMES, LineFormatter, open_log, study_log

IDS = ("P77", "A1", "1.2.840.1")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """open_log sets up loggers for the whole process."""
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        for handler in set(logger.handlers) - set(handlers):
            handler.close()
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def written(tmp_path: Path, level: str = "INFO") -> Path:
    file = tmp_path / "log" / "orthanc-python.log"
    open_log(file, level, 10_000, 2)
    return file


def formatted(text: str, *arguments: object) -> str:
    return LineFormatter().format(logging.LogRecord("plugin", logging.INFO, "", 0, text, arguments, None))


def test_a_line_begins_with_time_and_level(tmp_path: Path) -> None:
    file = written(tmp_path)
    logging.getLogger("plugin.pipeline.find").info("find %s study list", "2020-06-18")
    line = file.read_text("utf-8")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO find 2020-06-18 study list\n", line)


@pytest.mark.parametrize(
    ("ids", "text", "line"),
    [
        (IDS, "moved", "[patientID=P77 accessionNumber=A1 studyInstanceUID=1.2.840.1] moved"),
        ((*IDS[:2], "", "1.2.3"), "kept", "[patientID=P77 accessionNumber=A1 seriesInstanceUID=1.2.3] kept"),
        (("7", "A1", "1.2"), "series 1.2.7 of A1", "[patientID=7 studyInstanceUID=1.2] series 1.2.7 of A1"),
        (("7", "A1", "1.2"), "1.2.7 and 1.2 of 77, 7: A10 A1", "1.2.7 and 1.2 of 77, 7: A10 A1"),
        (IDS, "P77 A1 1.2.840.1 study is filtered out", "P77 A1 1.2.840.1 study is filtered out"),
        (("", "", "1.2.840.1"), "moved", "[studyInstanceUID=1.2.840.1] moved"),
        (("P77", "A1"), "no uid", "[patientID=P77 accessionNumber=A1] no uid"),
    ],
)  # fmt: skip
def test_ids_that_the_text_does_not_hold_come_before_it(
    tmp_path: Path, ids: tuple[str, ...], text: str, line: str
) -> None:
    file = written(tmp_path)
    study_log(ids).info(text)
    assert file.read_text("utf-8").split(" ", 3)[3] == f"{line}\n"


@pytest.mark.parametrize("evil", ["\n", "\r\n", "\0", "\x1b[2J", "\x85", "\u2028", "\u2029", "\t", "\x7f", "\x9b"])
def test_no_text_can_break_a_line(tmp_path: Path, evil: str) -> None:
    file = written(tmp_path)
    study_log((f"P{evil}2026-01-01 INFO forged", "A1", "1.2")).info("text %s of a PACS", f"x{evil}y")
    (line,) = file.read_text("utf-8").splitlines()
    assert evil[0] not in line
    assert "x | " in line


def test_a_traceback_is_one_line(tmp_path: Path) -> None:
    file = written(tmp_path)
    try:
        raise KeyError("a")
    except KeyError:
        logging.getLogger("plugin").exception("unforeseen")
    (line,) = file.read_text("utf-8").splitlines()
    assert "unforeseen | Traceback" in line
    assert "KeyError: 'a'" in line


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://pacs:swordfish@host:5672/", "amqp://pacs:***@host:5672/"),
        ("amqp://pacs:sword@fish@host/", "amqp://pacs:***@host/"),
        ("amqps://:swordfish@host/", "amqps://:***@host/"),
        ("mongodb+srv://u:sword/fish@host/", "mongodb+srv://u:***@host/"),
        ("http://127.0.0.1:8042/instances", "http://127.0.0.1:8042/instances"),
    ],
)
def test_passwords_in_urls_are_stars(url: str, shown: str) -> None:
    assert formatted("cannot reach %s now", url).endswith(f"cannot reach {shown} now")


def test_text_that_is_no_unicode_is_written_all_the_same(tmp_path: Path) -> None:
    file = written(tmp_path)
    study_log(("\udcd0\udcd8", "A1", "1.2")).info("胸部")
    assert "胸部" in file.read_text("utf-8")


def test_the_level_is_kept(tmp_path: Path) -> None:
    file = written(tmp_path, "ERROR")
    logging.getLogger("plugin").warning("not this")
    logging.getLogger("filters").error("this")
    assert [line.split(" ", 3)[3] for line in file.read_text("utf-8").splitlines()] == ["this"]


def test_the_file_is_rotated(tmp_path: Path) -> None:
    file = written(tmp_path)
    for _ in range(300):
        logging.getLogger("plugin").info("x" * 100)
    assert sorted(each.name for each in file.parent.iterdir()) == [
        "orthanc-python.log",
        "orthanc-python.log.1",
        "orthanc-python.log.2",
    ]
    assert all(each.stat().st_size <= 10_000 for each in file.parent.iterdir())


def test_opening_again_does_not_write_twice(tmp_path: Path) -> None:
    written(tmp_path)
    file = written(tmp_path)
    logging.getLogger("plugin").info("once")
    assert len(file.read_text("utf-8").splitlines()) == 1


def test_warnings_and_errors_go_to_orthancs_log_too(tmp_path: Path) -> None:
    also: list[str] = []
    open_log(tmp_path / "x.log", "INFO", 10_000, 1, also.append)
    logging.getLogger("plugin").info("not this")
    study_log(IDS).warning("amqp://u:p@h")
    assert [line.split(" ", 3)[3] for line in also] == [
        "[patientID=P77 accessionNumber=A1 studyInstanceUID=1.2.840.1] amqp://u:***@h"
    ]


def test_orthancs_log_failing_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(line: str) -> None:
        raise UnicodeEncodeError("utf-8", line, 0, 1, "surrogates not allowed")

    file = tmp_path / "x.log"
    open_log(file, "INFO", 10_000, 1, broken)
    logging.getLogger("plugin").error("told in the file")
    assert "told in the file" in file.read_text("utf-8")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        open_log(tmp_path, "INFO", 10_000, 1)
