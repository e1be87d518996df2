"""Brokers to hold the Broker contract against: something to publish with, and something to consume with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pika

from plugin.adapters.rabbitmq import RabbitMQ, Topology
from plugin.domain.study import Outgoing
from plugin.ports import Broker
from tests.fakes import FakeBroker
from tests.simulators import rabbitmq
from tests.simulators.process import wait_until

KEY = "chest-ct"


@dataclass(frozen=True, slots=True)
class Consumed:
    """A message as a consumer sees it."""

    message_id: str
    priority: int
    body: Mapping[str, object]


class Bench(Protocol):
    """One broker with our queue."""

    @property
    def broker(self) -> Broker:
        """The adapter under test."""

    def consume(self) -> list[Consumed]:
        """All messages in the queue, in the order in which they are handed out; they are gone then."""

    def stop(self) -> None:
        """The broker dies at once."""

    def start(self) -> None:
        """It is back."""

    def close(self) -> None:
        """Let go of everything."""


class FakeBench:
    """FakeBroker; its queue orders by priority as RabbitMQ's does."""

    def __init__(self) -> None:
        self._fake = FakeBroker([KEY])

    @property
    def broker(self) -> Broker:
        return self._fake

    def consume(self) -> list[Consumed]:
        messages, self._fake.messages = self._fake.messages, []
        ordered = sorted(messages, key=lambda message: -message.priority)
        return [Consumed(message.message_id, message.priority, message.body) for message in ordered]

    def stop(self) -> None:
        self._fake.is_away = True

    def start(self) -> None:
        self._fake.is_away = False

    def close(self) -> None:
        """Nothing is open."""


class RabbitMQBench:
    """A queue of its own, named after the test, on a real server."""

    def __init__(self, server: rabbitmq.RabbitMQ, name: str, queue_type: str = "classic") -> None:
        self.server = server
        self.topology = Topology(f"x {name}", f"q {name}", queue_type, frozenset([KEY]))
        self.rabbitmq = RabbitMQ(server.url, self.topology)
        if not server.is_running:
            server.start()

    @property
    def broker(self) -> Broker:
        return self.rabbitmq

    def channel(self) -> Any:
        """A channel of somebody else; its connection is closed by its end."""
        return pika.BlockingConnection(pika.URLParameters(self.server.url)).channel()

    def raw(self, queue: str | None = None) -> list[tuple[Any, bytes]]:
        """Properties and body of all messages in a queue, acknowledged."""
        channel = self.channel()
        found: list[tuple[Any, bytes]] = []
        while True:
            method, properties, body = channel.basic_get(queue or self.topology.queue, auto_ack=True)
            if method is None:
                channel.connection.close()
                return found
            found.append((properties, body))

    def consume(self) -> list[Consumed]:
        return [Consumed(each.message_id, each.priority, json.loads(body)) for each, body in self.raw()]

    def stop(self) -> None:
        self.server.kill()

    def start(self) -> None:
        self.server.start()
        wait_until(self._has_booted, 60, "the broker's virtual host")

    def _has_booted(self) -> bool:
        try:
            self.channel().connection.close()
        except pika.exceptions.AMQPError:
            return False
        return True

    def close(self) -> None:
        self.rabbitmq.close()


def message(number: int = 1, priority: int = 0, routing_key: str = KEY, **body: object) -> Outgoing:
    return Outgoing(f"id-{number}", routing_key, priority, {"studyUID": f"1.2.{number}", **body})
