"""The rules file on disk: read once, read again when it changes."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from filters.problems import RulesError
from filters.rules import Rules
from filters.schema import parse

_LOGGER = logging.getLogger("filters")
_CHECK_SECONDS = 1.0


def load_rules(path: Path) -> Rules:
    """Read and check a rules file; RulesError names every problem with its line."""
    try:
        text = Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RulesError((f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8",)) from error
    except OSError as error:
        raise RulesError((f"{path}: cannot be read: {error.strerror or error}",)) from error
    try:
        return parse(text)
    except RulesError as error:
        raise RulesError(tuple(f"{path}: {problem}" for problem in error.problems)) from error


class RulesFile:
    """Rules that follow their file. A bad file changes nothing and is logged once for each bad version."""

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._stamp = self._stat()
        self._rules = load_rules(self._path)
        self._checked_at = time.monotonic()

    def current(self) -> Rules:
        """The rules in force. Looks at the file at most once a second."""
        if time.monotonic() - self._checked_at < _CHECK_SECONDS or not self._lock.acquire(blocking=False):
            return self._rules
        try:
            self._checked_at = time.monotonic()
            self._reload()
        finally:
            self._lock.release()
        return self._rules

    def _stat(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)

    def _reload(self) -> None:
        stamp = self._stat()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._rules = load_rules(self._path)
        except RulesError as error:
            for problem in error.problems:
                _LOGGER.error("rules file refused, the old rules stay in force: %s", problem)
            return
        _LOGGER.info("rules file %s read again", self._path)
