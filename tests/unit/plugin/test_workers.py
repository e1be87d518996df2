"""The gateway's threads on fakes: from the PACS to the queue, and what a hiccup of the database leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from plugin.callbacks import EventQueue
from plugin.errors import RecordError, SourceError
from plugin.pipeline.gate import Gate, Limits
from plugin.pipeline.take_over import TakeOver
from plugin.settings import SourceSettings
from plugin.supervisor import Supervisor
from plugin.workers import Crew, Workers
from tests.fakes import FakeBroker, FakeClock, resource_id
from tests.simulators.process import wait_until
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, DX, chest_ct, chest_dx
from tests.unit.plugin.house import OWNER, House

NEW, STABLE = 4, 9
QUICK = SourceSettings.model_validate({"PollIntervalSeconds": 0.05})


class RunningClock(FakeClock):
    """The real time of the day that the examples are of."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return self.at.date()


class WorkersBroker(FakeBroker):
    """With what the worker asks of RabbitMQ beside the port."""

    failures = 0
    ready_messages = 0

    def bind(self, routing_keys: set[str]) -> None:
        self.routing_keys = frozenset(routing_keys)


class Gateway:
    """A house with its threads."""

    def __init__(self, house: House, stable_seconds: float = 0) -> None:
        self.house = house
        house.clock = RunningClock()
        house.broker = WorkersBroker()
        house.start()
        self.supervisor = Supervisor()
        self.events = EventQueue(NEW, STABLE)
        crew = Crew(
            owner=OWNER, record=house.record, clock=house.clock, rules=house.rules, driver=house.driver,
            health=house.health, slots=house.slots, gate=Gate([], Limits(0, 0), lambda folder: 0, lambda: None),
            broker=house.broker, events=self.events, receive=house.receive, reconcile=house.reconcile,  # type: ignore[arg-type]
            take_over=TakeOver(house.record, house.store, house.clock, OWNER, house.sources),
            retain=house.retain, finds=house.finds, stable_seconds=stable_seconds,
        )  # fmt: skip
        self.workers = Workers(crew, dict.fromkeys(house.sources, QUICK), self.supervisor)

    def tick(self, name: str) -> float:
        """One tick of a worker, in this thread."""
        worker: Any = next(worker for worker in self.supervisor.workers if worker.name == name)
        return float(worker._tick())


@pytest.fixture
def gateway(house: House) -> Iterator[Gateway]:
    gateway = Gateway(house)
    yield gateway
    gateway.supervisor.stop(5)


def test_from_the_pacs_and_from_a_push_to_the_queue(gateway: Gateway) -> None:
    house = gateway.house
    house.pacs.add([*chest_ct(), *chest_dx()])
    pushed = chest_ct("1.2.840.9")
    house.store.receive(pushed)
    gateway.supervisor.start()
    house.store.is_stable = True
    for change in (NEW, STABLE):
        gateway.events.on_change(change, resource_id("P77", "1.2.840.9"))
    wait_until(lambda: len(house.messages()) == 3, 20, "three messages")
    wait_until(lambda: not house.store.images, 10, "the deletions")
    assert {message.body["studyUID"] for message in house.messages()} == {CT, DX, "1.2.840.9"}
    assert all(worker.is_alive() and not worker.failures for worker in gateway.supervisor.workers)
    gateway.supervisor.stop(5)
    assert not any(worker.is_alive() for worker in gateway.supervisor.workers)


def test_nothing_is_done_before_the_first_reconciliation(gateway: Gateway) -> None:
    house = gateway.house
    house.pacs.add(chest_ct())
    for name in ("find PACS", "pull 0", "deliver PACS", "deliver pushed", "clean"):
        assert gateway.tick(name) == 1.0
    assert not house.pacs.finds
    gateway.tick("reconcile")
    gateway.tick("find PACS")
    assert house.pacs.finds


