"""kill -9 of the gateway before and after every write of the record, and between confirm and save.

The points are counted in a run that is left alone, so that a new write is a new test without anyone writing one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.verdict import Verdict, check
from tests.integration.site import Site, mixture
from tests.requirements import require
from tests.simulators import orthanc
from tests.simulators.images import StudyPlan
from tests.simulators.orthanc import ROOT, Orthanc
from tests.simulators.process import wait_until
from tests.simulators.rabbitmq import RabbitMQ

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

STRIDE = int(os.environ.get("PACS_PULL_FAULT_STRIDE", "7"))
"""Every so many points one is tried; ``make faults`` tries them all."""


@pytest.fixture(scope="module")
def day() -> list[StudyPlan]:
    plans = mixture(scale=0.06)
    return [plans["chest-ct"], plans["chest-dx"], plans["abdomen-ct"]]


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory, broker: RabbitMQ, day: list[StudyPlan]) -> Iterator[Orthanc]:
    """One PACS for all deaths."""
    require(orthanc.available())
    folder = tmp_path_factory.mktemp("pacs")
    with Site(folder, broker, "unused") as site:
        site.pacs.configuration["DicomModalitiesInDatabase"] = True
        site.pacs.start()
        site.fill(*day)
        yield site.pacs


def gateway_site(folder: Path, broker: RabbitMQ, pacs: Orthanc, name: str) -> Site:
    """A site whose gateway dies as told, with the PACS of all."""
    site = Site(folder, broker, name)
    site.gateway.knows("PACS", pacs)
    site.gateway.configuration["PythonScript"] = str(ROOT / "tests" / "faults" / "killing.py")
    pacs.session.put(f"{pacs.url}/modalities/GATEWAY", json=site.gateway.modality, timeout=10).raise_for_status()
    return site


def points(folder: Path, broker: RabbitMQ, pacs: Orthanc, day: list[StudyPlan]) -> dict[str, int]:
    """How often a run comes to each point."""
    with gateway_site(folder, broker, pacs, "counting") as site:
        site.gateway.env["PACS_PULL_COUNT"] = str(folder / "count.json")
        site.gateway.start()
        site.wait_settled(*day)
        check(site, day, wanted=2)
    counted: dict[str, int] = json.loads((folder / "count.json").read_text())
    return counted


def test_a_death_at_every_point(tmp_path: Path, broker: RabbitMQ, pacs: Orthanc, day: list[StudyPlan]) -> None:
    counted = points(tmp_path / "count", broker, pacs, day)
    assert {"write", "written", "confirmed"} <= set(counted)
    deaths = [(point, number) for point, times in sorted(counted.items()) for number in range(1, times + 1)]
    summary = Verdict()
    for point, number in deaths[::STRIDE]:
        folder = tmp_path / f"{point}-{number}"
        with gateway_site(folder, broker, pacs, f"{point}-{number}") as site:
            site.gateway.env["PACS_PULL_DIE"] = f"{point}:{number}"
            summary += survive(site, day, f"{point} {number}")
    print(f"\n{summary.table()}")


def survive(site: Site, day: list[StudyPlan], what: str) -> Verdict:
    """Run into the death, start again, and see that all is well."""
    try:
        site.gateway.start()
        wait_until(lambda: not site.gateway.is_running or is_done(site, day), 60, f"the death at {what}")
        died = not site.gateway.is_running
        site.gateway.kill()
        del site.gateway.env["PACS_PULL_DIE"]
        site.gateway.start()
        site.wait_settled(*day)
        verdict = check(site, day, wanted=2)
        site.gateway.kill()
    except BaseException:
        print(f"after {what}:\n{site.gateway.python_log()[-6000:]}")
        raise
    return verdict if died else Verdict()


def is_done(site: Site, day: list[StudyPlan]) -> bool:
    """A run may come to a point less often than the counting one did."""
    try:
        records = [site.gateway.record(plan.study_instance_uid) for plan in day]
    except OSError:
        return False
    return all(record and record["nextStep"] is None and record["state"] != "meta_only" for record in records)
