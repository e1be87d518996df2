"""A proxy between two parties that cuts, delays, stalls and resets, at run time; nothing is lost whatever it does."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.hospital import Hospital, side_by_side
from tests.faults.studies import LATE, THIN, Day
from tests.faults.verdict import Tally, Verdict, check
from tests.requirements import require
from tests.simulators import orthanc
from tests.simulators.pacs import Faults
from tests.simulators.process import LOOPBACK, wait_until
from tests.simulators.proxy import Flow, Proxy
from tests.simulators.rabbitmq import RabbitMQ

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

SLOW_SENDER = Faults(delay_per_image=0.05)
OUTAGE_SECONDS = 4.0
"""Longer than the TimeoutSeconds of the PACS here."""


def slow(proxy: Proxy) -> None:
    proxy.up = proxy.down = Flow(delay=0.3)


BREAKS: dict[str, Callable[[Proxy], None]] = {
    "cut": Proxy.cut,
    "reset": lambda proxy: proxy.reset(new_ones_too=True),
    "delayed": slow,
    "stalled": Proxy.stall,
}


@pytest.fixture(autouse=True)
def _orthanc() -> None:
    require(orthanc.available())


def gateway_and_broker(folder: Path, broker: RabbitMQ, day: Day, how: str) -> Verdict:
    """The connection fails while it is idle, and while a message is under way."""
    site = Hospital(folder / how, broker, f"broker-{how}")
    with site, Proxy(broker.port) as proxy, site.simulated_pacs() as pacs:
        site.gateway.settings["RabbitMQ"]["Url"] = f"amqp://guest:guest@{LOOPBACK}:{proxy.port}/"
        site.gateway.start()
        wait_until(lambda: proxy.accepted, 30, "the gateway's connection")
        BREAKS[how](proxy)
        for name in ("ct", "dx"):
            pacs.add_files(day.files[name])
        wait_until(lambda: "inform pacs_module" in site.gateway.python_log() or _has_outbox(site, day), 60, "a message")
        time.sleep(1)  # the fault lasts; how long does not matter
        proxy.restore()
        site.wait_done(day.uid("ct"), images=THIN)
        so_far = site.gateway.python_log().count("inform pacs_module")
        pacs.add_files(day.files["late"])
        site.wait_log("inform pacs_module", 60, times=so_far + 1)
        BREAKS[how](proxy)
        time.sleep(1)
        proxy.restore()
        site.wait_done(day.uid("ct"), images=THIN + LATE)
        site.wait_done(day.uid("dx"))
        return check(site, {day.uid("ct"): THIN + LATE, day.uid("dx"): 2}, faults=2)


def _has_outbox(site: Hospital, day: Day) -> bool:
    record = site.record(day.uid("ct"))
    return bool(record and record["outbox"])


def patient(site: Hospital) -> None:
    """Short time-outs, many tries."""
    site.gateway.settings["Sources"]["PACS"] |= {"TimeoutSeconds": 2, "MaxTries": 20}


def queries_and_moves(folder: Path, broker: RabbitMQ, day: Day, how: str) -> Verdict:
    """Gateway to PACS: C-FIND and C-MOVE, in the middle of a move and at the next query."""
    site = Hospital(folder / how, broker, f"queries-{how}")
    patient(site)
    with site, site.simulated_pacs(SLOW_SENDER) as pacs, Proxy(pacs.port) as proxy:
        site.gateway.configuration["DicomModalities"]["PACS"]["Port"] = proxy.port
        pacs.add_files(day.files["ct"])
        site.gateway.start()
        wait_until(lambda: site.gateway.get("/instances"), 60, "the move to be under way", every=0.02)
        BREAKS[how](proxy)
        time.sleep(OUTAGE_SECONDS)
        proxy.restore()
        site.wait_done(day.uid("ct"))
        BREAKS[how](proxy)
        pacs.add_files(day.files["dx"])
        time.sleep(OUTAGE_SECONDS)
        proxy.restore()
        site.wait_done(day.uid("dx"))
        return check(site, {day.uid("ct"): THIN, day.uid("dx"): 2}, faults=2)


def images(folder: Path, broker: RabbitMQ, day: Day, how: str) -> Verdict:
    """PACS to gateway: the C-STOREs of a move."""
    site = Hospital(folder / how, broker, f"images-{how}")
    patient(site)
    with site, site.simulated_pacs(SLOW_SENDER) as pacs, Proxy(site.gateway.dicom_port) as proxy:
        pacs.moves = {site.gateway.ae_title: (LOOPBACK, proxy.port)}
        pacs.add_files(day.files["ct"])
        site.gateway.start()
        wait_until(lambda: site.gateway.get("/instances"), 60, "the move to be under way", every=0.02)
        BREAKS[how](proxy)
        time.sleep(OUTAGE_SECONDS)
        proxy.restore()
        site.wait_done(day.uid("ct"))
        return check(site, {day.uid("ct"): THIN})


RUNS = {"gateway to RabbitMQ": gateway_and_broker, "gateway to PACS": queries_and_moves, "PACS to gateway": images}


@pytest.mark.parametrize("which", RUNS)
def test_a_connection_fails(which: str, tmp_path: Path, broker: RabbitMQ, day: Day, tally: Tally) -> None:
    verdicts = side_by_side(partial(RUNS[which], tmp_path, broker, day), BREAKS)
    for how, verdict in verdicts.items():
        tally.add(f"{which}: {how}", verdict)
