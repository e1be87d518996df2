"""The whole pipeline on fakes, driven by hand: no threads, no waiting, a clock that goes on when told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from filters import RulesFile
from plugin.adapters.sqlite_record import SqliteRecord
from plugin.domain.stability import StabilityRule
from plugin.domain.study import Outgoing, Step, Study
from plugin.pipeline.clean import Clean
from plugin.pipeline.decide import Decide
from plugin.pipeline.deliver import Deliver, DeliveryPolicy
from plugin.pipeline.driver import Driver, StepFunction
from plugin.pipeline.find import Find
from plugin.pipeline.health import Health
from plugin.pipeline.publish import Publish
from plugin.pipeline.pull import Pull, PullSource, Slots
from plugin.pipeline.receive import Event, Kind, Receive
from plugin.pipeline.reconcile import Reconcile
from plugin.pipeline.request import Request
from plugin.pipeline.retain import Retain, Retention
from plugin.pipeline.select import Select
from plugin.pipeline.verify import Verify
from tests.fakes import FakeBroker, FakeClock, FakeHandOver, FakeSource, FakeStore, Image, resource_id

RULES = Path(__file__).parents[3] / "config" / "filters.toml"
OWNER = "gateway/8042"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a house is set to."""

    aliases: Sequence[str] = ("PACS",)
    max_tries: int = 5
    max_repulls: int = 3
    is_series_level: bool = False
    is_by_count: bool = True
    delay: timedelta = timedelta(minutes=5)
    cross_days: Sequence[int] = (0,)
    delete_after_send: bool = True
    resend_only_thicker_series: bool = True
    push_priority: int = 4
    retention: timedelta = timedelta(hours=72)


class House:
    """Every part of the pipeline, on one record file in ``folder``."""

    def __init__(self, folder: Path, rules: RulesFile, plan: Plan = Plan()) -> None:
        self.plan, self.rules = plan, rules
        self.clock, self.store, self.broker = FakeClock(), FakeStore(), FakeBroker()
        self.hand_over = FakeHandOver(self.clock)
        self.sources = {alias: FakeSource(alias, self.store) for alias in plan.aliases}
        self.file = folder / "record.db"
        self.start()

    def start(self) -> None:
        """Put everything together, as a start does; what is not in the record or in Orthanc is forgotten."""
        plan, clock, store = self.plan, self.clock, self.store
        self.record = record = SqliteRecord(self.file)
        self.health = health = Health(self.sources)
        self.slots = Slots(dict.fromkeys(self.sources, 1))
        pull_sources = {
            alias: PullSource(source, plan.is_series_level, 1, plan.max_tries) for alias, source in self.sources.items()
        }
        self.select = Select(store, self.hand_over)
        policy = DeliveryPolicy(plan.max_repulls, plan.resend_only_thicker_series)
        self.verify = verify = Verify(self.sources, health)
        self.steps: dict[Step, StepFunction] = {
            Step.PULL: Pull(pull_sources, self.slots, health, store, self.rules, clock),
            Step.DELIVER: Deliver(verify, self.select, store, self.hand_over, self.rules, clock, policy),
            Step.PUBLISH: Publish(self.broker, clock),
            Step.CLEAN: Clean(store, clock, plan.delete_after_send),
        }
        self.driver = Driver(record, clock, OWNER, self.steps)
        self.receive = Receive(record, store, clock, plan.push_priority, OWNER, plan.delete_after_send)
        self.reconcile = Reconcile(record, store, self.receive, clock, self.sources)
        self.retain = Retain(self.hand_over, record, clock, Retention(plan.retention))
        self.decide = Decide(record, store, self.hand_over, clock)
        self.request = Request(self.sources, record, health, clock, lambda: None)
        stability = StabilityRule(plan.is_by_count, plan.delay)
        self.finds = {
            alias: Find(source, record, self.rules, clock, plan.cross_days, stability)
            for alias, source in self.sources.items()
        }

    def deliver_with(self, select: Select) -> None:
        """Judge series by another Select from now on."""
        policy = DeliveryPolicy(self.plan.max_repulls, self.plan.resend_only_thicker_series)
        self.steps[Step.DELIVER] = Deliver(
            self.verify, select, self.store, self.hand_over, self.rules, self.clock, policy
        )

    @property
    def pacs(self) -> FakeSource:
        """The first source."""
        return next(iter(self.sources.values()))

    def study(self, uid: str) -> Study:
        study = self.record.get(uid)
        assert study is not None
        return study

    def messages(self, uid: str | None = None) -> list[Outgoing]:
        """What the broker confirmed, of one study or of all."""
        return [message for message in self.broker.messages if uid in (None, message.body["studyUID"])]

    def poll(self, times: int = 1, seconds: float = 30) -> None:
        """So many polls of every source that answers, with the clock going on after each."""
        for _ in range(times):
            for alias, find in self.finds.items():
                if not self.sources[alias].is_away:
                    find()
                    self.health.worked(alias)
            self.clock.advance(seconds=seconds)

    def step(self, step: Step) -> bool:
        """One piece of work of this kind, if any is due."""
        study = self.driver.claim(step)
        if study is not None:
            self.driver.run(study)
        return study is not None

    def work(self) -> int:
        """Whatever is due now, until nothing is; how many steps."""
        done = 0
        while any(self.step(step) for step in Step):
            done += 1
            assert done < 1000, "the pipeline goes round in circles"
        return done

    def settle(self, hours: float = 4) -> None:
        """Work and let time go on, until nothing waits or the hours are over."""
        end = self.clock.now() + timedelta(hours=hours)
        self.work()
        while self.clock.now() < end and any(self.record.number_waiting(step) for step in Step):
            self.clock.advance(seconds=20)
            self.work()

    def push(self, images: Iterable[Image]) -> None:
        """Somebody stores images here; Orthanc says so."""
        images = list(images)
        self.store.is_stable = False
        self.store.receive(images)
        self.tell(Kind.NEW_STUDY, images[0])

    def quiet(self, image: Image) -> None:
        """The StableAge is over."""
        self.store.is_stable = True
        self.tell(Kind.STABLE_STUDY, image)

    def tell(self, kind: Kind, image: Image) -> None:
        self.receive(Event(kind, resource_id(image.tag("PatientID"), image.study)))

    def crash(self) -> None:
        """Power off and on again."""
        self.record.close()
        self.start()
        self.store.is_stable = True
        self.record.release(OWNER)
        self.reconcile()
