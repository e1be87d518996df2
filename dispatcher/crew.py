"""Threads that are replaced when they die."""

import logging
import threading
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


class Crew:
    """Named daemon threads; each runs its function until that returns, which it does only when asked to stop.

    `on_death` is called with the name of a dead thread before another one takes the name over.
    """

    def __init__(
        self, functions: Mapping[str, Callable[[], None]], on_death: Callable[[str], None], stop: threading.Event
    ) -> None:
        self._functions = dict(functions)
        self._on_death = on_death
        self._stop = stop
        self._threads: dict[str, threading.Thread] = {}

    def start(self) -> None:
        """Start all of them."""
        for name in self._functions:
            self._begin(name)

    def heal(self) -> None:
        """Replace the dead ones. Nobody is replaced during a stop."""
        if self._stop.is_set():
            return
        for name in [name for name, thread in self._threads.items() if not thread.is_alive()]:
            log.error("%s is dead, replaced", name)
            self._on_death(name)
            self._begin(name)

    def _begin(self, name: str) -> None:
        self._threads[name] = threading.Thread(target=self._functions[name], name=name, daemon=True)
        self._threads[name].start()
