"""The machine's clock jumps by an hour, ahead or back, while something waits for its time."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.faults.hospital import Hospital, side_by_side
from tests.faults.studies import THIN, Day
from tests.faults.verdict import Tally, Verdict, check
from tests.requirements import require
from tests.simulators import orthanc
from tests.simulators.pacs import Faults
from tests.simulators.process import LOOPBACK
from tests.simulators.proxy import Proxy
from tests.simulators.rabbitmq import RabbitMQ

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

JUMP = 3700
"""Seconds: beyond any back-off, so that a time so far ahead can only come of a jump."""
JUMPS = {"ahead": (0, JUMP), "back": (JUMP, 0)}
SHORT = Faults(missing_last=3, retrieves_affected=1)


class WrongClock:
    """The file that bends the clock of a site's gateway."""

    def __init__(self, site: Hospital) -> None:
        self._file = site.folder / "clock"
        site.gateway.env["PACS_PULL_CLOCK"] = str(self._file)
        site.gateway.settings["Sources"]["PACS"]["CrossDays"] = [-1, 0, 1]

    def set(self, seconds: int) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(str(seconds))


def while_a_repull_waits(folder: Path, broker: RabbitMQ, day: Day, case: tuple[str, bool]) -> Verdict:
    """The first retrieve lacks images; the clock jumps before the second; or the power goes too."""
    how, is_killed = case
    before, after = JUMPS[how]
    site = Hospital(folder / f"{how}-{is_killed}", broker, f"clock-{how}-{is_killed}")
    clock = WrongClock(site)
    with site, site.simulated_pacs(SHORT) as pacs:
        clock.set(before)
        pacs.add_files(day.files["ct"])
        site.gateway.start()
        site.wait_record(day.uid("ct"), "a re-pull", lambda record: record["completeness"]["repulls"])
        if is_killed:
            site.gateway.kill()
        clock.set(after)
        if is_killed:
            site.gateway.start()
        site.wait_done(day.uid("ct"))
        return check(site, {day.uid("ct"): THIN})


def while_a_message_waits(folder: Path, broker: RabbitMQ, day: Day, how: str) -> Verdict:
    """RabbitMQ is away; the clock jumps before it is back."""
    before, after = JUMPS[how]
    site = Hospital(folder / f"message-{how}", broker, f"clock-message-{how}")
    clock = WrongClock(site)
    with site, Proxy(broker.port) as proxy, site.simulated_pacs() as pacs:
        proxy.cut()
        site.gateway.settings["RabbitMQ"]["Url"] = f"amqp://guest:guest@{LOOPBACK}:{proxy.port}/"
        clock.set(before)
        pacs.add_files(day.files["ct"])
        site.gateway.start()
        site.wait_record(day.uid("ct"), "an outbox", lambda record: record["outbox"])
        clock.set(after)
        proxy.restore()
        site.wait_done(day.uid("ct"))
        return check(site, {day.uid("ct"): THIN})


def test_the_clock_jumps(tmp_path: Path, broker: RabbitMQ, day: Day, tally: Tally) -> None:
    require(orthanc.available())
    cases = [(how, is_killed) for how in JUMPS for is_killed in (False, True)]
    for (how, is_killed), verdict in side_by_side(partial(while_a_repull_waits, tmp_path, broker, day), cases).items():
        tally.add(f"clock jumps {how}, a re-pull waits{', gateway killed' if is_killed else ''}", verdict)
    for how, verdict in side_by_side(partial(while_a_message_waits, tmp_path, broker, day), JUMPS).items():
        tally.add(f"clock jumps {how}, a message waits", verdict)
