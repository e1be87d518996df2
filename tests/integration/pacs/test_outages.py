"""PACS that go mute, die or come back: told once, everybody else goes on, and a mirror stands in."""

from __future__ import annotations

import time
from itertools import pairwise

from tests.integration.pacs.ward import Case, Ward
from tests.simulators.pacs import Faults
from tests.simulators.process import wait_until

QUICK = {"TimeoutSeconds": 1, "MaxTries": 8}
MIRRORED = {**QUICK, "MirrorGroup": "archive"}
CASES = {
    "well": Case(),
    "mute-association": Case(Faults(mute=frozenset({"association"})), QUICK),
    "mute-find": Case(Faults(mute=frozenset({"find"})), QUICK),
    "mute-move": Case(Faults(mute=frozenset({"move"})), QUICK),
    "mute-echo": Case(Faults(mute=frozenset({"echo"})), QUICK),
    "left": Case(Faults(mute=frozenset({"move", "echo"})), MIRRORED, holds="pair"),
    "right": Case(Faults(), MIRRORED, holds="pair"),
}


def test_others_are_not_delayed(ward: Ward) -> None:
    started = time.monotonic()
    ward.check_whole("well")
    assert time.monotonic() - started < 25


def test_mute_echo_is_no_reason_to_doubt(ward: Ward) -> None:
    ward.check_whole("mute-echo")


def test_a_mirror_stands_in(ward: Ward) -> None:
    """The study is in both; LEFT answers queries and never a move."""
    department = ward.departments["left"]
    records = ward.wait_settled(*department.today)
    assert len(ward.delivered(department.ct)) == len(ward.delivered(department.dx)) == 1
    assert records[department.ct.name]["sources"] == ["left", "right"] or records[department.ct.name]["sources"] == [
        "right",
        "left",
    ]
    assert ward.servers["left"].requests.sent == []
    ward.check_archive_untouched("right")


def test_one_line_when_it_goes_and_one_when_it_is_back(ward: Ward) -> None:
    ward.wait_log("source mute-find does not answer")
    ward.wait_log("source mute-association does not answer")
    server = ward.servers["mute-find"]
    wait_until(lambda: len(server.requests.queries) >= 3, 30, "three queries of the mute one")
    asked = [query.asked_at for query in server.requests.queries]
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(asked)]
    assert waits[1] > waits[0], "the waits grow"
    server.faults = Faults()
    ward.wait_log("source mute-find answers again", 60)
    ward.check_whole("mute-find")
    log = ward.gateway.python_log()
    assert log.count("source mute-find does not answer") == log.count("source mute-find answers again") == 1
    assert log.count("source mute-association does not answer") == 1


def test_a_mute_move_is_tried_again(ward: Ward) -> None:
    department = ward.departments["mute-move"]
    ward.wait_log("mute-move: move failed")
    ward.servers["mute-move"].faults = Faults()
    ward.check_whole("mute-move")
    assert len(ward.asked("mute-move", department.ct)) > 1
