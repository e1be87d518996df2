"""A real broker for all tests of this folder, and a bench a test: its own queues, back end, gateway, dispatcher."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.dispatcher.bench import Bench
from tests.simulators import rabbitmq


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbitmq.RabbitMQ]:
    _need_rabbitmq()
    with rabbitmq.RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as broker:
        yield broker


@pytest.fixture
def bench(broker: rabbitmq.RabbitMQ, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    with Bench(broker, tmp_path, request.node.name) as bench:
        yield bench


@pytest.fixture
def own_bench(tmp_path: Path) -> Iterator[Bench]:
    """With a broker of its own, for tests that harm it."""
    _need_rabbitmq()
    with rabbitmq.RabbitMQ(tmp_path / "rabbitmq") as broker, Bench(broker, tmp_path, "own") as bench:
        yield bench


def _need_rabbitmq() -> None:
    reason = rabbitmq.available()
    if reason and os.environ.get("CI") != "true":
        pytest.skip(reason)
