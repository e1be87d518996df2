"""One MongoDB-compatible server for all pairs of gateways; a database for each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gateways.pair import Pair
from tests.requirements import require
from tests.simulators import mongod, orthanc
from tests.simulators.rabbitmq import RabbitMQ


@pytest.fixture(scope="session")
def mongodb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require(mongod.available())
    with mongod.running(tmp_path_factory.mktemp("mongodb")) as url:
        yield url


@pytest.fixture
def pair(tmp_path: Path, broker: RabbitMQ, mongodb_server: str, request: pytest.FixtureRequest) -> Iterator[Pair]:
    require(orthanc.available())
    name = uuid.uuid4().hex[:8]
    with Pair(tmp_path, broker, f"{mongodb_server}/gateways_{name}", name) as pair:
        yield pair
        report = getattr(request.node, "report", None)
        if report is not None and report.failed:
            for title, text in pair.logs():
                print(f"--- {title}\n{text}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    report = yield
    if call.when == "call":
        item.report = report  # type: ignore[attr-defined]
    return report
