"""A house of fakes for each test, its record on a RAM disk where there is one."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filters import RulesFile
from plugin.logs import NAMES, LineFormatter
from tests.unit.plugin.house import RULES, House, Plan

RAM_DISK = Path("/dev/shm")


@pytest.fixture(scope="session")
def rules() -> RulesFile:
    return RulesFile(RULES)


@pytest.fixture
def changed_rules(tmp_path: Path) -> Callable[[str, str], RulesFile]:
    """The shipped rules with one text replaced by another."""

    def changed(old: str, new: str) -> RulesFile:
        text = RULES.read_text("utf-8")
        assert old in text
        file = tmp_path / "filters.toml"
        file.write_text(text.replace(old, new), "utf-8")
        return RulesFile(file)

    return changed


@pytest.fixture
def ram_folder() -> Iterator[Path]:
    where = RAM_DISK if RAM_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="pacs-pull-", dir=where) as folder:
        yield Path(folder)


@pytest.fixture
def build(ram_folder: Path, rules: RulesFile) -> Iterator[Callable[..., House]]:
    """Builds a house from the fields of a Plan."""
    houses: list[House] = []

    def built(rules: RulesFile = rules, **plan: object) -> House:
        folder = ram_folder / str(len(houses))
        houses.append(House(folder, rules, Plan(**plan)))  # type: ignore[arg-type]
        return houses[-1]

    yield built
    for house in houses:
        house.record.close()


@pytest.fixture
def house(build: Callable[..., House]) -> House:
    return build()


class Lines(logging.Handler):
    """The lines of our loggers, formatted as in the file; ``text`` is each one without time and level."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(LineFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    @property
    def texts(self) -> list[str]:
        return [line.split(" ", 3)[3] for line in self.lines]

    def containing(self, words: str) -> list[str]:
        return [line for line in self.lines if words in line]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    loggers = [logging.getLogger(name) for name in NAMES]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)
