"""Two gateways that share one record, one queue and one hand-over folder, before one PACS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pymongo

from tests.integration.site import Message, Site
from tests.simulators.images import SeriesPlan, StudyPlan
from tests.simulators.orthanc import Gateway, Orthanc
from tests.simulators.process import wait_until
from tests.simulators.rabbitmq import RabbitMQ


class Pair:
    """The gateways ``a`` and ``b``; nothing is started yet."""

    def __init__(self, folder: Path, broker: RabbitMQ, record_url: str, name: str) -> None:
        self.site = Site(folder, broker, name)
        self.pacs = self.site.pacs
        self.a, self.b = (self._gateway(folder / letter, record_url, f"GATEWAY_{letter.upper()}") for letter in "ab")
        self.pacs.configuration["DicomModalities"] = {each.ae_title: each.modality for each in self.gateways}
        self._client = pymongo.MongoClient[dict[str, Any]](record_url)
        self.studies = self._client.get_default_database()["study_info_list"]

    def _gateway(self, folder: Path, record_url: str, ae_title: str) -> Gateway:
        settings = {**self.site.gateway.settings, "Database": {"Url": record_url}}
        settings["StoreImageDirectory"] = str(folder.parent / "store_image")
        settings["Log"] = {"File": str(folder / "orthanc-python.log")}
        gateway = Gateway(folder, settings, {"StableAge": 2}, ae_title)
        gateway.knows("PACS", self.pacs)
        return gateway

    @property
    def gateways(self) -> tuple[Gateway, Gateway]:
        return self.a, self.b

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        servers: tuple[Orthanc, ...] = (*self.gateways, self.pacs)
        for server in servers:
            server.stop()
        self._client.close()

    def logs(self) -> Iterator[tuple[str, str]]:
        """The ends of all logs, for a failed test."""
        for gateway in self.gateways:
            yield gateway.ae_title, gateway.python_log()[-15_000:]
            yield f"{gateway.ae_title} (Orthanc)", gateway.log_text()[-2_000:]

    def finder(self) -> tuple[Gateway, Gateway]:
        """The gateway that polls the PACS, and the other one."""

        def polls(gateway: Gateway) -> bool:
            return "PACS is polled by this gateway" in gateway.python_log()

        wait_until(lambda: any(map(polls, self.gateways)), 30, "a gateway to poll")
        return self.gateways if polls(self.a) else (self.b, self.a)

    def delivered(self, plans: list[StudyPlan], seconds: float) -> list[Message]:
        """All messages in the queue, once every study is settled and both gateways have let go of it."""
        uids = [plan.study_instance_uid for plan in plans]
        settled = {"_id": {"$in": uids}, "state": "pull_data_end", "nextStep": None, "holder": ""}
        wait_until(lambda: self.studies.count_documents(settled) == len(uids), seconds, f"{len(uids)} deliveries", 0.5)
        return self.site.received(len(uids))


def ids_by_study(messages: list[Message]) -> dict[str, Counter[str]]:
    """How often each message_id came, by study."""
    ids: dict[str, Counter[str]] = {}
    for message in messages:
        ids.setdefault(message.body["studyUID"], Counter())[message.message_id] += 1
    return ids


def small_studies(number: int, first: int = 1) -> list[StudyPlan]:
    """Chest CTs of one small series each, examined one after the other."""
    return [_small(place) for place in range(first, first + number)]


def _small(place: int) -> StudyPlan:
    series = SeriesPlan(
        images=12 + place, rows=64, columns=64, description="CHEST 1.25", body_part="CHEST", slice_thickness=1.25
    )
    return StudyPlan(
        name=f"small {place}",
        patient_id=f"P{place}",
        accession_number=f"A{place}",
        study_date=f"{datetime.now().astimezone():%Y%m%d}",
        study_time=f"08{place:02}00",
        series=(series,),
    )
