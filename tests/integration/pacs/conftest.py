"""One gateway for each module: its cases are the module's ``CASES``, its settings the module's ``SETTINGS``."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.pacs.ward import Ward
from tests.requirements import require
from tests.simulators import orthanc
from tests.simulators.rabbitmq import RabbitMQ


@pytest.fixture(scope="module")
def ward(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, broker: RabbitMQ) -> Iterator[Ward]:
    """The module's PACS and the gateway, all running."""
    require(orthanc.available())
    name = uuid.uuid4().hex[:8]
    settings = getattr(request.module, "SETTINGS", {})
    with Ward(tmp_path_factory.mktemp("ward"), broker, name, request.module.CASES, **settings) as hospital:
        hospital.open()
        yield hospital


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A failed test shows the log lines about its own PACS."""
    report = yield
    funcargs: dict[str, Any] = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed and "ward" in funcargs:
        for title, text in funcargs["ward"].logs():
            report.sections.append((title, text))
    return report
