"""Tries, bounds and the ledger, with a back end that answers by script."""

import logging
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dispatcher.answer import Answer, State
from dispatcher.backoff import back_off
from dispatcher.errors import LedgerError, PermanentError, TransientError, UnreachableError
from dispatcher.handover import Handover
from dispatcher.jobs import Jobs, Letter, Settled
from dispatcher.ledger import Ledger
from dispatcher.message import Message
from dispatcher.settings import BackendSettings
from tests.unit.dispatcher.examples import message

ACCEPTED = Answer(State.COMPLETED)


class StubBackend:
    """Answers or raises in turn."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.posts = 0

    def post(self, _: Message, __: str) -> Answer:
        self.posts += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Bench:
    """A handover with all its parts, and no waiting between tries."""

    def __init__(self, folder: Path, *answers: Answer | Exception, **changes: Any) -> None:
        self.settled: list[Settled] = []
        self.jobs = Jobs(self.settled.append)
        self.backend = StubBackend(*answers)
        self.ledger = Ledger(folder / "l.db")
        limits = {"first_delay_seconds": 1e-4, "max_delay_seconds": 1e-3, "max_tries": 3, **changes}
        settings = BackendSettings(url="http://x", **limits)
        self.handover = Handover(self.jobs, self.backend, self.ledger, settings, is_reported=True)  # type: ignore[arg-type]

    def run(self, message_id: str = "a", tries: int = 1, **changes: Any) -> list[str]:
        """Try up to so often; the reasons of all settled jobs so far ("" is accepted)."""
        self.jobs.admit(message_id, Message.model_validate(message(**changes)), Letter(b"", None, [1]))
        for _ in range(tries):
            job = self.jobs.take("w", 0.2)
            if job is None:
                break
            self.handover.attempt(job)
        return [settled.reason for settled in self.settled]


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench(tmp_path: Path) -> MakeBench:
    return lambda *answers, **changes: Bench(tmp_path, *answers, **changes)


def test_accepted_is_entered_then_settled(bench: MakeBench) -> None:
    one = bench(ACCEPTED)
    assert one.run() == [""]
    assert one.ledger.has("a")
    assert one.ledger.due_report() is not None


def test_a_repeat_is_settled_but_not_posted(bench: MakeBench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    one = bench(ACCEPTED)
    one.run()
    one.jobs.close(one.settled[0].job)
    assert one.run() == ["", ""]
    assert one.backend.posts == 1
    assert "message a is a repeat of one that was accepted, dropped" in caplog.messages


def test_tries_are_bounded_and_the_last_reason_is_kept(bench: MakeBench) -> None:
    one = bench(TransientError("the back end answered 503 Service Unavailable"))
    assert one.run(tries=10) == ["the back end answered 503 Service Unavailable (try 3 of 3)"]
    assert one.backend.posts == 3
    assert not one.ledger.has("a")


def test_a_refusal_for_good_is_not_tried_again(bench: MakeBench) -> None:
    one = bench(PermanentError("no"))
    assert one.run(tries=10) == ["no"]
    assert one.backend.posts == 1


def test_recovers(bench: MakeBench) -> None:
    one = bench(TransientError("x"), UnreachableError("y"), TransientError("x"), ACCEPTED)
    assert one.run(tries=10) == [""]


def test_nobody_there_is_no_try_but_ends_too(bench: MakeBench) -> None:
    one = bench(*[UnreachableError("y")] * 9, ACCEPTED)
    assert one.run(tries=20) == [""]
    other = bench(UnreachableError("y"), unreachable_seconds=0.05)
    assert "unreachable for" in other.run("b", tries=1000)[0]


def test_an_answer_begins_the_time_without_anybody_anew(bench: MakeBench) -> None:
    one = bench(UnreachableError("y"), TransientError("x"), UnreachableError("y"), ACCEPTED, unreachable_seconds=100)
    assert one.run() == []
    job = one.jobs._open["a"]
    job.unreachable_since = (job.unreachable_since or 0) - 1000
    assert one.run() == []
    assert one.run() == [], "100 seconds are not over: somebody was there in between"
    assert one.run() == [""]


def test_retry_after_is_heeded_within_bounds(bench: MakeBench) -> None:
    one = bench(TransientError("x", retry_after=60), max_delay_seconds=0.15)
    assert one.run() == []
    assert one.jobs.take("w", 0.05) is None
    assert one.jobs.take("w", 1) is not None


def test_newer_revision_is_announced(bench: MakeBench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    one = bench(ACCEPTED)
    line = "1.2.3 exists, last isloading is 2, we receive a new one, calc again"
    one.run("a", revision=1)
    assert line not in caplog.messages
    one.run("b", revision=2, seriesUID="1.2.9")
    assert caplog.messages.count(line) == 1
    caplog.clear()
    one.run("c", revision=2, seriesUID="1.2.8")
    one.run("d", revision=1, seriesUID="1.2.7")
    one.run("e", revision=3, task="other")
    assert not [text for text in caplog.messages if "isloading" in text]


def test_first_line_shows_the_message_without_foreign_keys(bench: MakeBench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench(TransientError("x")).run(tries=3, PatientName="DOE^JOHN")
    lines = [
        text
        for text in caplog.messages
        if text.startswith("send_to_backend ") and "get message {'studyUID': '1.2.3'" in text
    ]
    assert len(lines) == 1
    assert "DOE" not in caplog.text


def test_ledger_down_before_the_post_means_no_post(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatcher.handover.LEDGER_RETRY_SECONDS", 0.01)
    one = bench(ACCEPTED)

    def down(_: str) -> bool:
        raise LedgerError("down") from sqlite3.OperationalError()

    with monkeypatch.context() as patch:
        patch.setattr(one.ledger, "has", down)
        assert one.run() == []
    assert one.backend.posts == 0
    assert one.run() == [""]


def test_ledger_down_after_the_post_means_no_second_post(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatcher.handover.LEDGER_RETRY_SECONDS", 0.01)
    one = bench(ACCEPTED)

    def down(*_: object) -> None:
        raise LedgerError("down")

    with monkeypatch.context() as patch:
        patch.setattr(one.ledger, "record", down)
        assert one.run() == []
    assert one.run() == [""]
    assert one.backend.posts == 1
    assert one.ledger.has("a")


def test_back_off_grows_within_its_bounds() -> None:
    random.seed(1)
    for tries, longest in [(1, 2), (2, 4), (3, 8), (10, 60), (10_000, 60)]:
        waits = [back_off(tries, 2, 60) for _ in range(200)]
        assert longest / 2 <= min(waits) < max(waits) <= longest
        assert max(waits) - min(waits) > longest / 4, "jitter"
