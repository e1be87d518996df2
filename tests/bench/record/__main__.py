"""How fast the record is at its size: ``python -m tests.bench.record [--studies 1000000] [--url mongodb://…]``.

Prints the median and the worst of each operation in ms, and for SQLite how a gateway starts on that record. Exits
with 1 where one of the limits (next claim 5 ms, the day's counts 50 ms, start 10 s) does not hold.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median

import requests

from plugin.adapters.databases import SQLITE, open_record
from plugin.domain.study import Lease, State, Step
from plugin.ports import Record
from tests.bench.record.studies import A_DAY, NOW, TODAY, WAITING, studies
from tests.simulators import orthanc
from tests.simulators.orthanc import Gateway

OWNER = "bench/8042"
LIMITS = {"claim": 5.0, "counts of the day": 50.0, "start": 10_000.0}
UID = "1.2.840.113619.2.55.{:09}"


def measured(name: str, times: int, work: Callable[[int], object]) -> float:
    """Print and return the median time in ms."""
    taken = []
    for place in range(times):
        started = time.perf_counter()
        work(place)
        taken.append((time.perf_counter() - started) * 1000)
    limit = LIMITS.get(name)
    print(f"  {name:<26}{median(taken):>10.2f}{max(taken):>10.2f}{'' if limit is None else f'   limit {limit:g}'}")
    return median(taken)


def filled(record: Record, number: int) -> None:
    started = time.perf_counter()
    each = studies(number)
    while batch := list(itertools.islice(each, 2000)):
        record.put(batch)
    print(f"{number} studies written in {time.perf_counter() - started:.0f} s")


def operations(record: Record, number: int) -> dict[str, float]:
    """Each operation that the gateway does often, and those that it does at the start."""
    lease = Lease(OWNER, NOW + timedelta(minutes=1))
    print(f"  {'ms':<26}{'median':>10}{'worst':>10}")
    figures = {
        "claim": measured("claim", 100, lambda _: record.claim(Step.PULL, lease, NOW, ["PACS"])),
        "counts of the day": measured("counts of the day", 20, lambda _: record.number_of(TODAY)),
    }
    held = [UID.format(place) for place in range(10)]
    measured("claim, nothing to do", 100, lambda _: record.claim(Step.PUBLISH, lease, NOW))
    measured("get", 200, lambda place: record.get(UID.format(place * 31 % number)))
    measured("update, no change", 200, lambda place: record.update(UID.format(place * 37 % number), lambda it: it))
    uid = UID.format(number - 1)
    measured("update", 100, lambda place: record.update(uid, lambda it: replace(it, tries=place + 1)))
    measured("find by accession", 50, lambda place: record.find(accession_number=f"NA{place:09}"))
    measured("find by day", 10, lambda _: record.find(study_date=TODAY))
    measured("counts of all days", 5, lambda _: record.number_of())
    measured("number waiting", 20, lambda _: record.number_waiting(Step.PULL))
    measured("age", 3, lambda hours: record.age(NOW + timedelta(hours=hours)))
    measured("renew", 20, lambda _: record.renew(lease, held))
    measured("held elsewhere", 20, lambda _: record.held_elsewhere([OWNER]))
    measured("in state pull_data", 20, lambda _: record.in_state(State.PULL_DATA))
    measured("release", 1, lambda _: record.release(OWNER))
    return figures


def gateway_start(folder: Path, file: Path) -> float:
    """How long a real gateway takes until it answers and has reconciled, in ms; prints its memory."""
    settings = {"Database": {"Url": f"{SQLITE}{file}"}, "RabbitMQ": {"Url": "amqp://127.0.0.1:1/"}}
    started = time.perf_counter()
    with Gateway(folder / "gateway", settings) as gateway:
        requests.get(f"{gateway.url}/pacs-pull/status", timeout=30).raise_for_status()
        seconds = time.perf_counter() - started
        status = Path(f"/proc/{gateway.pid}/status").read_text()
        rss = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
    print(f"  start of a gateway {seconds:.1f} s, resident memory {rss:.0f} MB")
    return seconds * 1000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.record")
    parser.add_argument("--studies", type=int, default=1_000_000)
    parser.add_argument("--url", default="", help="an empty database; by default SQLite in a temporary folder")
    given = parser.parse_args()
    number = max(given.studies, A_DAY + WAITING)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "record.db"
        record = open_record(given.url or f"{SQLITE}{file}", Path("/"))
        filled(record, number)
        figures = operations(record, number)
        record.close()
        if not given.url and orthanc.available() is None:
            print(f"  file of {file.stat().st_size / 1e6:.0f} MB")
            figures["start"] = gateway_start(Path(folder), file)
    return int(any(figure > LIMITS[name] for name, figure in figures.items()))


if __name__ == "__main__":
    sys.exit(main())
