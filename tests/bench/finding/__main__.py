"""What finding costs, as ratios within one run: `python -m tests.bench.finding [--rounds 3]`.

1. A poll that answers 5,000 studies, none new, against the bare C-FIND of the same studies (limit 1.5), and the most
   memory that the gateway took for its polls, over what an Orthanc without plugin takes for the same (limit 50 MB).
2. The same poll of 5,000 studies against one of 500: ten times as many may cost no more than ten times as much.
3. Images stored by C-STORE while a second source is mute, against the same without it (limit 0.9).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset

from tests.integration.pacs.ward import Case, Ward
from tests.simulators.images import SeriesPlan, StudyPlan, write_study
from tests.simulators.orthanc import ROOT, Orthanc
from tests.simulators.pacs import Faults, SimulatedPacs
from tests.simulators.process import LOOPBACK, wait_until
from tests.simulators.rabbitmq import RabbitMQ


def headers(number: int) -> Iterator[Dataset]:
    """So many mammographies of today, a minute's worth each second."""
    today = f"{datetime.now().astimezone():%Y%m%d}"
    for place in range(number):
        header = Dataset()
        header.PatientID = f"P{place}"
        header.StudyInstanceUID, header.SeriesInstanceUID = f"2.25.1.{place}", f"2.25.2.{place}"
        header.SOPInstanceUID, header.SOPClassUID = f"2.25.3.{place}", "1.2.840.10008.5.1.4.1.1.1.2"
        header.StudyDate, header.StudyTime = (
            today,
            f"{place * 17 // 3600 % 24:02d}{place * 17 // 60 % 60:02d}{place * 17 % 60:02d}",
        )
        header.AccessionNumber, header.Modality, header.StudyDescription = f"A{place}", "DX", "HAND"
        header.NumberOfSeriesRelatedInstances = 2
        yield header


def memory(server: Orthanc, what: str = "VmRSS") -> float:
    """Resident memory of a server in MB; VmHWM: the most it ever was."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1]) / 1024


@contextmanager
def polled(folder: Path, broker: RabbitMQ, number: int) -> Iterator[tuple[Ward, float]]:
    """A gateway that has polled a PACS with so many studies, all known, none wanted any more, once a second."""
    name = f"poll{number}"
    cases = {"crowded": Case(settings={"PollIntervalSeconds": 1})}
    pacs = SimulatedPacs.from_headers(headers(number), ae_title="crowded")
    with Ward(folder / name, broker, name, cases) as ward, pacs:
        ward.servers["crowded"] = pacs
        ward.knows("crowded")
        pacs.faults = Faults(max_associations=0)
        ward.gateway.settings["FiltersFile"] = str(no_dx(ward.folder))
        ward.gateway.start()
        ward.wait_log("source crowded does not answer")
        before = memory(ward.gateway)
        pacs.faults = Faults()
        wait_until(lambda: len(polls(pacs)) >= 3, 300, "three polls")
        yield ward, before


def no_dx(folder: Path) -> Path:
    """The rules without a task that wants radiographs: nothing is new, and nothing is pulled."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "config" / "filters.toml").read_text("utf-8")
    file = folder / "filters.toml"
    file.write_text(text.replace('modalities = ["DX", "DR", "CR"]', 'modalities = ["XX"]'), "utf-8")
    return file


def polls(pacs: SimulatedPacs) -> list[float]:
    return [one.asked_at.timestamp() for one in pacs.requests.queries if one.keys.get("StudyDate") and one.status == 0]


def poll_seconds(ward: Ward, rounds: int) -> float:
    """From the log: the query to the last line of its poll, median of the last rounds."""
    times: list[float] = []
    started = 0.0
    wait_until(lambda: ward.gateway.python_log().count("actually add new number") >= rounds + 3, 300, "enough polls")
    for line in ward.gateway.python_log().splitlines():
        at = datetime.fromisoformat(line[:23]).timestamp() if line[:2] == "20" else 0.0
        if "orthanc find query is" in line:
            started = at
        elif "actually add new number" in line:
            times.append(at - started)
    return statistics.median(times[-rounds:])


