"""The gateway's threads: which step each of them serves, how long it rests, and who wakes whom."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from filters import RulesFile
from plugin.adapters.rabbitmq import RabbitMQ
from plugin.callbacks import EventQueue
from plugin.domain.holding import GATEWAY
from plugin.domain.priority import MANUAL, back_off
from plugin.domain.study import Lease, Step, Study
from plugin.errors import BrokerError, SourceError
from plugin.pipeline.driver import LEASE, Driver
from plugin.pipeline.find import Find
from plugin.pipeline.gate import Gate
from plugin.pipeline.health import Health
from plugin.pipeline.pace import Pace
from plugin.pipeline.pull import Slots
from plugin.pipeline.receive import Receive
from plugin.pipeline.reconcile import Reconcile
from plugin.pipeline.retain import Retain
from plugin.pipeline.take_over import TakeOver
from plugin.ports import Clock, Record
from plugin.settings import SourceSettings
from plugin.supervisor import Supervisor, Worker

log = logging.getLogger(__name__)

IDLE = 1.0
"""Seconds between looks for work whose time has come; new work wakes its worker at once."""
QUIET_LOOK = 30.0
"""Seconds between looks at the clock in a source's quiet hours."""
RECONCILE_SECONDS = 300.0
RETAIN_SECONDS = 600.0
LONGEST_POLL_SECONDS = 300.0
BROKER_RETRY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Crew:
    """What the workers work with."""

    owner: str
    record: Record
    clock: Clock
    rules: RulesFile
    driver: Driver
    health: Health
    slots: Slots
    gate: Gate
    broker: RabbitMQ
    events: EventQueue
    receive: Receive
    reconcile: Reconcile
    take_over: TakeOver
    retain: Retain
    finds: dict[str, Find]
    paces: Mapping[str, Pace] = field(default_factory=dict)
    stable_seconds: float = 0.0
    """Orthanc's StableAge."""

    def hold(self, name: str) -> bool:
        """Take or prolong a named lease."""
        now = self.clock.now()
        return self.record.hold(name, Lease(self.owner, now + LEASE), now)


