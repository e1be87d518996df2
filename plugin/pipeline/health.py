"""Which sources answer. One log line when one goes, one when it is back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection

log = logging.getLogger(__name__)


class Health:
    """The state of each source as last seen by whoever asked it; shared by finders and pullers."""

    def __init__(self, aliases: Collection[str]) -> None:
        self._lock = threading.Lock()
        self._failures = dict.fromkeys(aliases, 0)
        self._why = dict.fromkeys(aliases, "")

    def worked(self, alias: str) -> None:
        with self._lock:
            was_down, self._failures[alias], self._why[alias] = self._failures[alias] > 0, 0, ""
        if was_down:
            log.warning("source %s answers again", alias)

    def failed(self, alias: str, error: Exception) -> int:
        """How often in a row it has failed now."""
        with self._lock:
            self._failures[alias] += 1
            failures, self._why[alias] = self._failures[alias], str(error)
        if failures == 1:
            log.error("source %s does not answer: %s", alias, error)
        return failures

    def is_up(self, alias: str) -> bool:
        return self._failures[alias] == 0

    def report(self) -> dict[str, dict[str, object]]:
        """For the status route: each source with ``up``, ``failures`` in a row and the last error."""
        with self._lock:
            return {
                alias: {"up": failures == 0, "failures": failures, "lastError": self._why[alias]}
                for alias, failures in self._failures.items()
            }
