"""Pulling pauses before a disk is full and while the queue is long; it says so once, and goes on by itself."""

from __future__ import annotations

from pathlib import Path

from plugin.domain.priority import MANUAL, NORMAL
from plugin.pipeline.gate import Gate, Limits
from tests.unit.plugin.conftest import Lines

STORAGE, HANDED = Path("/storage"), Path("/handed")
MARK = 10**9


class Machine:
    """A gate on disks and a queue that the test fills."""

    def __init__(self, max_queued: int = 0) -> None:
        self.free = {STORAGE: 5 * MARK, HANDED: 5 * MARK}
        self.queued: int | None = None
        self.gate = Gate(
            [STORAGE, HANDED], Limits(MARK, max_queued), lambda folder: self.free[folder], lambda: self.queued
        )


def test_open() -> None:
    machine = Machine()
    assert machine.gate.lowest_rank() == NORMAL
    assert machine.gate.report() == {"freeBytes": {"/storage": 5 * MARK, "/handed": 5 * MARK}, "stoppedBy": None}


def test_either_disk_stops_all_pulls_and_room_starts_them(lines: Lines) -> None:
    for folder in (STORAGE, HANDED):
        machine = Machine()
        machine.free[folder] = MARK - 1
        assert machine.gate.lowest_rank() is None
        assert machine.gate.report()["stoppedBy"] == "disk"
        machine.free[folder] = MARK + 1
        assert machine.gate.lowest_rank() is None, "no to and fro at the mark"
        machine.free[folder] = 2 * MARK
        assert machine.gate.lowest_rank() == NORMAL
    assert len(lines.containing("pulling pauses: less than 1000 MB are free for")) == 2
    assert len(lines.containing("pulling goes on: there is room")) == 2


def test_a_long_queue_leaves_pulls_by_hand(lines: Lines) -> None:
    machine = Machine(max_queued=10)
    machine.queued = 10
    assert machine.gate.lowest_rank() == NORMAL
    machine.queued = 11
    assert machine.gate.lowest_rank() == MANUAL
    assert machine.gate.lowest_rank() == MANUAL
    assert machine.gate.report()["stoppedBy"] == "queue"
    machine.queued = 3
    assert machine.gate.lowest_rank() == NORMAL
    assert len(lines.containing("11 messages wait for a consumer")) == 1
    assert len(lines.containing("the queue is shorter again")) == 1


def test_no_limit_on_the_queue() -> None:
    machine = Machine()
    machine.queued = 10**6
    assert machine.gate.lowest_rank() == NORMAL
