"""The messages that are open: handed out by the broker, not yet settled."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dispatcher.answer import Answer
from dispatcher.message import Message

NEW, IN_WORK, HANDED_OVER = 0, 1, 2
"""``isloading`` in the log: not begun, being posted, accepted by the back end."""


@dataclass(eq=False, slots=True)
class Letter:
    """One message as the broker gave it, and the tags of the deliveries (more than one: repeats) to acknowledge.

    Tags are good for one connection only. ``properties`` are pika's.
    """

    body: bytes
    properties: Any
    tags: list[int]


@dataclass(eq=False, slots=True)
class Job:
    """A message on its way to the back end. ``answer`` is set from when the back end accepted it."""

    message_id: str
    message: Message
    letter: Letter
    worker: str = ""
    due_at: float = 0.0
    tries: int = 0
    unreachable_tries: int = 0
    unreachable_since: float | None = None
    answer: Answer | None = None
    arrived: int = 0
    is_over: bool = False

    @property
    def is_in_work(self) -> bool:
        return bool(self.worker) and not self.is_over

    @property
    def is_takeable(self) -> bool:
        """Waiting; and ours: after a lost connection it is so only when the broker has handed it to us again."""
        return not (self.worker or self.is_over) and (bool(self.letter.tags) or self.answer is not None)


@dataclass(frozen=True, slots=True)
class Settled:
    """A job that is over: acknowledged when ``reason`` is empty, else a dead letter for that reason."""

    job: Job
    reason: str = ""


@dataclass(slots=True)
class Jobs:
    """All open jobs. Workers take them by priority, then by arrival; the broker's thread admits and settles them.

    ``on_settled`` is called from the workers' threads.
    """

    on_settled: Callable[[Settled], None]
    _open: dict[str, Job] = field(default_factory=dict)
    _arrivals: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def admit(self, message_id: str, message: Message, letter: Letter) -> None:
        """A message came in. One that is open already is not worked on twice, only acknowledged twice."""
        with self._changed:
            job = self._open.get(message_id)
            if job is not None:
                job.letter.tags += letter.tags
            else:
                self._arrivals += 1
                self._open[message_id] = Job(message_id, message, letter, arrived=self._arrivals)
            self._changed.notify()

    def take(self, worker: str, timeout: float) -> Job | None:
        """The most urgent job that is due, marked as this worker's; None when there is none for ``timeout`` seconds."""
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                now = time.monotonic()
                waiting = [job for job in self._open.values() if job.is_takeable]
                due = [job for job in waiting if job.due_at <= now]
                if due:
                    job = min(due, key=lambda job: (-job.message.priorities, job.arrived))
                    job.worker = worker
                    return job
                if now >= end:
                    return None
                next_due = min((job.due_at for job in waiting), default=end)
                self._changed.wait(max(min(next_due, end) - now, 0))

    def later(self, job: Job, seconds: float) -> None:
        """Put a job back, to be taken again after some time."""
        with self._changed:
            job.due_at = time.monotonic() + seconds
            job.worker = ""
            self._changed.notify()

    def settle(self, job: Job, reason: str = "") -> None:
        """The job is over; the broker's thread does the rest. It hears of it before `in_work` counts one less."""
        self.on_settled(Settled(job, reason))
        with self._changed:
            job.is_over = True

    def close(self, job: Job) -> list[int]:
        """Forget a settled job; returns the tags to acknowledge."""
        with self._changed:
            self._open.pop(job.message_id, None)
            return job.letter.tags

    def held_by(self, worker: str) -> Job | None:
        """The job that this worker has taken and not given back."""
        with self._changed:
            return next((job for job in self._open.values() if job.worker == worker and job.is_in_work), None)

    def disconnected(self) -> None:
        """The connection is gone, and all tags with it: the broker hands everything out again, to us or to others.

        Jobs in work go on. The others wait until they come again, which keeps their count of tries; those that did
        not come again during a whole connection are forgotten.
        """
        with self._changed:
            gone = [job for job in self._open.values() if not (job.letter.tags or job.worker or job.answer)]
            for job in gone:
                del self._open[job.message_id]
            for job in self._open.values():
                job.letter.tags = []

    def other_revision(self, job: Job) -> tuple[int, int]:
        """The highest older revision of the job's study and task that is open, and its isloading; (0, 0) without."""
        with self._changed:
            return max(
                (
                    (other.message.revision, IN_WORK if other.is_in_work else NEW)
                    for other in self._open.values()
                    if not (other is job or other.is_over)
                    and (other.message.studyUID, other.message.task) == (job.message.studyUID, job.message.task)
                    and other.message.revision < job.message.revision
                ),
                default=(0, 0),
            )

    def in_work(self) -> int:
        """How many are being posted at this moment."""
        with self._changed:
            return sum(job.is_in_work for job in self._open.values())
