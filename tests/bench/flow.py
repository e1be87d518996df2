"""The whole pipeline against bare C-MOVEs, and the time from the last image to the message.

``python -m tests.bench.flow [--studies 6] [--images 100] [--rounds 3]`` prints, for each round, the images a second of
the same C-MOVEs into a bare Orthanc (TCP_NODELAY=1 too) and of the pipeline from the first C-MOVE to the last message
in the queue, their ratio, and the median of last image stored -> message in the queue. One round comes right after the
other, so that the ratio holds on a noisy machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pika

from tests.simulators.images import SeriesPlan, StudyPlan, write_study
from tests.simulators.orthanc import Gateway, Orthanc
from tests.simulators.rabbitmq import RabbitMQ


def plans(studies: int, images: int) -> list[StudyPlan]:
    series = SeriesPlan(images=images, description="CHEST 1MM", body_part="CHEST", slice_thickness=1)
    plan = StudyPlan(
        name="",
        patient_id="",
        accession_number="",
        study_date=f"{datetime.now().astimezone():%Y%m%d}",
        study_time="08",
        series=(series,),
    )
    return [
        replace(plan, name=f"bench {number}", patient_id=f"B{number}", accession_number=f"B{number}")
        for number in range(studies)
    ]


class Consumer(threading.Thread):
    """Notes when each message comes, and when the last image of its folder was stored."""

    def __init__(self, url: str, queue: str, number: int) -> None:
        super().__init__(daemon=True)
        self.delays: list[float] = []
        self.ended_at = 0.0
        self._url, self._queue, self._number = url, queue, number

    def run(self) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        channel = connection.channel()
        for method, _, body in channel.consume(self._queue, auto_ack=True, inactivity_timeout=300):
            now = time.time()
            if method is None:
                break
            folder = Path(json.loads(body)["filepath"])
            self.delays.append(now - max(file.stat().st_mtime for file in folder.iterdir()))
            self.ended_at = now
            if len(self.delays) == self._number:
                break
        connection.close()


def bare(folder: Path, pacs: Orthanc, uids: list[str]) -> float:
    """Seconds for the same C-MOVEs, one after the other, into an Orthanc without any plugin."""
    server = Orthanc(folder, "BARE")
    server.configuration["SyncStorageArea"] = True
    server.configuration["DicomModalities"]["PACS"] = pacs.modality
    with server:
        pacs.session.put(f"{pacs.url}/modalities/BARE", json=server.modality, timeout=10)
        began = time.monotonic()
        for uid in uids:
            body = {"Level": "Study", "Resources": [{"StudyInstanceUID": uid}], "TargetAet": "BARE", "Timeout": 60}
            server.post("/modalities/PACS/move", body)
        return time.monotonic() - began


def piped(folder: Path, pacs: Orthanc, broker: RabbitMQ, uids: list[str]) -> tuple[float, list[float]]:
    """Seconds from the first C-MOVE to the last message; and the delays from last image to message."""
    queue = f"bench-{folder.name}"
    settings: dict[str, Any] = {
        "Sources": {"PACS": {"PollIntervalSeconds": 1}},
        "RabbitMQ": {"Url": broker.url, "Exchange": queue, "Queue": queue},
    }
    gateway = Gateway(folder, settings, {"SyncStorageArea": True})
    gateway.knows("PACS", pacs)
    pacs.session.put(f"{pacs.url}/modalities/GATEWAY", json=gateway.modality, timeout=10)
    with gateway:
        while queue not in broker.ctl("list_queues", "name"):
            time.sleep(0.1)
        consumer = Consumer(broker.url, queue, len(uids))
        consumer.start()
        consumer.join(600)
        records = [gateway.record(uid) for uid in uids]
    starts = [record["timeline"]["pullStarted"] for record in records if record]
    began = min(
        time.mktime(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(at[19:-1]) for at in starts
    )
    return consumer.ended_at - began, consumer.delays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("studies", 6), ("images", 100), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    made = plans(given.studies, given.images)
    uids = [plan.study_instance_uid for plan in made]
    total = given.studies * given.images
    with tempfile.TemporaryDirectory() as name, RabbitMQ(Path(name) / "rabbitmq") as broker:
        pacs = Orthanc(Path(name) / "pacs", "PACS", {"DicomModalitiesInDatabase": True})
        with pacs:
            for number, plan in enumerate(made):
                pacs.store(write_study(plan, Path(name) / f"files{number}"))
            ratios, delays = [], []
            for number in range(given.rounds):
                alone = bare(Path(name) / f"bare{number}", pacs, uids)
                whole, waited = piped(Path(name) / f"gateway{number}", pacs, broker, uids)
                ratios.append(alone / whole)
                delays += waited
                print(
                    f"bare {total / alone:.0f}/s  pipeline {total / whole:.0f}/s  ratio {alone / whole:.2f}", flush=True
                )
            print(f"median ratio {statistics.median(ratios):.2f}")
            middle, worst = statistics.median(delays) * 1000, max(delays) * 1000
            print(f"median last image -> message {middle:.0f} ms, worst {worst:.0f} ms")


if __name__ == "__main__":
    main()
