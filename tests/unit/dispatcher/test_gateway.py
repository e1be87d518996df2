"""Reports to the gateway: bounded, persistent, and a conflict is given up sooner."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.answer import Answer, State
from dispatcher.gateway import CONFLICT_TRIES, Gateway, Reporter
from dispatcher.ledger import Ledger
from dispatcher.message import Message
from dispatcher.settings import GatewaySettings
from tests.simulators.backend import FakeBackend, Reply, in_turn
from tests.simulators.process import wait_until
from tests.unit.dispatcher.examples import message


@pytest.fixture
def server() -> Iterator[FakeBackend]:
    with FakeBackend() as server:
        yield server


@pytest.fixture
def ledger(tmp_path: Path, server: FakeBackend) -> Iterator[Ledger]:
    """With a reporter at work on it."""
    settings = GatewaySettings(url=f"{server.url}/", first_delay_seconds=0.001, max_delay_seconds=0.002, max_tries=9)
    ledger, stop = Ledger(tmp_path / "l.db"), threading.Event()
    thread = threading.Thread(target=Reporter(ledger, Gateway(settings), settings, 1, stop).run)
    thread.start()
    yield ledger
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("replies", "posts", "line"),
    [
        ([Reply()], 1, "the gateway knows that it is unsupported_series"),
        ([Reply(409), Reply(204)], 2, "the gateway knows that it is unsupported_series"),
        ([Reply(409)], CONFLICT_TRIES, "report unsupported_series given up: the gateway answered 409"),
        ([Reply(302)], 9, "report unsupported_series given up: the gateway answered 302"),
        ([Reply(is_dropped=True)], 9, "report unsupported_series given up: the gateway cannot be reached"),
    ],
)
def test_reports(
    server: FakeBackend,
    ledger: Ledger,
    caplog: pytest.LogCaptureFixture,
    replies: list[Reply],
    posts: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dispatcher.gateway.IDLE_SECONDS", 0.005)
    caplog.set_level(logging.INFO)
    server.script = in_turn(*replies)
    ledger.record(
        "m1", Message.model_validate(message(studyUID="1/2")), Answer(State.UNSUPPORTED, "no"), is_reported=True
    )
    wait_until(lambda: any(text.startswith(line) for text in caplog.messages), 15, line)
    assert len(server.posts) == posts
    assert {post.path for post in server.posts} == {"/pacs-pull/studies/1%2F2/unsupported"}
    assert ledger.due_report() is None
