"""kill -9 of the gateway before and after every write, whatever it is doing.

The points are counted in a run that is left alone, so that a new write is a new test without anyone writing one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.faults.hospital import Hospital, side_by_side
from tests.faults.studies import LATE, THIN, Day
from tests.faults.verdict import Tally, Verdict, Wanted, check
from tests.requirements import require
from tests.simulators import orthanc
from tests.simulators.pacs import HONEST, Faults, SimulatedPacs
from tests.simulators.rabbitmq import RabbitMQ

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

STRIDE = int(os.environ.get("PACS_PULL_FAULT_STRIDE", "7"))
"""Every so many points one is tried; ``make faults`` tries them all."""

Play = Callable[[Hospital, SimulatedPacs, Day], Wanted]


def pulled(site: Hospital, pacs: SimulatedPacs, day: Day) -> Wanted:
    """A day is found and pulled: a CT, a radiograph, and a study that nobody wants."""
    for name in ("ct", "dx", "abdomen"):
        pacs.add_files(day.files[name])
    site.wait_done(day.uid("ct"), day.uid("dx"), day.uid("abdomen"))
    return {day.uid("ct"): THIN, day.uid("dx"): 2, day.uid("abdomen"): 0}


def pushed(site: Hospital, pacs: SimulatedPacs, day: Day) -> Wanted:
    """Somebody sends two studies; the PACS does not have them."""
    for name in ("ct", "dx"):
        site.push(day.files[name][::-1])  # the series that is wanted first: its first images are in danger
    site.wait_done(day.uid("ct"), images=THIN)
    site.wait_done(day.uid("dx"), images=2)
    return {day.uid("ct"): THIN, day.uid("dx"): 2}


def late_and_thicker(site: Hospital, pacs: SimulatedPacs, day: Day) -> Wanted:
    """Images reach the PACS after the delivery: reinform."""
    pacs.add_files(day.files["ct"])
    site.wait_done(day.uid("ct"), images=THIN)
    pacs.add_files(day.files["late"])
    site.wait_done(day.uid("ct"), images=THIN + LATE)
    return {day.uid("ct"): THIN + LATE}


def late_and_no_news(site: Hospital, pacs: SimulatedPacs, day: Day) -> Wanted:
    """A thinner series reaches the PACS after the delivery: notinform."""
    pacs.add_files(day.files["ct"])
    site.wait_done(day.uid("ct"), images=THIN)
    pacs.add_files(day.files["extra"])
    number = len(day.files["ct"]) + len(day.files["extra"])
    site.wait_record(day.uid("ct"), "the late series", lambda record: record["numberReceived"] == number)
    site.wait_done(day.uid("ct"))
    return {day.uid("ct"): THIN}


def by_hand(site: Hospital, pacs: SimulatedPacs, day: Day) -> Wanted:
    """A doctor asks for a study of another day; once the gateway has said yes she does not ask again."""
    pacs.add_files(day.files["old"])
    wanted = {"AccessionNumber": day.plans["old"].accession_number}
    site.insist(lambda: site.gateway.post("/pacs-pull/pull", wanted)["studies"], "a pull by hand")
    site.wait_done(day.uid("old"))
    return {day.uid("old"): THIN}


def short(site: Hospital, pacs: SimulatedPacs, day: Day) -> Wanted:
    """The first retrieve lacks images; the second one waits, and is complete."""
    pacs.add_files(day.files["ct"])
    site.wait_done(day.uid("ct"))
    return {day.uid("ct"): THIN}


@dataclass(frozen=True)
class Scenario:
    """Something that happens in a hospital; `faults` are the PACS's own."""

    play: Play
    faults: Faults = HONEST
    has_sources: bool = True


SCENARIOS = [
    Scenario(pulled),
    Scenario(pushed, has_sources=False),
    Scenario(late_and_thicker),
    Scenario(late_and_no_news),
    Scenario(by_hand),
    Scenario(short, Faults(missing_last=3, retrieves_affected=1)),
]


def hospital(folder: Path, broker: RabbitMQ, scenario: Scenario, name: str) -> Hospital:
    site = Hospital(folder, broker, name)
    if not scenario.has_sources:
        site.gateway.settings["Sources"] = {}
        site.gateway.configuration["StableAge"] = 6  # longer than a restart: a push goes on after it
    return site


def counted(folder: Path, broker: RabbitMQ, scenario: Scenario, day: Day) -> dict[str, int]:
    """How often a run comes to each point."""
    count_file = folder / "count.json"
    site = hospital(folder, broker, scenario, f"{scenario.play.__name__}-counting")
    with site, site.simulated_pacs(scenario.faults) as pacs:
        site.gateway.env["PACS_PULL_COUNT"] = str(count_file)
        site.gateway.start()
        check(site, scenario.play(site, pacs, day), faults=0)
    times: dict[str, int] = json.loads(count_file.read_text())
    return times


def survive(folder: Path, broker: RabbitMQ, scenario: Scenario, day: Day, point: str) -> Verdict:
    """Run into the death, start again, and see that all is well."""
    site = hospital(folder / point.replace(":", "-"), broker, scenario, f"{scenario.play.__name__}-{point}")
    with site, site.simulated_pacs(scenario.faults) as pacs:
        with site.dying_once(point) as has_died:
            wanted = scenario.play(site, pacs, day)
        return check(site, wanted) if has_died() else Verdict()


@pytest.fixture(autouse=True)
def _orthanc() -> None:
    require(orthanc.available())


def points(times: Mapping[str, int], play: Play) -> Iterator[str]:
    """Each point as often as it was come to. Leases are renewed for ever: two will do. A death before a commit leaves
    what the death after the last one did, so that one scenario is enough to see that SQLite keeps its promise."""
    for point, most in sorted(times.items()):
        if point != "write" or play is pulled:
            yield from (f"{point}:{number}" for number in range(1, (2 if point == "leased" else most) + 1))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.play.__name__)
def test_a_death_at_every_point(scenario: Scenario, tmp_path: Path, broker: RabbitMQ, day: Day, tally: Tally) -> None:
    times = counted(tmp_path / "counting", broker, scenario, day)
    assert {"write", "written", "handed over", "confirmed", "deleted"} <= set(times)
    assert ("retrieved" in times) is scenario.has_sources
    every = list(points(times, scenario.play))[::STRIDE]
    print(times)
    verdicts = side_by_side(partial(survive, tmp_path, broker, scenario, day), every)
    tally.add(f"gateway killed: {scenario.play.__name__.replace('_', ' ')}", sum(verdicts.values(), Verdict()))