def test_orthanc_is_asked_again_when_its_stable_age_is_over(house: House) -> None:
    """Right after its start it calls everything stable."""
    house.store.receive(chest_ct())
    house.store.is_stable = True
    gateway = Gateway(house, stable_seconds=0.3)
    assert 0 < gateway.tick("reconcile") <= 0.3
    assert house.study(CT).next_step is None
    wait_until(lambda: gateway.tick("reconcile") > 1, 5, "the end of the StableAge")
    assert house.study(CT).next_step is not None


def test_what_was_in_work_at_the_kill_goes_on(gateway: Gateway, lines: Lines) -> None:
    house = gateway.house
    house.pacs.add(chest_ct())
    gateway.tick("reconcile")
    for _ in range(2):
        gateway.tick("find PACS")
    assert house.driver.claim(next(iter(house.steps))) is not None
    house.record.close()
    again = Gateway(house)
    again.tick("reconcile")
    assert lines.containing("1 studies were in work when we stopped: they go on")
    assert again.tick("pull 0") == 0.0
    assert house.pacs.retrieves == [(CT, ())]


@pytest.mark.parametrize("broken", ["number_waiting", "claim", "update"])
def test_a_hiccup_of_the_database_costs_no_slot_and_no_study(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    house = gateway.house
    house.pacs.add(chest_ct())
    gateway.tick("reconcile")
    for _ in range(2):
        gateway.tick("find PACS")

    def away(*_: object, **__: object) -> None:
        raise RecordError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(house.record, broken, away)
        with pytest.raises(RecordError):
            gateway.tick("pull 0")
    assert house.slots.free() == ["PACS"]
    for _ in range(3):
        gateway.tick("leases")
    assert gateway.tick("pull 0") == 0.0
    assert len(house.pacs.retrieves) == 1


def test_a_source_that_is_away_is_polled_less_and_not_pulled_from(gateway: Gateway, lines: Lines) -> None:
    house = gateway.house
    house.pacs.add(chest_ct())
    gateway.tick("reconcile")
    for _ in range(2):
        gateway.tick("find PACS")
    house.pacs.is_away = True
    waits = [gateway.tick("find PACS") for _ in range(8)]
    assert waits[-1] > waits[0] * 10
    assert gateway.tick("pull 0") == 1.0
    assert not house.pacs.retrieves
    house.pacs.is_away = False
    assert gateway.tick("find PACS") == QUICK.poll_interval_seconds
    assert gateway.tick("pull 0") == 0.0
    assert len(lines.containing("source PACS does not answer")) == 1
    assert len(lines.containing("source PACS answers again")) == 1


def test_a_broker_that_is_away_is_asked_with_growing_waits(gateway: Gateway) -> None:
    gateway.house.broker.is_away = True
    waits = []
    for failures in range(1, 9):
        gateway.house.broker.failures = failures  # type: ignore[attr-defined]
        waits.append(gateway.tick("publish"))
    assert waits[0] < waits[1] < waits[2]
    assert all(10 <= wait <= 15 for wait in waits[3:])
    assert gateway.tick("reconcile") > 0


def test_a_dropped_event_wakes_the_reconciler(gateway: Gateway) -> None:
    gateway.tick("reconcile")
    gateway.house.store.receive(chest_ct())
    gateway.house.store.is_stable = True
    gateway.events.has_dropped = True
    gateway.supervisor.start()
    wait_until(lambda: gateway.house.messages(), 10, "the message")


def test_folders_are_swept(gateway: Gateway) -> None:
    assert gateway.tick("retain") == 600


def test_a_source_error_is_no_dead_thread(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def nonsense(query: dict[str, str]) -> list[object]:
        raise SourceError("nonsense")

    gateway.tick("reconcile")
    monkeypatch.setattr(gateway.house.pacs, "find_studies", nonsense)
    gateway.supervisor.start()
    wait_until(lambda: not gateway.house.health.is_up("PACS"), 5, "the failure")
    assert all(worker.is_alive() for worker in gateway.supervisor.workers)
