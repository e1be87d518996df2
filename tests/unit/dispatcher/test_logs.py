"""One line an event, with the ids, to the letter."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.logs import open_log, study_log

IDS = ("10939060", "NA200618FLC029", "1.2.3", "1.2.3.4")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "log" / "dispatcher.log"
    logger = logging.getLogger("dispatcher")
    for handler in logger.handlers:
        handler.close()
    logger.handlers = []
    logger.propagate = True


def test_ids_before_the_text_unless_it_has_them(file: Path) -> None:
    open_log(file, "INFO", 10_000, 1)
    study_log(IDS).info("1.2.3 exists, last isloading is 2, we receive a new one, calc again")
    study_log(("", "", "1.2.9", "")).info("hello")
    first, second = file.read_text(encoding="utf-8").splitlines()
    assert first.endswith(
        "INFO [patientID=10939060 accessionNumber=NA200618FLC029 seriesInstanceUID=1.2.3.4] "
        "1.2.3 exists, last isloading is 2, we receive a new one, calc again"
    )
    assert second.endswith("INFO [studyInstanceUID=1.2.9] hello")


def test_one_line_an_event_in_utf_8_without_passwords(file: Path) -> None:
    open_log(file, "INFO", 10_000, 1)
    logging.getLogger("dispatcher").warning("a\nb\u2028c 胸 amqp://guest:s3cret@host/")
    assert file.read_text(encoding="utf-8").endswith("WARNING a | b | c 胸 amqp://guest:***@host/\n")


def test_rotates(file: Path) -> None:
    open_log(file, "INFO", 10_000, 2)
    for _ in range(300):
        logging.getLogger("dispatcher").info("x" * 100)
    assert sorted(each.name for each in file.parent.iterdir()) == [f"dispatcher.log{end}" for end in ("", ".1", ".2")]
    assert all(each.stat().st_size <= 10_000 for each in file.parent.iterdir())
