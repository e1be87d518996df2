"""Record, Orthanc and hand-over folder disagree at a start: each is repaired or told, nothing is deleted on doubt."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.faults.hospital import Hospital
from tests.faults.studies import LATE, THIN, Day
from tests.faults.verdict import Tally, check
from tests.simulators.pacs import Faults
from tests.simulators.process import LOOPBACK, wait_until
from tests.simulators.proxy import Proxy

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

STRANGER = "aaaaaaaa-bbbbbbbb-cccccccc-dddddddd-eeeeeeee"
HALF = ".part-11111111-22222222-33333333-44444444-55555555"
FRESH = ".part-66666666-77777777-88888888-99999999-00000000"


def lose_images(site: Hospital) -> None:
    """Orthanc loses all that it holds."""
    for study in site.gateway.get("/studies"):
        site.gateway.session.delete(f"{site.gateway.url}/studies/{study}", timeout=30).raise_for_status()
    assert site.gateway.get("/instances") == []


def test_folders_that_no_record_knows(site: Hospital, day: Day, tally: Tally) -> None:
    """An old half-written one is removed, a fresh one is not; a whole one is told once, and left alone."""
    for name in (STRANGER, HALF, FRESH):
        folder = site.gateway.store_image / name
        folder.mkdir(parents=True)
        shutil.copy(day.files["dx"][0], folder / "image.dcm")
    long_ago = time.time() - 2 * 3600
    for name in (STRANGER, HALF):
        os.utime(site.gateway.store_image / name, (long_ago, long_ago))
    with site.simulated_pacs() as pacs:
        pacs.add_files(day.files["ct"])
        site.gateway.start()
        site.wait_log(STRANGER)
        site.wait_done(day.uid("ct"))
        (line,) = [line for line in site.gateway.python_log().splitlines() if STRANGER in line]
        assert day.uid("dx") in line
        assert {path.name for path in site.gateway.store_image.iterdir()} >= {STRANGER, FRESH}
        assert not (site.gateway.store_image / HALF).exists()
        shutil.rmtree(site.gateway.store_image / FRESH)
        tally.add("hand-over folders that nobody knows", check(site, {day.uid("ct"): THIN}))


def test_images_lost_while_the_message_waits(site: Hospital, day: Day, tally: Tally) -> None:
    """The hand-over folder has them."""
    with Proxy(0) as proxy, site.simulated_pacs() as pacs:
        proxy.target = int(site.broker.port)
        site.gateway.settings["RabbitMQ"]["Url"] = f"amqp://guest:guest@{LOOPBACK}:{proxy.port}/"
        proxy.cut()
        pacs.add_files(day.files["ct"])
        site.gateway.start()
        site.wait_record(day.uid("ct"), "an outbox", lambda record: record["outbox"])
        lose_images(site)
        site.gateway.kill()
        site.gateway.start()
        proxy.restore()
        site.wait_done(day.uid("ct"))
        tally.add("Orthanc lost images that are handed over", check(site, {day.uid("ct"): THIN}))


def test_images_lost_before_the_delivery(site: Hospital, day: Day, tally: Tally) -> None:
    """The images are here, they cannot be counted while the PACS is away; then they are gone: pulled again."""
    site.gateway.settings["Sources"]["PACS"] |= {"TimeoutSeconds": 2, "MaxTries": 20}
    with site.simulated_pacs(Faults(delay_per_image=0.1)) as pacs, Proxy(pacs.port) as proxy:
        site.gateway.configuration["DicomModalities"]["PACS"]["Port"] = proxy.port
        pacs.add_files(day.files["ct"])
        site.gateway.start()
        wait_until(lambda: site.gateway.get("/instances"), 60, "the move", every=0.02)
        proxy.cut()
        site.wait_record(day.uid("ct"), "its count", lambda record: record["nextStep"] == "deliver")
        lose_images(site)
        proxy.restore()
        site.wait_done(day.uid("ct"))
        tally.add("Orthanc lost images before the delivery", check(site, {day.uid("ct"): THIN}))


def test_pushed_images_lost(site: Hospital, day: Day) -> None:
    """Nobody has them any more: said, and left to a person."""
    site.gateway.settings["Sources"] = {}
    site.gateway.configuration["StableAge"] = 30
    site.gateway.start()
    site.push(day.files["dx"])
    site.wait_record(day.uid("dx"), "reception", lambda record: record["state"] == "pull_data")
    site.gateway.kill()
    shutil.rmtree(site.folder / "gateway" / "storage")
    site.gateway.start()
    site.wait_record(day.uid("dx"), "the verdict", lambda record: record["state"] == "failed")
    site.wait_log("its images are gone from Orthanc, and no source holds it")


def test_the_record_is_lost(site: Hospital, day: Day, tally: Tally) -> None:
    """Orthanc holds a study whose message waits; the record's file goes: delivered by what Orthanc and PACS hold."""
    with Proxy(0) as proxy, site.simulated_pacs() as pacs:
        proxy.target = int(site.broker.port)
        site.gateway.settings["RabbitMQ"]["Url"] = f"amqp://guest:guest@{LOOPBACK}:{proxy.port}/"
        proxy.cut()
        for name in ("ct", "dx"):
            pacs.add_files(day.files[name])
        site.gateway.start()
        for name in ("ct", "dx"):
            site.wait_record(day.uid(name), "an outbox", lambda record: record["outbox"])
        site.gateway.kill()
        for file in Path(site.folder / "gateway").glob("pacs-pull.db*"):
            file.unlink()
        proxy.restore()
        site.gateway.start()
        site.wait_done(day.uid("ct"), images=THIN)
        site.wait_done(day.uid("dx"), images=2)
        pacs.add_files(day.files["late"])
        site.wait_done(day.uid("ct"), images=THIN + LATE)
        tally.add("record lost", check(site, {day.uid("ct"): THIN + LATE, day.uid("dx"): 2}))
