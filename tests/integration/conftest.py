"""Real servers for the integration tests: one broker for all of them, a PACS and a gateway for each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.site import Site
from tests.requirements import require
from tests.simulators import orthanc, rabbitmq
from tests.simulators.rabbitmq import RabbitMQ


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """One RabbitMQ; each site has an exchange and a queue of its own there."""
    require(rabbitmq.available())
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, broker: RabbitMQ) -> Iterator[Site]:
    """A hospital: an Orthanc as PACS, the gateway, a consumer. Nothing is started yet."""
    require(orthanc.available())
    with Site(tmp_path, broker, name=uuid.uuid4().hex[:8]) as hospital:
        yield hospital


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A failed test shows the logs of its servers."""
    report = yield
    funcargs: dict[str, Any] = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed and "site" in funcargs:
        for title, text in funcargs["site"].logs():
            report.sections.append((title, text))
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/integration" in str(item.path):
            item.add_marker(pytest.mark.integration)
