"""The dispatcher as a whole: keeps a connection, admits what comes, settles what is done, replaces dead threads."""

import hashlib
import logging
import queue
import threading
import time
from dataclasses import dataclass

from dispatcher.backend import Backend
from dispatcher.backoff import back_off
from dispatcher.broker import Broker
from dispatcher.crew import Crew
from dispatcher.errors import BadMessageError, BrokerError, BurialError, TransientError
from dispatcher.gateway import Gateway, Reporter
from dispatcher.handover import Handover
from dispatcher.jobs import Job, Jobs, Letter, Settled
from dispatcher.ledger import Ledger
from dispatcher.logs import study_log
from dispatcher.message import Ids, ids_in, parse
from dispatcher.settings import Settings

POLL_SECONDS = 0.5
FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 30.0

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Burial:
    """A dead letter that has to be published; ``job`` is None for a message that could not be read."""

    letter: Letter
    ids: Ids
    reason: str
    job: Job | None = None
    failures: int = 0
    due_at: float = 0.0


class Service:
    """`run` is the broker's thread; it returns after `stop` was set."""

    def __init__(self, settings: Settings, ledger: Ledger, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._settled: queue.SimpleQueue[Settled] = queue.SimpleQueue()
        self._burials: list[Burial] = []
        self._broker: Broker | None = None
        self._failures = 0
        self._down_since = 0.0
        self._jobs = Jobs(self._on_settled)
        self._handover = Handover(
            self._jobs, Backend(settings.backend), ledger, settings.backend, is_reported=bool(settings.gateway.url)
        )
        reporter = Reporter(ledger, Gateway(settings.gateway), settings.gateway, settings.ledger.keep_days, stop)
        functions = {f"worker-{number}": self._work for number in range(1, settings.workers + 1)}
        self._crew = Crew(functions | {"reporter": reporter.run}, self._rescue, stop)

    def run(self) -> None:
        """Dispatch until stopped; a connection that is lost is built again for ever, with back-off."""
        self._crew.start()
        while not self._stop.is_set():
            try:
                with Broker(self._settings.rabbitmq) as broker:
                    self._serve(broker)
            except BrokerError as error:
                self._lost(error)
        log.info("stopped")

    def _serve(self, broker: Broker) -> None:
        self._wait_for_queue(broker)
        if self._stop.is_set():
            return
        broker.consume(self._settings.prefetch, self._admit)
        self._broker = broker
        self._found()
        while not self._stop.is_set():
            self._turn(broker)
            self._crew.heal()
        self._drain(broker)

    def _turn(self, broker: Broker) -> None:
        broker.poll(POLL_SECONDS)
        self._settle(broker)
        self._bury(broker)

    def _drain(self, broker: Broker) -> None:
        """A graceful stop: nothing new, finish what is being posted, acknowledge it; the rest goes back by itself."""
        log.info("stopping, %d in work", self._jobs.in_work())
        broker.stop_consuming()
        deadline = time.monotonic() + self._settings.stop_seconds
        while self._jobs.in_work() and time.monotonic() < deadline:
            self._turn(broker)
        self._settle(broker)
        self._bury(broker)
        if left := self._jobs.in_work():
            log.warning("%d still in work after %g s, they will come again", left, self._settings.stop_seconds)

    def _wait_for_queue(self, broker: Broker) -> None:
        waits = 0
        while not self._stop.is_set() and not broker.has_queue():
            if waits == 0:
                log.warning(
                    "queue %s does not exist yet; the gateway declares it, waiting", self._settings.rabbitmq.queue
                )
            waits += 1
            end = time.monotonic() + back_off(waits, FIRST_DELAY_SECONDS, 5)
            while not self._stop.is_set() and time.monotonic() < end:
                broker.poll(POLL_SECONDS)

    def _found(self) -> None:
        if self._failures:
            log.warning("rabbitmq is back after %.0f s", time.monotonic() - self._down_since)
        self._failures = 0
        log.info("consuming from %s, prefetch %d", self._settings.rabbitmq.queue, self._settings.prefetch)

    def _lost(self, error: BrokerError) -> None:
        """Forget what belongs to the lost connection; say so once; wait."""
        self._broker = None
        for burial in self._burials:
            if burial.job is not None:
                self._jobs.close(burial.job)
        self._burials.clear()
        self._jobs.disconnected()
        if self._stop.is_set():
            return
        if self._failures == 0:
            self._down_since = time.monotonic()
            log.error("rabbitmq is gone, trying again and again: %s", error)
        self._failures += 1
        self._crew.heal()
        self._stop.wait(back_off(self._failures, FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS))

    def _admit(self, letter: Letter) -> None:
        try:
            message = parse(letter.body)
        except BadMessageError as error:
            self._burials.append(Burial(letter, ids_in(letter.body), str(error)))
            return
        message_id = letter.properties.message_id or f"sha256:{hashlib.sha256(letter.body).hexdigest()}"
        self._jobs.admit(message_id, message, letter)

    def _on_settled(self, settled: Settled) -> None:
        self._settled.put(settled)
        broker = self._broker
        if broker is not None:
            broker.wake()

    def _settle(self, broker: Broker) -> None:
        while not self._settled.empty():
            settled = self._settled.get()
            job = settled.job
            if settled.reason and job.letter.tags:
                self._burials.append(Burial(job.letter, job.message.ids, settled.reason, job))
            else:
                broker.acknowledge(self._jobs.close(job))

    def _bury(self, broker: Broker) -> None:
        """Dead letters: published with confirm, only then acknowledged; one that cannot be published is held."""
        now = time.monotonic()
        for burial in [each for each in self._burials if each.due_at <= now]:
            try:
                broker.bury(burial.letter, burial.reason, burial.job.tries if burial.job else 0)
            except BurialError as error:
                self._held(burial, error)
                continue
            study_log(burial.ids).error("dead letter: %s", burial.reason)
            self._burials.remove(burial)
            broker.acknowledge(self._jobs.close(burial.job) if burial.job else burial.letter.tags)

    def _held(self, burial: Burial, error: BurialError) -> None:
        if burial.failures == 0:
            study_log(burial.ids).error("cannot be dead-lettered, held and tried again: %s (%s)", error, burial.reason)
        burial.failures += 1
        burial.due_at = time.monotonic() + back_off(burial.failures, 1, MAX_DELAY_SECONDS)

    def _work(self) -> None:
        """What a worker thread does. An unexpected error ends the thread; `_rescue` then puts its job back."""
        name = threading.current_thread().name
        while not self._stop.is_set():
            job = self._jobs.take(name, POLL_SECONDS)
            if job is not None:
                self._handover.attempt(job)

    def _rescue(self, worker: str) -> None:
        job = self._jobs.held_by(worker)
        if job is not None:
            self._handover.failed(job, TransientError("the worker thread died of it"))
