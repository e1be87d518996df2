"""RabbitMQ: publisher confirms, ``mandatory``, a durable topology with a dead-letter queue.

One connection, used by one thread.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika
import pika.exceptions

from plugin.domain.study import Outgoing
from plugin.errors import BrokerAwayError, BrokerError

log = logging.getLogger(__name__)

HEARTBEAT = 30
COUNT_SECONDS = 2.0
BLOCKED_TIMEOUT = 30.0
"""Seconds that the broker may refuse to read (memory or disk alarm) before we call it away."""
MAX_PRIORITY = 9
PRECONDITION_FAILED = 406
_AMQP_ERRORS = (pika.exceptions.AMQPError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Topology:
    """What is declared. Each routing key is bound to the queue; rejected messages go to ``<queue>.dead``."""

    exchange: str
    queue: str
    queue_type: str
    routing_keys: frozenset[str]

    @property
    def dead_letter_exchange(self) -> str:
        return f"{self.exchange}.dlx"

    @property
    def dead_letter_queue(self) -> str:
        return f"{self.queue}.dead"

    @property
    def queue_arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {"x-dead-letter-exchange": self.dead_letter_exchange}
        if self.queue_type == "quorum":
            return {**arguments, "x-queue-type": "quorum"}
        return {**arguments, "x-max-priority": MAX_PRIORITY}


class RabbitMQ:
    """The Broker port. Connects when first needed, and again after an error.

    ``url`` is ``amqp://user:password@host/``, or ``amqps://…``: then the broker's certificate is checked against
    ``ca_file``, or the system's authorities. ``ready_messages`` is how many lay in the queue at the last look.
    ``failures`` counts the times in a row that it could not be reached.
    """

    def __init__(self, url: str, topology: Topology, ca_file: Path | None = None) -> None:
        self._url = url
        self._ca_file = ca_file
        self._topology = topology
        self._connection: pika.BlockingConnection | None = None
        self._channel: Any = None
        self._bound: frozenset[str] = frozenset()
        self.failures = 0
        self.ready_messages: int | None = None
        self._counted_at = 0.0
        self._has_warned = False

    def bind(self, routing_keys: Collection[str]) -> None:
        """The routing keys that are to reach the queue; new ones are bound before the next message."""
        self._topology = Topology(
            self._topology.exchange, self._topology.queue, self._topology.queue_type, frozenset(routing_keys)
        )

    def publish(self, message: Outgoing) -> None:
        try:
            channel = self._ready_channel()
            channel.basic_publish(
                self._topology.exchange,
                message.routing_key,
                json.dumps(message.body, ensure_ascii=False).encode(),
                pika.BasicProperties(
                    content_type="application/json",
                    content_encoding="utf-8",
                    delivery_mode=pika.DeliveryMode.Persistent.value,
                    priority=message.priority,
                    message_id=message.message_id,
                    type="pacs-pull.series",
                ),
                mandatory=True,
            )
        except pika.exceptions.UnroutableError as error:
            self._bound = frozenset()  # somebody may have deleted the queue: declared again before the next try
            raise BrokerError(
                f"no queue takes the routing key {message.routing_key!r} of exchange {self._topology.exchange!r}: "
                "bind one, the message waits"
            ) from error
        except pika.exceptions.NackError as error:
            raise BrokerError(f"the broker refused message {message.message_id}") from error
        except _AMQP_ERRORS as error:
            raise self._gone(error) from error

    def idle(self) -> None:
        try:
            self._ready_channel()
            if self._connection is not None:
                self._connection.process_data_events(0)
                self._count()
        except _AMQP_ERRORS as error:
            raise self._gone(error) from error

    def _count(self) -> None:
        """Look now and then how many messages wait in the queue."""
        if time.monotonic() - self._counted_at >= COUNT_SECONDS:
            self._counted_at = time.monotonic()
            declared = self._channel.queue_declare(self._topology.queue, passive=True)
            self.ready_messages = declared.method.message_count

    def close(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._bound = frozenset()
        if connection is not None and connection.is_open:
            try:
                connection.close()
            except _AMQP_ERRORS as error:
                log.debug("RabbitMQ did not say good-bye: %s", _told(error))

    def _gone(self, error: BaseException) -> BrokerAwayError:
        if not self.failures:
            log.error("RabbitMQ is away, messages wait in the record: %s", _told(error))
        self.failures += 1
        self.close()
        return BrokerAwayError(f"RabbitMQ is away: {_told(error)}")

    def _ready_channel(self) -> Any:
        if self._channel is None or not self._channel.is_open:
            self.close()
            self._connect()
        if not self._topology.routing_keys <= self._bound:
            self._declare()
        if self.failures:
            log.warning("RabbitMQ is back")
        self.failures = 0
        return self._channel

    def _connect(self) -> None:
        parameters = pika.URLParameters(self._url)
        if self._url.startswith("amqps://"):
            context = ssl.create_default_context(cafile=self._ca_file)
            parameters.ssl_options = pika.SSLOptions(context, parameters.host)
        parameters.heartbeat = HEARTBEAT
        parameters.blocked_connection_timeout = BLOCKED_TIMEOUT
        parameters.socket_timeout = parameters.stack_timeout = 10
        parameters.client_properties = {"connection_name": "pacs-pull gateway"}
        self._connection = pika.BlockingConnection(parameters)
        self._open_channel()
        self._warn_of_priorities()

    def _warn_of_priorities(self) -> None:
        """Quorum queues order by priority from RabbitMQ 4.3 on (32 strictly); 4.0 to 4.2 know two, 3.x none."""
        if self._topology.queue_type != "quorum" or self._has_warned:
            return
        self._has_warned = True
        properties = getattr(getattr(self._connection, "_impl", None), "server_properties", None) or {}
        version = str(properties.get("version", ""))
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        if numbers < (4, 3):
            known = "two priorities" if numbers >= (4, 0) else "no priorities"
            log.warning("RabbitMQ %s knows %s in a quorum queue: use a classic queue, or 4.3 or later", version, known)

    def _open_channel(self) -> None:
        assert self._connection is not None
        self._channel = self._connection.channel()
        self._channel.confirm_delivery()

    def _declare(self) -> None:
        """Declare exchange, queue, bindings and the dead-letter side; all durable."""
        topology = self._topology
        self._declared("exchange_declare", exchange=topology.dead_letter_exchange, exchange_type="fanout", durable=True)
        dead = {"x-queue-type": "quorum"} if topology.queue_type == "quorum" else {}
        self._declared("queue_declare", queue=topology.dead_letter_queue, durable=True, arguments=dead)
        self._declared("queue_bind", queue=topology.dead_letter_queue, exchange=topology.dead_letter_exchange)
        self._declared("exchange_declare", exchange=topology.exchange, exchange_type="direct", durable=True)
        self._declared("queue_declare", queue=topology.queue, durable=True, arguments=topology.queue_arguments)
        for routing_key in sorted(topology.routing_keys):
            self._declared("queue_bind", queue=topology.queue, exchange=topology.exchange, routing_key=routing_key)
        self._bound = topology.routing_keys

    def _declared(self, method: str, **what: Any) -> None:
        """Declare one thing; one that exists with other arguments is used as it is, and told in plain words."""
        try:
            getattr(self._channel, method)(**what)
        except pika.exceptions.ChannelClosedByBroker as error:
            if error.reply_code != PRECONDITION_FAILED:
                raise
            name = what.get("queue") or what.get("exchange")
            log.error(
                "%r exists on the broker with other arguments than ours and is used as it is; priorities or dead "
                "letters may not work. Delete it when empty, or set another name. The broker says: %s",
                name,
                error.reply_text,
            )
            self._open_channel()


def _told(error: BaseException) -> str:
    """What the error says; pika's own errors often have no text."""
    return str(error) or type(error).__name__
