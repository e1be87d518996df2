"""A disk fills up under the hand-over folder, Orthanc's storage or the record; all goes on when there is room again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.hospital import Hospital
from tests.faults.studies import THIN, Day
from tests.faults.verdict import Tally, check

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

MEGABYTES = 24
"""Orthanc's index and its write-ahead log take some of it."""
WATERMARK = 4


class SmallDisk:
    """A tmpfs; ``fill`` leaves so many bytes free, ``clear`` gives the room back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, free: int = 0) -> None:
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:  # OSError: it is full
            while True:
                file.write(bytes(4096))
        if free:
            with self._ballast.open("r+b") as file:
                file.truncate(self._ballast.stat().st_size - free)

    def clear(self) -> None:
        self._ballast.unlink()


@contextmanager
def mounted(folder: Path) -> Iterator[SmallDisk]:
    """Skips where this machine lets nobody mount: then no disk can be made full without harm, CI or not."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("a full disk cannot be tried here: there is no mount command")
    if done.returncode:
        pytest.skip(f"a full disk cannot be tried here, a tmpfs may not be mounted: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk") as small:
        yield small


def put_on(disk: SmallDisk, site: Hospital, what: str) -> None:
    """Which of the gateway's folders is on the small disk."""
    if what == "hand-over folder":
        site.gateway.settings["StoreImageDirectory"] = str(disk.folder / "store_image")
    elif what == "Orthanc's storage":
        site.gateway.configuration["StorageDirectory"] = str(disk.folder / "storage")
    elif what == "Orthanc's storage and index":
        site.gateway.configuration["StorageDirectory"] = str(disk.folder / "storage")
        site.gateway.configuration["IndexDirectory"] = str(disk.folder / "storage")
    else:
        site.gateway.settings["Database"] = {"Url": f"sqlite:///{disk.folder / 'record' / 'pacs-pull.db'}"}


SYMPTOMS = {
    "hand-over folder": "cannot be written: No space left on device",
    "Orthanc's storage": "orthanc move failed!",
    "Orthanc's storage and index": "orthanc move failed!",
    "record": "cannot be used",
}


@pytest.mark.parametrize("what", SYMPTOMS)
def test_a_disk_is_full(what: str, site: Hospital, disk: SmallDisk, day: Day, tally: Tally) -> None:
    """Without a watermark, so that it really fills."""
    put_on(disk, site, what)
    site.gateway.settings["MinFreeDiskMegabytes"] = 0
    with site.simulated_pacs() as pacs:
        pacs.add_files(day.files["dx"])
        site.gateway.start()
        site.wait_done(day.uid("dx"))
        disk.fill()
        pacs.add_files(day.files["ct"])
        site.wait_log(SYMPTOMS[what])
        disk.clear()
        site.wait_done(day.uid("ct"))
        tally.add(f"disk full: {what}", check(site, {day.uid("ct"): THIN, day.uid("dx"): 2}))


@pytest.mark.parametrize("what", ["hand-over folder", "record"])
def test_killed_and_started_on_a_full_disk(what: str, site: Hospital, disk: SmallDisk, day: Day, tally: Tally) -> None:
    """A restart is what a person tries first."""
    put_on(disk, site, what)
    site.gateway.settings["MinFreeDiskMegabytes"] = 0
    with site.simulated_pacs() as pacs:
        site.gateway.start()
        site.wait_log("from pacs is 0")
        disk.fill()
        pacs.add_files(day.files["ct"])
        site.wait_log(SYMPTOMS[what])
        site.gateway.kill()
        site.gateway.start()
        times = site.gateway.python_log().count(SYMPTOMS[what])
        site.wait_log(SYMPTOMS[what], times=times + 1, seconds=60)
        disk.clear()
        site.wait_done(day.uid("ct"))
        tally.add(f"disk full, gateway killed: {what}", check(site, {day.uid("ct"): THIN}, faults=2))


@pytest.mark.parametrize("what", ["hand-over folder", "Orthanc's storage"])
def test_pulling_pauses_before_a_disk_is_full(
    what: str, site: Hospital, disk: SmallDisk, day: Day, tally: Tally
) -> None:
    """With a watermark; said once when it pauses and once when it goes on."""
    put_on(disk, site, what)
    site.gateway.settings["MinFreeDiskMegabytes"] = WATERMARK
    with site.simulated_pacs() as pacs:
        site.gateway.start()
        disk.fill(free=(WATERMARK - 1) * 10**6)
        site.wait_log("pulling pauses")
        pacs.add_files(day.files["ct"])
        site.wait_record(day.uid("ct"), "its turn", lambda record: record["nextStep"] == "pull")
        polls = site.gateway.python_log().count("find ")
        site.wait_log("find ", times=polls + 6)
        assert site.gateway.get("/instances") == []
        disk.clear()
        site.wait_done(day.uid("ct"))
        tally.add(f"disk nearly full: {what}", check(site, {day.uid("ct"): THIN}))
    log = site.gateway.python_log()
    assert (log.count("pulling pauses"), log.count("pulling goes on")) == (1, 1)
