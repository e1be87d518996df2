"""The driver: what it does after each kind of error, and what it writes when others have written meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest

from plugin.domain.priority import LONGEST_DELAY
from plugin.domain.study import Lease, State, Step, Study
from plugin.errors import PermanentError, RecordError, SourceError, StoreError
from plugin.pipeline.driver import LEASE, MOST_FAILURES, Driver, ForeverStep
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, chest_ct
from tests.unit.plugin.house import OWNER, House


class StubStep(ForeverStep):
    """Raises its error, else returns what ``outcome`` makes of the study."""

    def __init__(self, error: Exception | None = None, outcome: Callable[[Study], Study] = lambda study: study) -> None:
        self.error, self.outcome = error, outcome

    def __call__(self, study: Study) -> Study:
        if self.error is not None:
            raise self.error
        return self.outcome(study)


def driver_with(house: House, step: StubStep) -> Driver:
    return Driver(house.record, house.clock, OWNER, dict.fromkeys(Step, step))


def waiting(house: House, step: Step = Step.DELIVER, state: State = State.PULL_DATA) -> Study:
    house.record.insert(Study(CT, patient_id="P77", accession_number="A1", state=state, next_step=step))
    return house.study(CT)


def run(house: House, step: StubStep) -> Study:
    driver = driver_with(house, step)
    claimed = driver.claim(Step.DELIVER)
    assert claimed is not None
    driver.run(claimed)
    return house.study(CT)


def refused(*_: object) -> NoReturn:
    raise RecordError("the disk is full")


def test_nothing_to_do(house: House) -> None:
    assert driver_with(house, StubStep()).claim(Step.DELIVER) is None


def test_a_transient_error_is_tried_again_for_ever_with_growing_waits(house: House) -> None:
    waiting(house)
    waits = []
    for failures in range(1, 15):
        study = run(house, StubStep(StoreError("Orthanc is busy")))
        assert (study.next_step, study.failures, study.lease) == (Step.DELIVER, failures, None)
        assert study.last_error == "Orthanc is busy"
        assert study.due_at is not None
        waits.append(study.due_at - house.clock.now())
        house.clock.at = study.due_at
    assert timedelta(seconds=2) <= waits[0] <= timedelta(seconds=3)
    assert all(later > earlier for earlier, later in zip(waits, waits[2:7], strict=False))
    assert max(waits) <= LONGEST_DELAY * 1.5


def test_a_study_that_waits_is_not_claimed_before_its_time(house: House) -> None:
    waiting(house)
    run(house, StubStep(StoreError("busy")))
    assert driver_with(house, StubStep()).claim(Step.DELIVER) is None


def test_success_forgets_the_failures(house: House) -> None:
    waiting(house)
    run(house, StubStep(StoreError("busy")))
    house.clock.advance(minutes=1)
    study = run(house, StubStep(outcome=lambda study: study.then(Step.PUBLISH)))
    assert (study.failures, study.last_error, study.due_at, study.next_step) == (0, "", None, Step.PUBLISH)


def test_a_permanent_error_fails_the_study(house: House, lines: Lines) -> None:
    waiting(house)
    study = run(house, StubStep(PermanentError("no image at all")))
    assert (study.state, study.next_step, study.last_error) == (State.FAILED, None, "no image at all")
    assert lines.containing("given up after 1 tries, a person decides: no image at all")


def test_an_error_that_nobody_foresaw_is_tried_a_few_times(house: House, lines: Lines) -> None:
    waiting(house)
    for _ in range(MOST_FAILURES - 1):
        assert run(house, StubStep(KeyError("Type"))).state is State.PULL_DATA
        house.clock.advance(hours=1)
    assert run(house, StubStep(KeyError("Type"))).state is State.FAILED
    assert all("\n" not in line for line in lines.lines)
    assert "Traceback" in lines.lines[0]


def test_a_state_that_cannot_fail_is_tried_on(house: House) -> None:
    waiting(house, state=State.PULL_DATA_END)
    for _ in range(MOST_FAILURES + 2):
        study = run(house, StubStep(PermanentError("cannot delete")))
        assert (study.state, study.next_step) == (State.PULL_DATA_END, Step.DELIVER)
        house.clock.advance(hours=1)


def test_an_error_told_by_the_adapter_is_not_told_again(house: House, lines: Lines) -> None:
    waiting(house)
    error = StoreError("away")
    error.is_told = True
    run(house, StubStep(error))
    assert not lines.lines


def test_a_step_that_changes_nothing_frees_the_study(house: House) -> None:
    waiting(house)
    assert run(house, StubStep()).lease is None


def test_what_others_wrote_meanwhile_is_kept(house: House) -> None:
    waiting(house)
    driver = driver_with(house, StubStep(outcome=lambda study: study.moved(State.PULL_DATA_END).then(None)))
    claimed = driver.claim(Step.DELIVER)
    assert claimed is not None
    house.record.update(CT, lambda study: replace(study, number_in_pacs=31, priority=7))
    driver.run(claimed)
    study = house.study(CT)
    assert (study.number_in_pacs, study.priority) == (31, 7)
    assert (study.state, study.next_step, study.lease) == (State.PULL_DATA_END, None, None)


@pytest.mark.parametrize("lease", [None, "another/8042"])
def test_nothing_is_saved_when_the_lease_is_lost(house: House, lease: str | None) -> None:
    waiting(house)
    driver = driver_with(house, StubStep(outcome=lambda study: study.then(Step.CLEAN)))
    claimed = driver.claim(Step.DELIVER)
    assert claimed is not None
    theirs = None if lease is None else Lease(lease, house.clock.now() + LEASE)
    taken = house.record.update(CT, lambda study: replace(study, lease=theirs))
    driver.run(claimed)
    assert house.study(CT) == taken


def test_a_renewed_lease_is_still_ours(house: House) -> None:
    waiting(house)
    driver = driver_with(house, StubStep(outcome=lambda study: study.then(Step.CLEAN)))
    claimed = driver.claim(Step.DELIVER)
    assert claimed is not None
    house.record.renew(Lease(OWNER, house.clock.now() + LEASE * 5), [CT])
    driver.run(claimed)
    assert house.study(CT).next_step is Step.CLEAN


@pytest.mark.parametrize("moment", ["begin", "save"])
def test_a_study_that_could_not_be_saved_goes_on_when_the_record_is_back(
    house: House, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Its lease is prolonged with all others of this gateway: without help it would stand still until the restart."""
    house.pacs.add(chest_ct())
    house.poll(2)
    claimed = house.driver.claim(Step.PULL) if moment == "save" else None
    with monkeypatch.context() as patch:
        patch.setattr(house.record, "update", refused)
        with pytest.raises(RecordError):
            house.driver.run(claimed) if claimed else house.driver.claim(Step.PULL)
        with pytest.raises(RecordError):
            house.driver.claim(Step.PULL)
    house.driver.renew()
    house.work()
    assert len(house.messages()) == 1


def test_a_source_error_does_not_fail_other_studies(house: House) -> None:
    waiting(house)
    other = replace(house.study(CT), study_instance_uid="1.2.840.99", version=0)
    house.record.insert(other)
    run(house, StubStep(SourceError("away")))
    assert house.study("1.2.840.99") == other
