"""Worker threads that cannot die: each calls its ``tick`` again and again until it is told to stop."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from plugin.domain.priority import back_off
from plugin.errors import TransientError

log = logging.getLogger(__name__)

LONGEST_REST = timedelta(seconds=15)
"""Leases are prolonged each third of their time: a worker that stumbled tries again well before they are over."""

Tick = Callable[[], float]
"""Does one piece of work; returns the seconds until the next call (0: at once)."""


class Worker:
    """One thread. An error in ``tick`` is logged (once while it lasts) and tried again with back-off.

    ``close`` runs in the thread when it ends, for connections that belong to it.
    """

    def __init__(self, name: str, tick: Tick, close: Callable[[], None] | None = None) -> None:
        self.name = name
        self.failures = 0
        self._tick = tick
        self._close = close
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Have the next tick now."""
        self._wake.set()

    def ask_to_stop(self) -> None:
        self._stop.set()
        self._wake.set()

    def join(self, timeout: float) -> bool:
        """Wait for the end; False where the thread still works after ``timeout`` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            wait = self._one_tick()
            if wait > 0:
                self._wake.wait(wait)
            self._wake.clear()
        if self._close is not None:
            self._close()

    def _one_tick(self) -> float:
        try:
            wait = self._tick()
        except Exception as error:  # noqa: BLE001 - a worker outlives whatever its tick raises
            return self._failed(error)
        if self.failures:
            log.warning("%s works again", self.name)
        self.failures = 0
        return wait

    def _failed(self, error: Exception) -> float:
        self.failures += 1
        if self.failures == 1:
            is_ours = isinstance(error, TransientError)
            log.error(
                "%s stumbled, trying again: %s", self.name, error if is_ours else repr(error), exc_info=not is_ours
            )
        return back_off(self.failures, random.random(), longest=LONGEST_REST).total_seconds()


class Supervisor:
    """All workers of the gateway."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []

    def add(self, name: str, tick: Tick, close: Callable[[], None] | None = None) -> Worker:
        worker = Worker(name, tick, close)
        self.workers.append(worker)
        return worker

    def start(self) -> None:
        for worker in self.workers:
            worker.start()

    def report(self) -> dict[str, dict[str, object]]:
        """For the status route: each thread with ``alive`` and its failures in a row."""
        return {worker.name: {"alive": worker.is_alive(), "failures": worker.failures} for worker in self.workers}

    def stop(self, timeout: float) -> None:
        """Ask all to stop, then wait at most ``timeout`` seconds for all of them together."""
        for worker in self.workers:
            worker.ask_to_stop()
        end = time.monotonic() + timeout
        late = [worker.name for worker in self.workers if not worker.join(max(end - time.monotonic(), 0))]
        if late:
            log.warning("still busy at the stop: %s", ", ".join(late))
