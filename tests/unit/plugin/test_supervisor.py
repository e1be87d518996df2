"""Worker threads: they outlive every error, rest as they are told, and stop when asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest

from plugin.errors import StoreError
from plugin.supervisor import Supervisor
from tests.simulators.process import wait_until
from tests.unit.plugin.conftest import Lines


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor()
    yield supervisor
    supervisor.stop(5)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugin.supervisor.back_off", lambda *_, **__: timedelta(milliseconds=1))


def failing(times: int, error: Exception) -> tuple[Callable[[], float], list[int]]:
    """A tick that fails so often; and the list of its calls."""
    calls: list[int] = []

    def tick() -> float:
        calls.append(len(calls))
        if len(calls) <= times:
            raise error
        return 0.001

    return tick, calls


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("error", [StoreError("Orthanc is busy"), KeyError("Type"), MemoryError()])
def test_a_worker_outlives_any_error_and_tells_it_once(supervisor: Supervisor, error: Exception, lines: Lines) -> None:
    tick, calls = failing(4, error)
    worker = supervisor.add("deliver", tick)
    supervisor.start()
    wait_until(lambda: len(calls) > 6, 5, "the worker to go on")
    assert worker.is_alive()
    assert worker.failures == 0
    assert len(lines.containing("deliver stumbled, trying again:")) == 1
    assert len(lines.containing("deliver works again")) == 1
    assert ("Traceback" in lines.lines[0]) is not isinstance(error, StoreError)


def test_a_failing_worker_backs_off(supervisor: Supervisor) -> None:
    tick, calls = failing(1000, StoreError("away"))
    worker = supervisor.add("deliver", tick)
    supervisor.start()
    wait_until(lambda: calls, 5, "the first tick")
    time.sleep(0.2)
    assert len(calls) == 1
    assert supervisor.report() == {"deliver": {"alive": True, "failures": 1}}
    assert worker.is_alive()


def test_a_worker_that_rests_is_woken(supervisor: Supervisor) -> None:
    calls: list[float] = []

    def tick() -> float:
        calls.append(time.monotonic())
        return 3600

    worker = supervisor.add("pull", tick)
    supervisor.start()
    while len(calls) < 3:
        number = len(calls)
        worker.wake()
        wait_until(lambda: len(calls) > number, 5, "a tick")  # noqa: B023 - called before number changes


def test_a_wake_during_a_tick_is_not_lost(supervisor: Supervisor) -> None:
    calls: list[int] = []

    def tick() -> float:
        calls.append(1)
        if len(calls) == 1:
            worker.wake()
        return 3600

    worker = supervisor.add("pull", tick)
    supervisor.start()
    wait_until(lambda: len(calls) == 2, 5, "the second tick")


def test_all_stop_when_asked_and_close_what_they_hold(supervisor: Supervisor) -> None:
    closed: list[str] = []
    for name in "abc":
        supervisor.add(name, lambda: 3600, partial(closed.append, name))
    supervisor.start()
    started = time.monotonic()
    supervisor.stop(5)
    assert time.monotonic() - started < 2
    assert sorted(closed) == ["a", "b", "c"]
    assert not any(worker.is_alive() for worker in supervisor.workers)


def test_the_stop_is_bounded_for_all_together(supervisor: Supervisor, lines: Lines) -> None:
    held = threading.Event()
    for name in ("slow", "slower"):
        supervisor.add(name, lambda: float(held.wait(10)))
    supervisor.add("quick", lambda: 3600)
    supervisor.start()
    started = time.monotonic()
    supervisor.stop(0.3)
    assert 0.2 < time.monotonic() - started < 2
    assert lines.containing("still busy at the stop: slow, slower")
    held.set()


def test_a_stop_before_the_start() -> None:
    supervisor = Supervisor()
    supervisor.add("never", lambda: 1)
    supervisor.stop(1)
    assert supervisor.report() == {"never": {"alive": False, "failures": 0}}
