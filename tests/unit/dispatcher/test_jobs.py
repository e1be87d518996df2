"""Open jobs: order, repeats, waiting, and what a lost connection means for them."""

import threading
import time
from typing import Any

from dispatcher.answer import Answer, State
from dispatcher.jobs import IN_WORK, NEW, Jobs, Letter, Settled
from dispatcher.message import Message
from tests.unit.dispatcher.examples import message


def admit(jobs: Jobs, message_id: str, tag: int = 1, **changes: Any) -> None:
    jobs.admit(message_id, Message.model_validate(message(**changes)), Letter(b"", None, [tag]))


def taken(jobs: Jobs, worker: str = "w") -> str | None:
    job = jobs.take(worker, 0)
    return job.message_id if job else None


def jobs_and_settled() -> tuple[Jobs, list[Settled]]:
    settled: list[Settled] = []
    return Jobs(settled.append), settled


def test_most_urgent_first_then_oldest() -> None:
    jobs, _ = jobs_and_settled()
    for name, priority in [("a", 0), ("b", 4), ("c", 9), ("d", 4)]:
        admit(jobs, name, priorities=priority)
    assert [taken(jobs) for _ in range(5)] == ["c", "b", "d", "a", None]


def test_an_open_message_is_worked_on_once_and_acknowledged_as_often_as_it_came() -> None:
    jobs, settled = jobs_and_settled()
    admit(jobs, "a", 1)
    job = jobs.take("w", 0)
    admit(jobs, "a", 2)
    assert taken(jobs) is None
    assert job is not None
    jobs.settle(job)
    admit(jobs, "a", 3)
    assert taken(jobs) is None
    assert settled == [Settled(job)]
    assert jobs.close(job) == [1, 2, 3]


def test_later_is_later_and_blocks_nobody() -> None:
    jobs, _ = jobs_and_settled()
    admit(jobs, "urgent", priorities=9)
    admit(jobs, "other")
    job = jobs.take("w", 0)
    assert job is not None
    jobs.later(job, 0.05)
    assert taken(jobs) == "other"
    before = time.monotonic()
    assert jobs.take("w", 5) is job
    assert time.monotonic() - before < 1


def test_take_wakes_for_a_new_message() -> None:
    jobs, _ = jobs_and_settled()
    threading.Timer(0.05, admit, (jobs, "a")).start()
    before = time.monotonic()
    assert jobs.take("w", 10) is not None
    assert time.monotonic() - before < 5


def test_a_lost_connection_keeps_the_tries_of_what_comes_again() -> None:
    jobs, _ = jobs_and_settled()
    admit(jobs, "a", 1)
    job = jobs.take("w", 0)
    assert job is not None
    job.tries = 3
    jobs.later(job, 0)
    jobs.disconnected()
    assert taken(jobs) is None, "it is not ours any more"
    admit(jobs, "a", 7)
    assert jobs.take("w", 0) is job
    assert (job.tries, job.letter.tags) == (3, [7])


def test_what_does_not_come_again_is_forgotten_with_the_next_connection() -> None:
    jobs, _ = jobs_and_settled()
    admit(jobs, "a", 1)
    job = jobs.take("w", 0)
    assert job is not None
    job.tries = 3
    jobs.later(job, 0)
    jobs.disconnected()
    jobs.disconnected()
    admit(jobs, "a", 2)
    again = jobs.take("w", 0)
    assert again is not None
    assert again.tries == 0


def test_a_lost_connection_leaves_work_alone_and_old_tags_are_never_acknowledged() -> None:
    jobs, _ = jobs_and_settled()
    admit(jobs, "a", 1)
    job = jobs.take("w", 0)
    assert job is not None
    jobs.disconnected()
    assert jobs.in_work() == 1
    jobs.settle(job)
    assert jobs.in_work() == 0
    assert jobs.close(job) == []


def test_what_the_back_end_accepted_is_entered_even_without_a_connection() -> None:
    jobs, _ = jobs_and_settled()
    admit(jobs, "a", 1)
    job = jobs.take("w", 0)
    assert job is not None
    job.answer = Answer(State.COMPLETED)
    jobs.later(job, 0)
    jobs.disconnected()
    jobs.disconnected()
    assert jobs.take("w", 0) is job


def test_held_by_finds_only_what_is_in_work() -> None:
    jobs, _ = jobs_and_settled()
    admit(jobs, "a")
    admit(jobs, "b")
    first = jobs.take("w", 0)
    assert first is not None
    jobs.settle(first)
    assert jobs.held_by("w") is None
    second = jobs.take("w", 0)
    assert jobs.held_by("w") is second
    assert jobs.held_by("v") is None


def test_older_revisions_of_the_same_study_and_task() -> None:
    jobs, _ = jobs_and_settled()
    admit(jobs, "1", revision=1)
    admit(jobs, "2", revision=2)
    admit(jobs, "3", revision=3, priorities=9)
    admit(jobs, "x", revision=2, task="other")
    admit(jobs, "y", revision=2, studyUID="9")
    newest = jobs.take("w", 0)
    assert newest is not None
    assert jobs.other_revision(newest) == (2, NEW)
    assert taken(jobs, "v") == "1"
    assert jobs.other_revision(newest) == (2, NEW)
    assert taken(jobs, "v") == "2"
    assert jobs.other_revision(newest) == (2, IN_WORK)
