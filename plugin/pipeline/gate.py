"""May pulls go on? Not while a disk is nearly full; only those by hand while the queue is long."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from plugin.domain.priority import MANUAL, NORMAL

log = logging.getLogger(__name__)

REOPENS_AT = 1.1
"""How many times the watermark must be free again before pulls go on: no to and fro at the mark."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``min_free_bytes`` on each disk; ``max_queued`` messages ready in the queue (0: no limit)."""

    min_free_bytes: int
    max_queued: int


class Gate:
    """``free_bytes`` tells the free space of a folder's disk; ``queued`` the ready messages (None: not known)."""

    def __init__(
        self,
        folders: Sequence[Path],
        limits: Limits,
        free_bytes: Callable[[Path], int],
        queued: Callable[[], int | None],
    ) -> None:
        self._folders = folders
        self._limits = limits
        self._free_bytes = free_bytes
        self._queued = queued
        self._full: Path | None = None
        self._is_long = False

    def lowest_rank(self) -> int | None:
        """The least rank that may be pulled now; None: nothing may."""
        self._look_at_disks()
        self._look_at_queue()
        if self._full is not None:
            return None
        return MANUAL if self._is_long else NORMAL

    def report(self) -> dict[str, object]:
        """For the status route: free bytes of each folder's disk, and what stops pulls, if anything."""
        stopped = "disk" if self._full is not None else "queue" if self._is_long else None
        return {"freeBytes": {str(folder): self._free_bytes(folder) for folder in self._folders}, "stoppedBy": stopped}

    def _look_at_disks(self) -> None:
        needed = self._limits.min_free_bytes * (REOPENS_AT if self._full is not None else 1)
        full = next((folder for folder in self._folders if self._free_bytes(folder) < needed), None)
        if full is not None and self._full is None:
            log.error("pulling pauses: less than %d MB are free for %s", self._limits.min_free_bytes // 10**6, full)
        if full is None and self._full is not None:
            log.warning("pulling goes on: there is room on the disk again")
        self._full = full

    def _look_at_queue(self) -> None:
        queued = self._queued() or 0
        is_long = 0 < self._limits.max_queued < queued
        if is_long and not self._is_long:
            log.warning("pulling pauses, but by hand: %d messages wait for a consumer", queued)
        if self._is_long and not is_long:
            log.warning("pulling goes on: the queue is shorter again")
        self._is_long = is_long
