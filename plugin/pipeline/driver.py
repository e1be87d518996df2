"""The one driver: claims a study for a step, runs the step, saves the outcome."""

from __future__ import annotations

import logging
import queue
import random
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from plugin.domain.holding import let_go
from plugin.domain.priority import LONGEST_DELAY, MANUAL, back_off
from plugin.domain.study import LEGAL_MOVES, Lease, State, Step, Study, merged, queued_for_pull
from plugin.errors import PermanentError, TransientError
from plugin.logs import study_log
from plugin.ports import Clock, Record

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
MOST_FAILURES = 5
"""An error that nobody foresaw is tried so often, then a person decides."""


class StepFunction(Protocol):
    """One step of a study's way. ``longest_delay`` bounds the back-off between its tries."""

    longest_delay: timedelta

    def begin(self, study: Study) -> Study:
        """What is written before the work starts (pure)."""

    def __call__(self, study: Study) -> Study:
        """Do the work; the outcome. Raises TransientError (tried again) or PermanentError (``failed``)."""

    def most_failures(self, study: Study) -> int | None:
        """After how many transient failures in a row a person has to decide; None: it is tried for ever."""

    def failed(self, study: Study) -> Study:
        """What is written beside the error after a failure (pure)."""


class ForeverStep:
    """The defaults of a StepFunction: nothing to write before, transient failures are tried again for ever."""

    longest_delay = LONGEST_DELAY

    def begin(self, study: Study) -> Study:
        return study

    def most_failures(self, study: Study) -> int | None:
        return None

    def failed(self, study: Study) -> Study:
        return study


class Driver:
    """Runs steps. ``owner`` names this gateway in leases; only one gateway works on a study at a time."""

    def __init__(self, record: Record, clock: Clock, owner: str, steps: Mapping[Step, StepFunction]) -> None:
        self._record = record
        self._clock = clock
        self._owner = owner
        self._steps = steps
        self._in_work: set[str] = set()
        self._dropped: queue.SimpleQueue[str] = queue.SimpleQueue()

    def claim(self, step: Step, sources: Collection[str] | None = None, lowest_rank: int = 0) -> Study | None:
        """The first study that is due for the step, leased to us and begun."""
        self._let_go_of_dropped()
        now = self._clock.now()
        study = self._record.claim(step, Lease(self._owner, now + LEASE), now, sources, lowest_rank)
        if study is None:
            return None
        uid = study.study_instance_uid
        if uid in self._in_work:  # its lease lapsed while another thread here works on it: prolonged by this claim
            return None
        self._in_work.add(uid)
        with self._dropped_on_error(uid):
            return self._record.update(uid, self._steps[step].begin)

    def renew(self) -> None:
        """Prolong the leases of what is in work here. One that nobody here knows of, whose claim was written but not
        answered by the database, lapses and is claimed again."""
        self._record.renew(Lease(self._owner, self._clock.now() + LEASE), frozenset(self._in_work))

    def run(self, study: Study) -> None:
        """Do the next step of a claimed study and save what came of it."""
        assert study.next_step is not None
        step = self._steps[study.next_step]
        try:
            outcome = step(study)
        except Exception as error:  # noqa: BLE001 - whatever a step raises, the study goes on or is marked
            outcome = self._after(error, study, step)
        if outcome is study:
            outcome = replace(study, lease=None)
        with self._dropped_on_error(study.study_instance_uid):
            self._save(study, outcome)
        self._in_work.discard(study.study_instance_uid)

    @contextmanager
    def _dropped_on_error(self, uid: str) -> Iterator[None]:
        """A study whose record cannot be written now is remembered: its lease would be prolonged for ever."""
        try:
            yield
        except BaseException:
            self._dropped.put(uid)
            self._in_work.discard(uid)
            raise

    def _let_go_of_dropped(self) -> None:
        """Free what could not be saved; the same step is done again."""

        def freed(study: Study) -> Study:
            is_ours = study.lease is not None and study.lease.owner == self._owner
            return replace(study, lease=None) if is_ours else study

        while True:
            try:
                uid = self._dropped.get_nowait()
            except queue.Empty:
                return
            with self._dropped_on_error(uid):
                self._record.update(uid, freed)

    def _save(self, claimed: Study, outcome: Study) -> None:
        """Nothing is saved where the lease is no longer ours: a person or another gateway has taken over."""

        def change(current: Study) -> Study:
            if current.lease is None or current.lease.owner != self._owner:
                return current
            after = merged(replace(claimed, lease=current.lease, version=current.version), outcome, current)
            return let_go(self._asked_meanwhile(after))

        self._record.update(claimed.study_instance_uid, change)

    def _asked_meanwhile(self, study: Study) -> Study:
        """A person asked for the study when it was past the step that would have heeded it: it goes round again."""
        is_left_over = study.is_manual and study.next_step is None and study.state is not State.FAILED
        return queued_for_pull(study, self._clock.now(), MANUAL) if is_left_over else study

    def _after(self, error: Exception, study: Study, step: StepFunction) -> Study:
        is_foreseen = isinstance(error, TransientError | PermanentError)
        lines = study_log(study.ids)
        if not getattr(error, "is_told", False):
            lines.error(
                "%s failed: %s", study.next_step, error if is_foreseen else repr(error), exc_info=not is_foreseen
            )
        failures = study.failures + 1
        most = step.most_failures(study) if isinstance(error, TransientError) else MOST_FAILURES
        is_over = isinstance(error, PermanentError) or (most is not None and failures >= most)
        if is_over and State.FAILED in LEGAL_MOVES[study.state]:
            lines.error("given up after %d tries, a person decides: %s", failures, error)
            return replace(study.moved(State.FAILED).then(None), failures=failures, last_error=str(error))
        due_at = self._clock.now() + back_off(failures, random.random(), longest=step.longest_delay)
        return replace(step.failed(study).then(study.next_step, due_at), failures=failures, last_error=str(error))
