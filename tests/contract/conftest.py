"""The adapters that the contracts are held against; another one is another entry here."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pymongo
import pytest

from plugin.adapters.hand_over import HandOverFolder
from plugin.adapters.mongo_record import MongoRecord
from plugin.adapters.sqlite_record import SqliteRecord
from plugin.ports import HandOver, Record
from tests.contract.brokers import Bench, FakeBench, RabbitMQBench
from tests.contract.folders import FileStore
from tests.fakes import FakeClock, FakeHandOver
from tests.requirements import require
from tests.simulators import mongod, rabbitmq

OpenRecord = Callable[[], Record]
"""Opens the same record once more, as another gateway or the next start does."""


@pytest.fixture(scope="session")
def mongodb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require(mongod.available())
    with mongod.running(tmp_path_factory.mktemp("mongodb")) as url:
        yield url


@pytest.fixture
def mongodb_url(mongodb_server: str) -> Iterator[str]:
    """A database of its own for each test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield f"{mongodb_server}/{name}"
    with pymongo.MongoClient[dict[str, object]](mongodb_server) as client:
        client.drop_database(name)


@pytest.fixture(params=["sqlite", "mongodb"])
def open_record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenRecord]:
    def opened() -> Record:
        if request.param == "sqlite":
            return SqliteRecord(tmp_path / "record.db")
        return MongoRecord(request.getfixturevalue("mongodb_url"))

    with ExitStack() as closed_at_the_end:
        yield lambda: closed_at_the_end.enter_context(closing(opened()))


@pytest.fixture
def record(open_record: OpenRecord) -> Record:
    return open_record()


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbitmq.RabbitMQ]:
    require(rabbitmq.available())
    with rabbitmq.RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture(params=["fake", "rabbitmq"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "fake":
        yield FakeBench()
        return
    server = request.getfixturevalue("rabbitmq_server")
    with closing(RabbitMQBench(server, request.node.name)) as bench:
        yield bench


@pytest.fixture
def rabbitmq_bench(rabbitmq_server: rabbitmq.RabbitMQ, request: pytest.FixtureRequest) -> Iterator[RabbitMQBench]:
    with closing(RabbitMQBench(rabbitmq_server, request.node.name)) as bench:
        yield bench


@pytest.fixture(params=["link", "copy", "fake"])
def hand_over(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> HandOver:
    if request.param == "fake":
        return FakeHandOver(clock)
    return HandOverFolder(tmp_path / "store_image", FileStore(tmp_path / "orthanc", has_files=request.param == "link"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
