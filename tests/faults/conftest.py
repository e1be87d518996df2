"""The same hospital as in the integration tests, to be broken; and the summary of what was tried."""

from __future__ import annotations

import os
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
THOROUGH = {
    "test_a_disk_is_full[Orthanc's storage and index]",
    "test_broker_hangs",
    "test_broker_killed_again_and_again",
    "test_gateway_and_database_are_killed",
    "test_killed_and_started_on_a_full_disk[hand-over folder]",
    "test_nodes_die_during_deliveries",
    "test_pulling_pauses_before_a_disk_is_full[hand-over folder]",
    "test_the_database_is_killed[moving]",
    "test_the_database_is_killed[polling]",
}
"""Long ones whose like is tried anyway: for `make faults` only (PACS_PULL_FAULT_STRIDE=1)."""

__all__ = ["broker"]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLY] = Tally()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("PACS_PULL_FAULT_STRIDE") == "1":
        return
    left_out = [item for item in items if "tests/faults" in str(item.path) and item.name in THOROUGH]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


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