class Workers:
    """All threads. Nothing but reception is done before the first reconciliation."""

    def __init__(self, crew: Crew, sources: dict[str, SourceSettings], supervisor: Supervisor) -> None:
        self._crew = crew
        self._sources = sources
        self._supervisor = supervisor
        self._of: dict[Step, list[Worker]] = {step: [] for step in Step}
        self._has_reconciled = False
        self._began = time.monotonic()
        self._polled_by_us: set[str] = set()
        self._reconciler = supervisor.add("reconcile", self._reconcile)
        crew.events.wake = supervisor.add("receive", lambda: crew.events.handle_all(crew.receive, self._tell_all)).wake
        supervisor.add("leases", self._leases)
        for alias in sources:
            supervisor.add(f"find {alias}", partial(self._find, alias))
            self._serve(Step.DELIVER, f"deliver {alias}", [alias])
        self._serve(Step.DELIVER, "deliver pushed", [])
        for number in range(sum(source.max_concurrent_retrieves for source in sources.values())):
            self._of[Step.PULL].append(supervisor.add(f"pull {number}", self._pull))
        self._of[Step.PUBLISH].append(supervisor.add("publish", self._publish, crew.broker.close))
        self._serve(Step.CLEAN, "clean", None)
        supervisor.add("retain", self._retain)

    def wake(self, step: Step) -> None:
        """Tell those who serve a step that there is work."""
        for worker in self._of[step]:
            worker.wake()

    def _tell_all(self) -> None:
        for step in Step:
            self.wake(step)

    def _serve(self, step: Step, name: str, sources: Collection[str] | None) -> None:
        def tick() -> float:
            study = self._crew.driver.claim(step, sources) if self._has_reconciled else None
            if study is None:
                return IDLE
            self._crew.driver.run(study)
            self._tell_all()
            return 0.0

        self._of[step].append(self._supervisor.add(name, tick))

    def _find(self, alias: str) -> float:
        interval = self._sources[alias].poll_interval_seconds
        if not self._has_reconciled:
            return IDLE
        if not self._is_elected(alias):
            return min(interval, LEASE.total_seconds() / 3)
        if alias in self._crew.paces and self._crew.paces[alias].is_quiet():
            return min(interval, QUIET_LOOK)
        try:
            ready = self._crew.finds[alias]()
        except SourceError as error:
            self._polled_by_us.discard(alias)  # another gateway may reach it
            failures = self._crew.health.failed(alias, error)
            longest = timedelta(seconds=max(LONGEST_POLL_SECONDS, interval))
            return back_off(failures, random.random(), timedelta(seconds=interval), longest).total_seconds()
        self._crew.health.worked(alias)
        if ready:
            self.wake(Step.PULL)
        return interval

    def _is_elected(self, alias: str) -> bool:
        """Whether it is for us to poll a source: one of the gateways that share the record does, as long as it can."""
        is_elected = self._crew.hold(f"find {alias}")
        if is_elected and alias not in self._polled_by_us:
            self._polled_by_us.add(alias)
            log.info("%s is polled by this gateway", alias)
        elif not is_elected and alias in self._polled_by_us:
            self._polled_by_us.discard(alias)
            log.warning("%s is polled by another gateway now", alias)
        return is_elected

    def _claimed(self, free: list[str], lowest_rank: int) -> Study | None:
        """The next study to pull; from a source that rests only what somebody waits for."""
        crew = self._crew
        resting = [alias for alias in free if alias in crew.paces and crew.paces[alias].is_resting()]
        awake = [alias for alias in free if alias not in resting]
        study = crew.driver.claim(Step.PULL, resting, MANUAL) if resting else None
        if study is None and awake:
            study = crew.driver.claim(Step.PULL, awake, lowest_rank)
        return study

    def _pull(self) -> float:
        if not self._has_reconciled:
            return IDLE
        crew = self._crew
        with crew.slots.choosing:
            lowest_rank = crew.gate.lowest_rank()
            free = [alias for alias in crew.slots.free() if crew.health.is_up(alias)]
            waiting = crew.record.number_waiting(Step.PULL)
            study = self._claimed(free, lowest_rank) if lowest_rank is not None else None
            if study is not None:
                holding = [alias for alias in free if alias in study.sources]
                crew.slots.take(study.study_instance_uid, random.choice(holding or free))
        if study is None:
            return IDLE
        try:
            log.info("continue to pull study, amount=%d", waiting)
            crew.driver.run(study)
        finally:
            crew.slots.give_back(study.study_instance_uid)
        self._tell_all()
        return 0.0

    def _publish(self) -> float:
        crew = self._crew
        try:
            crew.broker.bind({task.routing_key for task in crew.rules.current().tasks})
            crew.broker.idle()
        except BrokerError:
            return back_off(crew.broker.failures, random.random(), longest=BROKER_RETRY).total_seconds()
        study = crew.driver.claim(Step.PUBLISH) if self._has_reconciled else None
        if study is None:
            return IDLE
        crew.driver.run(study)
        self.wake(Step.CLEAN)
        return 0.0

    def _reconcile(self) -> float:
        crew = self._crew
        if not self._has_reconciled:
            freed = crew.record.release(crew.owner)
            if freed:
                log.info("%d studies were in work when we stopped: they go on", freed)
        crew.record.age(crew.clock.now())
        crew.events.has_dropped = False
        early = crew.stable_seconds - (time.monotonic() - self._began)
        crew.reconcile(is_early=early > 0)
        self._has_reconciled = True
        self._tell_all()
        return early if early > 0 else RECONCILE_SECONDS

    def _leases(self) -> float:
        crew = self._crew
        if crew.events.has_dropped:
            self._reconciler.wake()
        crew.hold(GATEWAY + crew.owner)
        if self._has_reconciled:
            crew.driver.renew()
            for alias in list(self._polled_by_us):
                crew.hold(f"find {alias}")
            crew.take_over()
        return LEASE.total_seconds() / 3

    def _retain(self) -> float:
        self._crew.retain()
        return RETAIN_SECONDS
