"""The same hospital as in the integration tests, to be broken; and the summary of what was tried."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.hospital import Hospital
from tests.faults.studies import Day
from tests.faults.verdict import Tally, Verdict
from tests.integration.conftest import broker
from tests.requirements import require
from tests.simulators import orthanc, rabbitmq
from tests.simulators.rabbitmq import RabbitMQ

TALLY = pytest.StashKey[Tally]()

__all__ = ["broker"]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLY] = Tally()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Where each test adds its verdicts."""
    return request.config.stash.setdefault(TALLY, Tally())


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return Day.write(tmp_path_factory.mktemp("day"))


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[RabbitMQ]:
    """A broker of this test alone; not started."""
    require(rabbitmq.available())
    server = RabbitMQ(tmp_path / "rabbitmq")
    yield server
    server.kill()


@pytest.fixture
def site(tmp_path: Path, broker: RabbitMQ) -> Iterator[Hospital]:
    """With the broker of all; nothing else is started."""
    require(orthanc.available())
    with Hospital(tmp_path, broker, uuid.uuid4().hex[:8]) as hospital:
        yield hospital


@pytest.fixture
def own_site(tmp_path: Path, own_broker: RabbitMQ) -> Iterator[Hospital]:
    """With a broker of its own."""
    require(orthanc.available())
    with Hospital(tmp_path, own_broker, uuid.uuid4().hex[:8]) as hospital:
        yield hospital


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A failed test counts as a loss; shows the logs of its servers."""
    report = yield
    funcargs: dict[str, Any] = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed:
        item.config.stash.setdefault(TALLY, Tally()).add(f"failed: {item.name}", Verdict(losses=1))
        for name in ("site", "own_site"):
            for title, text in funcargs[name].logs() if name in funcargs else ():
                report.sections.append((title, text))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash.get(TALLY, None)
    if tally is not None and tally.rows:
        terminalreporter.section("faults")
        for line in tally.table():
            terminalreporter.write_line(line)
