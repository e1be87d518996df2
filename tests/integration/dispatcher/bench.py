"""Everything around one dispatcher: queues as the gateway declares them, a fake back end, a fake gateway."""

import json
import sys
from pathlib import Path
from typing import Any, Self

import pika
from pika.adapters.blocking_connection import BlockingChannel

from tests.simulators.backend import FakeBackend
from tests.simulators.process import ServerProcess, wait_until
from tests.simulators.rabbitmq import RabbitMQ
from tests.unit.dispatcher.examples import message

ROOT = Path(__file__).parents[3]
PREFIX = "PACS_PULL_DISPATCHER__"


class Bench:
    """The parts, by name; `dispatcher` is made by `start`."""

    def __init__(self, broker: RabbitMQ, folder: Path, name: str) -> None:
        self.broker = broker
        self.folder = folder
        self.queue, self.dead, self.dlx = f"{name}.series", f"{name}.series.dead", f"{name}.dlx"
        self.backend = FakeBackend()
        self.gateway = FakeBackend()
        self.dispatchers: list[ServerProcess] = []
        self.images = folder / "store_image"
        self.images.mkdir()
        for number in range(3):
            (self.images / f"{number}.dcm").write_bytes(b"DICM" + bytes([number]) * 1000)

    def __enter__(self) -> Self:
        self.backend.start()
        self.gateway.start()
        self.declare()
        return self

    def __exit__(self, *_: object) -> None:
        for dispatcher in self.dispatchers:
            dispatcher.stop()
            print(f"--- {dispatcher.name} ---\n{dispatcher.log_file.read_text()}")  # shown when the test failed
        self.backend.stop()
        self.gateway.stop()

    @property
    def log(self) -> str:
        """``dispatcher.log`` of all dispatchers of this bench."""
        file = self.folder / "dispatcher.log"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def start(self, **changes: Any) -> ServerProcess:
        """Run ``python -m dispatcher``; keys such as ``BACKEND__MODE`` override the settings below."""
        settings = {
            "RABBITMQ__URL": self.broker.url,
            "RABBITMQ__QUEUE": self.queue,
            "RABBITMQ__DEAD_LETTER_EXCHANGE": self.dlx,
            "BACKEND__URL": f"{self.backend.url}/{{studyUID}}",
            "BACKEND__FIRST_DELAY_SECONDS": 0.1,
            "BACKEND__MAX_DELAY_SECONDS": 0.2,
            "BACKEND__MAX_TRIES": 3,
            "GATEWAY__URL": self.gateway.url,
            "GATEWAY__FIRST_DELAY_SECONDS": 0.1,
            "LEDGER__FILE": self.folder / "dispatcher.db",
            "LOG__FILE": self.folder / "dispatcher.log",
            **changes,
        }
        name = f"dispatcher-{len(self.dispatchers) + 1}"
        dispatcher = ServerProcess(
            name,
            [sys.executable, "-m", "dispatcher"],
            self.folder,
            ready=lambda: "started: " in dispatcher.log_text(),
            env={"PYTHONPATH": str(ROOT), **{f"{PREFIX}{key}": str(value) for key, value in settings.items()}},
        )
        self.dispatchers.append(dispatcher)
        return dispatcher.start()

    def channel(self) -> BlockingChannel:
        channel = pika.BlockingConnection(pika.URLParameters(self.broker.url)).channel()
        channel.confirm_delivery()
        return channel

    def declare(self) -> None:
        """The topology, as the gateway declares it."""
        channel = self.channel()
        channel.exchange_declare(self.dlx, "fanout", durable=True)
        channel.queue_declare(self.dead, durable=True)
        channel.queue_bind(self.dead, self.dlx)
        arguments = {"x-max-priority": 9, "x-dead-letter-exchange": self.dlx}
        channel.queue_declare(self.queue, durable=True, arguments=arguments)
        channel.connection.close()

    def send(
        self,
        message_id: str | None,
        body: bytes | None = None,
        headers: dict[str, Any] | None = None,
        delivery_mode: int = 2,
        **changes: Any,
    ) -> None:
        """Publish a message of the contract with some keys changed (or any body), confirmed."""
        content = message(filepath=str(self.images), **changes)
        channel = self.channel()
        channel.basic_publish(
            "",
            self.queue,
            json.dumps(content).encode() if body is None else body,
            pika.BasicProperties(
                message_id=message_id, delivery_mode=delivery_mode, priority=content["priorities"], headers=headers
            ),
            mandatory=True,
        )
        channel.connection.close()

    def dead_letters(self) -> list[tuple[bytes, pika.BasicProperties]]:
        """Take all dead letters."""
        channel = self.channel()
        found: list[tuple[bytes, pika.BasicProperties]] = []
        while True:
            method, properties, body = channel.basic_get(self.dead, auto_ack=True)
            if method is None:
                channel.connection.close()
                return found
            found.append((body, properties))

    def ready(self, queue: str) -> int:
        """How many messages wait in a queue, those handed out not counted."""
        channel = self.channel()
        count: int = channel.queue_declare(queue, passive=True).method.message_count
        channel.connection.close()
        return count

    def wait_posts(self, count: int) -> None:
        wait_until(
            lambda: len(self.backend.posts) >= count,
            20,
            f"{count} posts, there are {len(self.backend.posts)}\n{self.log}",
        )

    def wait_log(self, text: str, count: int = 1) -> None:
        wait_until(lambda: self.log.count(text) >= count, 30, f"{text!r} in the log")

    def wait_dead(self, count: int) -> None:
        wait_until(lambda: self.ready(self.dead) >= count, 20, f"{count} dead letters", every=0.1)

    def is_empty_after_stop(self) -> bool:
        """Stop; nothing may be left, neither waiting nor unacknowledged."""
        for dispatcher in self.dispatchers:
            dispatcher.stop()
        return self.ready(self.queue) == 0
