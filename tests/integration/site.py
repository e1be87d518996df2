"""A hospital for one test: a PACS, the gateway and an AI consumer, all real."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pika
import pydicom

from tests.simulators.images import StudyPlan, days_mixture, write_study
from tests.simulators.orthanc import Gateway, Orthanc
from tests.simulators.process import wait_until
from tests.simulators.rabbitmq import RabbitMQ

logging.getLogger("pika").setLevel(logging.CRITICAL)

SETTLED = {"pull_data_end", "unsupported_series", "completed", "failed"}


@dataclass(frozen=True)
class Message:
    """A message as a consumer receives it."""

    body: dict[str, Any]
    priority: int
    delivery_mode: int
    message_id: str

    @property
    def files(self) -> list[Path]:
        return sorted(Path(self.body["filepath"]).iterdir())


class Site:
    """Start what a test needs; everything is stopped at the end."""

    def __init__(self, folder: Path, broker: RabbitMQ, name: str) -> None:
        self.folder = folder
        self.broker = broker
        self.queue = f"series-{name}"
        self.pacs = Orthanc(folder / "pacs", "PACS")
        settings = {
            "Sources": {"PACS": {"PollIntervalSeconds": 1, "TimeoutSeconds": 10}},
            "RabbitMQ": {"Url": broker.url, "Exchange": f"exchange-{name}", "Queue": self.queue},
        }
        self.gateway = Gateway(folder / "gateway", settings)
        self.gateway.knows("PACS", self.pacs)
        self.pacs.configuration["DicomModalities"] = {"GATEWAY": self.gateway.modality}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.stop()
        self.pacs.stop()

    def logs(self) -> Iterator[tuple[str, str]]:
        """The ends of all logs, for a failed test."""
        yield "orthanc-python.log", self.gateway.python_log()[-20_000:]
        yield "gateway", self.gateway.log_text()[-3_000:]
        yield "pacs", self.pacs.log_text()[-1_000:]

    def fill(self, *plans: StudyPlan, into: Orthanc | None = None) -> list[Path]:
        """Write studies and store them in the PACS (or another server)."""
        files: list[Path] = []
        for number, plan in enumerate(plans):
            files += write_study(plan, self.folder / "files" / f"{number} {plan.name}")
        assert (into or self.pacs).store(files) == len(files)
        return files

    def received(self, number: int = 0, seconds: float = 60) -> list[Message]:
        """All messages that are in the queue once there are `number` of them; they are taken out."""
        messages: list[Message] = []
        connection = pika.BlockingConnection(pika.URLParameters(self.broker.url))

        def take() -> bool:
            while (message := self._one(connection)) is not None:
                messages.append(message)
            return len(messages) >= number

        try:
            wait_until(take, seconds, f"{number} messages")
        except TimeoutError as error:
            raise TimeoutError(
                f"{error}; there are {messages}\n{self.broker.ctl('list_queues', 'name', 'messages')}"
            ) from None
        finally:
            connection.close()
        return messages

    def _one(self, connection: pika.BlockingConnection) -> Message | None:
        channel = connection.channel()
        try:
            got, properties, body = channel.basic_get(self.queue, auto_ack=True)
        except pika.exceptions.ChannelClosedByBroker:  # the gateway has not declared the queue yet
            return None
        channel.close()
        if got is None:
            return None
        return Message(json.loads(body), properties.priority, properties.delivery_mode, properties.message_id)

    def state(self, plan: StudyPlan) -> str | None:
        record = self.gateway.record(plan.study_instance_uid)
        return record["state"] if record else None

    def wait_state(self, plan: StudyPlan, *states: str, seconds: float = 60) -> dict[str, Any]:
        """The record, once the study is in one of the states."""
        wait_until(lambda: self.state(plan) in states, seconds, f"{plan.name} to be {states}")
        record = self.gateway.record(plan.study_instance_uid)
        assert record is not None
        return record

    def wait_settled(self, *plans: StudyPlan, seconds: float = 90) -> dict[str, dict[str, Any]]:
        """The records by plan name, once nothing is left to do with any of them."""

        def is_settled(plan: StudyPlan) -> bool:
            record = self.gateway.record(plan.study_instance_uid)
            return record is not None and record["state"] in SETTLED and record["nextStep"] is None

        wait_until(lambda: all(is_settled(plan) for plan in plans), seconds, "all studies to settle")
        records = {plan.name: self.gateway.record(plan.study_instance_uid) for plan in plans}
        return {name: record for name, record in records.items() if record is not None}

    def wait_log(self, text: str, seconds: float = 30, times: int = 1) -> None:
        wait_until(lambda: self.gateway.python_log().count(text) >= times, seconds, f"{text!r} in the log")


def mixture(scale: float = 0.2) -> dict[str, StudyPlan]:
    """Today's mixture by short name; the growing study's second part is ``late``."""
    plans = days_mixture(datetime.now().astimezone().date(), scale)
    return {"late" if plan.is_late else plan.name.split(" ", 1)[1]: plan for plan in plans}


def readable(message: Message) -> Sequence[pydicom.Dataset]:
    """Every file of a delivery, read with its pixels."""
    datasets = [pydicom.dcmread(file) for file in message.files]
    assert all(len(dataset.PixelData) > 0 for dataset in datasets)
    return datasets
