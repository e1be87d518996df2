"""The database server dies: new work waits, nothing in Orthanc is deleted, all goes on when it is back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.hospital import Hospital
from tests.faults.studies import LATE, THIN, Day
from tests.faults.verdict import Tally, check
from tests.requirements import require
from tests.simulators import ferretdb
from tests.simulators.mongod import Mongod
from tests.simulators.process import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mongod | ferretdb.FerretDB]:
    """One that we may kill: never the one that MONGODB_URI names."""
    if shutil.which("mongod") is None:
        require(ferretdb.available())
    with Mongod(tmp_path / "db") if shutil.which("mongod") else ferretdb.FerretDB(tmp_path / "db") as one:
        yield one


def is_posted(site: Hospital) -> bool:
    return "inform pacs_module" in site.gateway.python_log()


def is_moving(site: Hospital) -> bool:
    return bool(site.gateway.get("/instances"))


def is_polling(site: Hospital) -> bool:
    return "from pacs is 0" in site.gateway.python_log()


@pytest.mark.parametrize("when", [is_polling, is_moving, is_posted], ids=lambda when: when.__name__[3:])
def test_the_database_is_killed(
    when: Callable[[Hospital], bool], site: Hospital, server: Mongod | ferretdb.FerretDB, day: Day, tally: Tally
) -> None:
    site.gateway.settings["Database"] = {"Url": f"{server.url}/pacs_pull?serverSelectionTimeoutMS=1000"}
    with site.simulated_pacs() as pacs:
        if when is not is_polling:
            pacs.add_files(day.files["ct"])
        site.gateway.start()
        wait_until(lambda: when(site), 60, "the moment", every=0.01)
        server.kill()
        pacs.add_files(day.files["ct"])
        site.wait_log("stumbled, trying again: the record")
        server.start()
        site.wait_done(day.uid("ct"), images=THIN)
        pacs.add_files(day.files["late"])
        site.wait_done(day.uid("ct"), images=THIN + LATE)
        tally.add("database killed", check(site, {day.uid("ct"): THIN + LATE}))


def test_gateway_and_database_are_killed(
    site: Hospital, server: Mongod | ferretdb.FerretDB, day: Day, tally: Tally
) -> None:
    """A power cut takes both; the gateway is back first."""
    site.gateway.settings["Database"] = {"Url": f"{server.url}/pacs_pull?serverSelectionTimeoutMS=1000"}
    with site.simulated_pacs() as pacs:
        pacs.add_files(day.files["ct"])
        site.gateway.start()
        site.wait_log("inform pacs_module", 60)
        site.gateway.kill()
        server.kill()
        site.gateway.start()
        site.wait_log("stumbled, trying again: the record")
        server.start()
        site.wait_done(day.uid("ct"), images=THIN)
        tally.add("database and gateway killed", check(site, {day.uid("ct"): THIN}))
