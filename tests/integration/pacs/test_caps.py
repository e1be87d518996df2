"""PACS that answer only so many studies to a query: the day is asked for in parts until none is missed."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.integration.pacs.ward import Case, Ward
from tests.simulators.pacs import Faults

CAP = 20
IGNORES_TIME = frozenset({"StudyTime"})
ALL = 43
"""The crowd, and the three studies of the day that come last in each PACS."""

WHOLE = {
    "cap-set": Case(Faults(answer_cap=17), {"MaxAnswers": 17}, crowd=40),
    "cap-learnt": Case(Faults(answer_cap=CAP), crowd=40),
    "cap-told": Case(Faults(answer_cap=CAP, cap_status=0xA700), crowd=40),
    "no-cap": Case(crowd=37),
}
CASES = {
    **WHOLE,
    "cap-timeless": Case(Faults(answer_cap=CAP, ignored_keys=IGNORES_TIME), {"MaxAnswers": CAP}, crowd=40),
}


@pytest.mark.parametrize("alias", WHOLE)
def test_whole(ward: Ward, alias: str) -> None:
    ward.check_whole(alias)


def test_the_parts_are_remembered(ward: Ward) -> None:
    """A poll costs no more than the parts of the day, time after time."""
    requests = ward.servers["cap-learnt"].requests
    ward.wait_log("source cap-learnt answers 20 studies to a query at most")
    asked = [query for query in requests.queries if query.keys.get("StudyDate")]
    whole = [place for place, query in enumerate(asked) if not query.keys.get("StudyTime")]
    polls = [later - earlier for earlier, later in pairwise(whole)]
    assert max(polls[1:]) <= 9, polls


def test_a_cap_that_cannot_be_got_round_is_told(ward: Ward) -> None:
    ward.wait_log("source cap-timeless cuts its answers")
    assert "it ignores StudyTime: studies are missed" in ward.gateway.python_log()
    queries = ward.servers["cap-timeless"].requests.queries
    assert sum(bool(query.keys.get("StudyTime")) for query in queries) <= 3
    ward.check_archive_untouched("cap-timeless")
