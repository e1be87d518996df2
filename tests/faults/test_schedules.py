"""Random schedules with a printed seed: many of the pipeline on fakes, some of the real gateway."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.hospital import Hospital, side_by_side
from tests.faults.studies import LATE, THIN, Day
from tests.faults.test_connections import BREAKS
from tests.faults.verdict import Tally, Verdict, check
from tests.requirements import require
from tests.simulators import orthanc
from tests.simulators.process import LOOPBACK
from tests.simulators.proxy import Proxy
from tests.simulators.rabbitmq import RabbitMQ
from tests.unit.plugin.pipeline.test_nothing_is_lost import NothingIsLost

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

SEED = int(os.environ.get("PACS_PULL_FAULT_SEED", str(int(time.time()))))
STRIDE = int(os.environ.get("PACS_PULL_FAULT_STRIDE", "7"))
SCHEDULES = 200
REAL_SCHEDULES = 10
STEPS = 8


def test_schedules_of_the_pipeline(tally: Tally) -> None:
    """Polls, growth, pushes, kills within steps, lost confirms, refused moves, doctors and time, in any order."""
    print(f"seed {SEED}: PACS_PULL_FAULT_SEED={SEED} does the same again")
    machine = hypothesis.seed(SEED)(type("Seeded", (NothingIsLost,), {}))
    schedules = max(SCHEDULES // STRIDE, 1)
    run_state_machine_as_test(
        machine,
        settings=hypothesis.settings(
            max_examples=schedules,
            stateful_step_count=30,
            deadline=None,
            derandomize=False,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    tally.add(f"schedules of the pipeline, seed {SEED}", Verdict(faults=schedules))


class Schedule:
    """Things that happen to one hospital, in an order that a number decides."""

    def __init__(self, site: Hospital, proxies: dict[str, Proxy], day: Day, chance: random.Random) -> None:
        self._site = site
        self._proxies = proxies
        self._day = day
        self._chance = chance
        self.faults = 0
        self.told: list[str] = []

    def run(self, add: Sequence[tuple[str, Callable[[], object]]]) -> None:
        """All of `add` in its order, with faults between."""
        waiting = list(add)
        for _ in range(STEPS):
            if waiting and self._chance.random() < 0.5:
                name, work = waiting.pop(0)
                self.told.append(name)
                work()
            else:
                self.fault()
            time.sleep(self._chance.random() * 2)
        for proxy in self._proxies.values():
            proxy.restore()
        for name, work in waiting:
            self.told.append(name)
            work()

    def fault(self) -> None:
        """A kill, or a connection that fails or works again."""
        self.faults += 1
        where = self._chance.choice(["gateway", *self._proxies])
        if where == "gateway":
            self.told.append("the gateway is killed")
            self._site.gateway.kill()
            self._site.gateway.start()
            return
        how = self._chance.choice([*BREAKS, "restored"])
        self.told.append(f"the connection to {where} is {how}")
        if how == "restored":
            self._proxies[where].restore()
        else:
            BREAKS[how](self._proxies[where])


def real_schedule(folder: Path, broker: RabbitMQ, day: Day, seed: int) -> Verdict:
    """A study is pulled and grows, another one is pushed."""
    site = Hospital(folder / str(seed), broker, f"schedule-{seed}")
    site.gateway.configuration["StableAge"] = 8  # a push goes on after a restart
    site.gateway.settings["Sources"]["PACS"] |= {"TimeoutSeconds": 2, "MaxTries": 50}
    with site, site.simulated_pacs() as pacs, Proxy(pacs.port) as to_pacs, Proxy(broker.port) as to_broker:
        site.gateway.configuration["DicomModalities"]["PACS"]["Port"] = to_pacs.port
        site.gateway.settings["RabbitMQ"]["Url"] = f"amqp://guest:guest@{LOOPBACK}:{to_broker.port}/"
        site.gateway.start()
        schedule = Schedule(site, {"the PACS": to_pacs, "RabbitMQ": to_broker}, day, random.Random(seed))
        try:
            schedule.run(
                [
                    ("a study is in the PACS", partial(pacs.add_files, day.files["ct"])),
                    ("a study is pushed", partial(site.push, day.files["dx"])),
                    ("late images are in the PACS", partial(pacs.add_files, day.files["late"])),
                ]
            )
            site.wait_done(day.uid("ct"), images=THIN + LATE)
            site.wait_done(day.uid("dx"), images=2)
            return check(site, {day.uid("ct"): THIN + LATE, day.uid("dx"): 2}, faults=schedule.faults)
        except BaseException:
            print(f"PACS_PULL_FAULT_SEED={seed}: {'; '.join(schedule.told)}")
            raise


def test_schedules_of_the_real_gateway(tmp_path: Path, broker: RabbitMQ, day: Day, tally: Tally) -> None:
    require(orthanc.available())
    print(f"seed {SEED}: PACS_PULL_FAULT_SEED={SEED} does the same again, as far as real servers do")
    seeds = range(SEED, SEED + max(REAL_SCHEDULES // STRIDE, 2))
    verdicts = side_by_side(partial(real_schedule, tmp_path, broker, day), seeds)
    tally.add(f"schedules of the real gateway, seed {SEED}", sum(verdicts.values(), Verdict()))
