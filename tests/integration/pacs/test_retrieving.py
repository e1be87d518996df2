"""PACS that break, lie about or leave out parts of a retrieve: what came is counted, never believed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.pacs.ward import Case, Ward
from tests.simulators.pacs import Faults

ONCE: dict[str, Any] = {"retrieves_affected": 1}
SLOW_SECONDS = 1.0
SETTINGS = {"MaxRepulls": 3}

WHOLE = {
    "honest": Case(),
    "misses-once": Case(Faults(missing_last=5, **ONCE)),
    "warns": Case(Faults(final_status=0xB000)),
    "early-success": Case(Faults(success_before_images=SLOW_SECONDS)),
    "drops-once": Case(Faults(drop_after_images=5, **ONCE)),
    "sends-twice": Case(Faults(duplicate_images=True)),
    "trickles": Case(Faults(delay_per_image=0.05)),
    "no-destination-once": Case(Faults(unknown_destination=True, **ONCE)),
    "mute-move-once": Case(),
}
CASES = {
    **WHOLE,
    "no-destination": Case(Faults(unknown_destination=True), {"MaxTries": 2}),
}


@pytest.mark.parametrize("alias", WHOLE)
def test_whole(ward: Ward, alias: str) -> None:
    ward.check_whole(alias)


def test_a_move_that_never_works_fails_the_study(ward: Ward) -> None:
    department = ward.departments["no-destination"]
    record = ward.wait_settled(department.ct)[department.ct.name]
    assert record["state"] == "failed"
    assert "0xA801" in record["lastError"]
    assert len(ward.asked("no-destination", department.ct)) == 2
    ward.check_archive_untouched("no-destination")
