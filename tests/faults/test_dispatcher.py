"""The real gateway and the real dispatcher, end to end; the dispatcher dies, its connection fails."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.hospital import Hospital, side_by_side
from tests.faults.studies import THIN, Day
from tests.faults.test_connections import BREAKS
from tests.faults.verdict import Tally, Verdict
from tests.requirements import require
from tests.simulators import orthanc
from tests.simulators.backend import FakeBackend, Post, Reply
from tests.simulators.orthanc import ROOT
from tests.simulators.process import LOOPBACK, ServerProcess, wait_until
from tests.simulators.proxy import Proxy
from tests.simulators.rabbitmq import RabbitMQ

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

PREFIX = "PACS_PULL_DISPATCHER__"
STUDIES = {"ct": THIN, "dx": 2}


def dispatcher(site: Hospital, backend: FakeBackend, broker_port: int) -> ServerProcess:
    """The dispatcher of a site, not started; the AI back end is a fake."""
    settings = {
        "RABBITMQ__URL": f"amqp://guest:guest@{LOOPBACK}:{broker_port}/",
        "RABBITMQ__QUEUE": site.queue,
        "RABBITMQ__DEAD_LETTER_EXCHANGE": f"{site.gateway.settings['RabbitMQ']['Exchange']}.dlx",
        "RABBITMQ__HEARTBEAT_SECONDS": 2,
        "BACKEND__URL": f"{backend.url}/{{studyUID}}",
        "GATEWAY__URL": site.gateway.url,
        "GATEWAY__FIRST_DELAY_SECONDS": 0.2,
        "LEDGER__FILE": site.folder / "dispatcher.db",
        "LOG__FILE": site.folder / "dispatcher.log",
    }
    process = ServerProcess(
        "dispatcher",
        [sys.executable, "-m", "dispatcher"],
        site.folder / "dispatcher",
        ready=lambda: "started: " in process.log_text(),
        env={"PYTHONPATH": str(ROOT), **{f"{PREFIX}{key}": str(value) for key, value in settings.items()}},
    )
    return process


def completed(site: Hospital, backend: FakeBackend, day: Day) -> Verdict:
    """Each study is completed in the gateway's record, its folder is gone, and it was posted under one message_id."""
    for name, number in STUDIES.items():
        site.wait_record(day.uid(name), "completion", lambda record: record["state"] == "completed")
        record = site.gateway.record(day.uid(name))
        assert record is not None
        (delivery,) = record["deliveries"]
        assert delivery["numberReceived"] == number
        wait_until(lambda folder=delivery["folder"]: not Path(folder).exists(), 10, "the folder's end")  # type: ignore[misc]
    bodies = {message["studyUID"]: message for message in backend.messages}
    assert set(bodies) == {day.uid(name) for name in STUDIES}
    assert all(message == bodies[message["studyUID"]] for message in backend.messages)
    assert site.received() == []
    return Verdict(1, len(bodies), len(backend.messages) - len(bodies))


def gate(is_open: threading.Event) -> Callable[[Post], Reply]:
    """A back end that answers when it is let."""

    def script(_: Post) -> Reply:
        is_open.wait(120)
        return Reply()

    return script


def test_the_dispatcher_is_killed_while_it_posts(tmp_path: Path, broker: RabbitMQ, day: Day, tally: Tally) -> None:
    require(orthanc.available())
    is_open = threading.Event()
    site = Hospital(tmp_path, broker, "dispatcher-killed")
    with site, site.simulated_pacs() as pacs, FakeBackend(gate(is_open)) as backend:
        for name in STUDIES:
            pacs.add_files(day.files[name])
        site.gateway.start()
        with dispatcher(site, backend, broker.port) as process:
            wait_until(lambda: len(backend.posts) == len(STUDIES), 60, "the posts")
            process.kill()
            is_open.set()
            process.start()
            verdict = completed(site, backend, day)
    assert verdict.repeats == len(STUDIES), "what was not acknowledged comes again"
    tally.add("dispatcher killed", verdict)


def connection_fails(folder: Path, broker: RabbitMQ, day: Day, how: str) -> Verdict:
    """Between dispatcher and RabbitMQ, while messages are in work."""
    is_open = threading.Event()
    site = Hospital(folder / how, broker, f"dispatcher-{how}")
    with (
        site,
        Proxy(broker.port) as proxy,
        site.simulated_pacs() as pacs,
        FakeBackend(gate(is_open)) as backend,
        dispatcher(site, backend, proxy.port),
    ):
        pacs.add_files(day.files["ct"])
        site.gateway.start()
        wait_until(lambda: backend.posts, 60, "the first post")
        BREAKS[how](proxy)
        time.sleep(3)  # longer than its heartbeats
        is_open.set()
        pacs.add_files(day.files["dx"])
        time.sleep(2)
        proxy.restore()
        return completed(site, backend, day)


def test_its_connection_fails(tmp_path: Path, broker: RabbitMQ, day: Day, tally: Tally) -> None:
    require(orthanc.available())
    for how, verdict in side_by_side(partial(connection_fails, tmp_path, broker, day), BREAKS).items():
        tally.add(f"dispatcher to RabbitMQ: {how}", verdict)
