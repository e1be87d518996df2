"""Threads that are replaced when they die."""

import logging
import threading
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


class Crew:
    """Named daemon threads; each runs its function until that returns, which it does only when asked to stop."""

    def __init__(self, functions: Mapping[str, Callable[[], None]], stop: threading.Event) -> None:
        self._functions = dict(functions)
        self._stop = stop
        self._threads: dict[str, threading.Thread] = {}

    def start(self) -> None:
        """Start all of them."""
        for name in self._functions:
            self._begin(name)

    def heal(self) -> list[str]:
        """Replace the dead ones; returns their names. Nobody is replaced during a stop."""
        if self._stop.is_set():
            return []
        dead = [name for name, thread in self._threads.items() if not thread.is_alive()]
        for name in dead:
            log.error("%s is dead, replaced", name)
            self._begin(name)
        return dead

    def _begin(self, name: str) -> None:
        self._threads[name] = threading.Thread(target=self._functions[name], name=name, daemon=True)
        self._threads[name].start()