def bare(folder: Path, number: int, rounds: int) -> tuple[float, float]:
    """The same C-FINDs by an Orthanc without plugin, answers read and nothing done with them: seconds (median), MB."""
    keys = dict.fromkeys(("StudyInstanceUID", "PatientID", "AccessionNumber", "StudyTime", "ModalitiesInStudy"), "")
    keys |= dict.fromkeys(("StudyDescription", "NumberOfStudyRelatedInstances"), "")
    query = {"Level": "Study", "Query": {**keys, "StudyDate": f"{datetime.now().astimezone():%Y%m%d}"}}
    times = []
    plain = Orthanc(folder / f"bare{number}", "BARE")
    with SimulatedPacs.from_headers(headers(number), ae_title="crowded") as pacs:
        plain.configuration["DicomModalities"] = {
            "crowded": {"AET": pacs.ae_title, "Host": LOOPBACK, "Port": pacs.port}
        }
        with plain:
            before = memory(plain)
            for _ in range(rounds + 3):
                started = time.monotonic()
                path = plain.post("/modalities/crowded/query", query)["Path"]
                plain.session.get(f"{plain.url}{path}/answers?expand&simplify", timeout=60).json()
                plain.session.delete(f"{plain.url}{path}", timeout=60)
                times.append(time.monotonic() - started)
            return statistics.median(times[3:]), memory(plain, "VmHWM") - before


def bench_polls(folder: Path, broker: RabbitMQ, rounds: int) -> bool:
    polls_of: dict[int, float] = {}
    is_good = True
    for number in (500, 5000):
        with polled(folder, broker, number) as (ward, before):
            polls_of[number] = poll_seconds(ward, rounds)
            most = memory(ward.gateway, "VmHWM") - before
        seconds, megabytes = bare(folder, number, rounds)
        ratio = polls_of[number] / seconds
        print(f"{number} studies: poll {polls_of[number]:.3f} s, bare C-FIND {seconds:.3f} s, ratio {ratio:.2f}; "
              f"{most:.1f} MB, bare {megabytes:.1f} MB")  # fmt: skip
        is_good = is_good and ratio < 1.5 and most - megabytes < 50
    growth = polls_of[5000] / polls_of[500]
    print(f"5,000 against 500: {growth:.1f} times the time for 10 times the studies")
    return is_good and growth <= 12


def bench_reception(folder: Path, broker: RabbitMQ, images: int) -> bool:
    """One gateway, one sender; the mute source is heard between the halves only."""
    cases = {"mute": Case(Faults(mute=frozenset({"find", "echo"})), {"PollIntervalSeconds": 1, "TimeoutSeconds": 20})}
    rates: dict[bool, list[float]] = {True: [], False: []}
    with Ward(folder / "reception", broker, "reception", cases) as ward, Orthanc(folder / "sender", "SENDER") as sender:
        ward.servers["mute"] = SimulatedPacs(ae_title="mute", faults=cases["mute"].faults).start()
        ward.knows("mute")
        sender.stop()
        sender.configuration["DicomModalities"] = {"GATEWAY": ward.gateway.modality}
        sender.start()
        ward.gateway.start()
        for turn, is_mute in enumerate((False, True, True, False) * 2):
            ward.servers["mute"].faults = cases["mute"].faults if is_mute else Faults()
            if is_mute:
                ward.servers["mute"].requests.clear()
                wait_until(lambda: ward.servers["mute"].requests.queries, 60, "a query of the mute source")
            rates[is_mute].append(rate(sender, folder, turn, images))
    ratio = statistics.median(rates[True]) / statistics.median(rates[False])
    told = {name: [round(one) for one in rates[is_mute]] for name, is_mute in (("undisturbed", False), ("mute", True))}
    print(f"images a second: {told}, ratio {ratio:.2f}")
    return ratio >= 0.9


def rate(sender: Orthanc, folder: Path, turn: int, images: int) -> float:
    series = SeriesPlan(modality="MR", images=images, description="HEAD", body_part="HEAD", rows=256, columns=256)
    plan = StudyPlan(
        name=f"pushed {turn}", patient_id=f"T{turn}", accession_number=f"T{turn}", study_date="20200101",
        study_time="080000", series=(series,),
    )  # fmt: skip
    sender.store(write_study(plan, folder / "pushed"))
    (study,) = [
        one["ID"] for one in sender.get("/studies?expand") if one["MainDicomTags"]["AccessionNumber"] == f"T{turn}"
    ]
    started = time.monotonic()
    sender.send(study, "GATEWAY")
    return images / (time.monotonic() - started)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, RabbitMQ(Path(name) / "rabbitmq") as broker:
        results = [
            bench_polls(Path(name), broker, options.rounds),
            bench_reception(Path(name), broker, options.images),
        ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
