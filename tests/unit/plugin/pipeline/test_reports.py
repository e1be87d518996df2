"""Reports of the algorithm's side on a delivery that a newer one has replaced."""

from __future__ import annotations

import pytest

from plugin.domain.study import State
from tests.unit.plugin.examples import CT, chest_ct, series
from tests.unit.plugin.house import House


@pytest.fixture
def twice(house: House) -> House:
    """A study that was delivered, grew, and was delivered again."""
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    house.pacs.add(series(f"{CT}.3", 10, first=31))
    house.poll(2)
    house.settle()
    assert house.study(CT).revision == 2
    return house


@pytest.mark.parametrize("verb", ["completed", "unsupported"])
def test_a_report_on_an_older_revision_changes_nothing(twice: House, verb: str) -> None:
    study = twice.decide.verbs[verb](CT, {"revision": 1})
    assert study is not None
    assert study.state is State.PULL_DATA_END
    assert twice.hand_over.folders


@pytest.mark.parametrize(("verb", "state"), [("completed", State.COMPLETED), ("unsupported", State.UNSUPPORTED_SERIES)])
def test_a_report_on_the_last_revision_counts(twice: House, verb: str, state: State) -> None:
    study = twice.decide.verbs[verb](CT, {"revision": 2, "reason": "no lung in it"})
    assert study is not None
    assert study.state is state
    if verb == "unsupported":
        assert study.last_error == "no lung in it"
