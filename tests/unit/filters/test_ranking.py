"""The series to deliver, and why."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from filters import Candidate, Rules


def candidate(uid: str, instances: int, **header: Any) -> Candidate:
    return Candidate(uid, instances, header)


@pytest.mark.parametrize(
    ("best", "other", "why"),
    [
        (candidate("9", 300), candidate("1", 299), "preferred over 1 because it has more images (300 against 299)"),
        (
            candidate("9", 300, SliceThickness="1.0"),
            candidate("1", 300, SliceThickness=1.25),
            "preferred over 1 because it is thinner (1 mm against 1.25 mm)",
        ),
        (
            candidate("9", 300, SliceThickness=5),
            candidate("1", 300, SliceThickness=0),
            "preferred over 1 because it is thinner (5 mm against unknown)",
        ),
        (
            candidate("9", 300, ConvolutionKernel="B60f", SeriesNumber=7),
            candidate("1", 300, ConvolutionKernel="STANDARD", SeriesNumber=2),
            "preferred over 1 because its kernel is preferred",
        ),
        (
            candidate("9", 300, SeriesNumber="2"),
            candidate("1", 300),
            "preferred over 1 because its series number is lower (2)",
        ),
        (candidate("1", 300), candidate("9", 300), "preferred over 9 because its UID sorts first"),
        (
            candidate("9", 1, NumberOfFrames=200),
            candidate("1", 150),
            "preferred over 1 because it has more images (200 against 150)",
        ),
    ],
)
def test_order(changed: Callable[..., Rules], best: Candidate, other: Candidate, why: str) -> None:
    task = changed(("kernels_preferred = []", 'kernels_preferred = ["B60*", "LUNG"]')).task("chest-ct")
    for candidates in ([best, other], [other, best]):
        first, second = task.rank(candidates)
        assert (first.candidate, first.why) == (best, why)
        assert second.why == why.replace("preferred over 1", "9 preferred").replace("preferred over 9", "1 preferred")


def test_one_and_none(rules: Rules) -> None:
    task = rules.task("chest-ct")
    assert task.rank([]) == []
    assert [ranked.why for ranked in task.rank([candidate("1", 5)])] == ["the only one"]


def test_order_does_not_depend_on_the_order_given(rules: Rules) -> None:
    candidates = [candidate(str(i), 100 + i % 3, SeriesNumber=i % 4, SliceThickness=(i % 2) or "") for i in range(30)]
    expected = rules.task("chest-ct").rank(candidates)
    shuffled = random.Random(1).sample(candidates, len(candidates))
    assert [r.candidate for r in rules.task("chest-ct").rank(shuffled)] == [r.candidate for r in expected]
