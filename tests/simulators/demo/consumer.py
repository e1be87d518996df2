"""What an AI team's consumer gets from the queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika


@dataclass(frozen=True)
class Message:
    """One message with its priority; ``files`` counts what stands in its hand-over folder."""

    priority: int
    body: dict[str, Any]
    files: int


class Consumer:
    """Takes messages one by one, as the broker orders them: highest priority first."""

    def __init__(self, url: str, queue: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._queue = queue

    def take(self) -> Iterator[Message]:
        """All messages that wait now; each is acknowledged when it was read."""
        self._connection.process_data_events(0)
        while True:
            method, properties, body = self._channel.basic_get(self._queue)
            if method is None or properties is None or body is None:
                return
            data = json.loads(body)
            self._channel.basic_ack(method.delivery_tag)
            yield Message(properties.priority or 0, data, sum(1 for _ in Path(data["filepath"]).iterdir()))

    def close(self) -> None:
        self._connection.close()
