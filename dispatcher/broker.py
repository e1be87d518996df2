"""RabbitMQ: one connection, used by one thread (pika's objects are not safe with more)."""

import copy
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Self

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosed, ChannelClosedByBroker, NackError, UnroutableError

from dispatcher.errors import BrokerError, BurialError
from dispatcher.jobs import Letter
from dispatcher.settings import RabbitMQSettings

BLOCKED_SECONDS = 60
SOCKET_SECONDS = 5
STACK_SECONDS = 10
LONGEST_REASON = 1000
NOT_FOUND = 404


class Broker:
    """An open connection. Every method raises `BrokerError` when it is gone; then build a new one."""

    def __init__(self, settings: RabbitMQSettings) -> None:
        self._settings = settings
        self._is_cancelled = False
        self._publisher: BlockingChannel | None = None
        with _mapped():
            self._connection = pika.BlockingConnection(_parameters(settings))
            self._channel = self._connection.channel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(AMQPError):
            self._connection.close()

    def has_queue(self) -> bool:
        """Whether the queue is there; it is declared by the gateway, never by us."""
        with _mapped():
            try:
                self._channel.queue_declare(self._settings.queue, passive=True)
            except ChannelClosedByBroker as error:
                if error.reply_code != NOT_FOUND:
                    raise
                self._channel = self._connection.channel()
                return False
        return True

    def consume(self, prefetch: int, on_letter: Callable[[Letter], None]) -> None:
        """Have messages handed to `on_letter` during `poll`."""

        def deliver(_: BlockingChannel, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
            on_letter(Letter(body, properties, [method.delivery_tag]))

        with _mapped():
            self._channel.basic_qos(prefetch_count=prefetch)
            self._channel.add_on_cancel_callback(self._cancelled)
            self._channel.basic_consume(self._settings.queue, deliver, auto_ack=False)

    def _cancelled(self, _: Any) -> None:
        self._is_cancelled = True

    def poll(self, seconds: float) -> None:
        """Serve heartbeats and hand out messages for at most that long; sooner after `wake` or a message."""
        with _mapped():
            self._connection.process_data_events(time_limit=seconds)
        if self._is_cancelled:
            raise BrokerError("the broker cancelled the consumer (was the queue deleted?)")
        if not self._channel.is_open:
            raise BrokerError("the broker closed the channel (a message unacknowledged for longer than it allows?)")

    def wake(self) -> None:
        """End a `poll` early; the one method for other threads."""
        with suppress(AMQPError):  # the connection is closed: its own thread finds out by itself
            self._connection.add_callback_threadsafe(lambda: None)

    def stop_consuming(self) -> None:
        """Take no more messages; those that were not handed out yet go back."""
        with _mapped():
            for tag in self._channel.consumer_tags:
                self._channel.basic_cancel(tag)

    def acknowledge(self, tags: Sequence[int]) -> None:
        """These deliveries are done with."""
        with _mapped():
            for tag in tags:
                self._channel.basic_ack(tag)

    def bury(self, letter: Letter, reason: str, tries: int) -> None:
        """Publish the letter to the dead-letter exchange with the reason in its headers; returns when it is confirmed.

        :raises BurialError: not possible now.
        """
        with _mapped():
            try:
                if self._publisher is None:
                    self._publisher = self._connection.channel()
                    self._publisher.confirm_delivery()
                self._publisher.basic_publish(
                    self._settings.dead_letter_exchange,
                    self._settings.queue,
                    letter.body,
                    _dead(letter.properties, reason, tries, self._settings.queue),
                    mandatory=True,
                )
            except UnroutableError as error:
                raise BurialError(f"no queue is bound to exchange {self._settings.dead_letter_exchange}") from error
            except NackError as error:
                raise BurialError("the broker refused the dead letter") from error
            except ChannelClosed as error:
                self._publisher = None
                raise BurialError(f"the broker says {error.reply_code} {error.reply_text}") from error


def _parameters(settings: RabbitMQSettings) -> list[pika.URLParameters]:
    """One set of parameters a node; they are tried in this order."""
    nodes = []
    for url in settings.url.get_secret_value().split():
        node = pika.URLParameters(url)
        node.heartbeat = settings.heartbeat_seconds
        node.blocked_connection_timeout = BLOCKED_SECONDS
        node.socket_timeout = SOCKET_SECONDS
        node.stack_timeout = STACK_SECONDS
        node.client_properties = {"connection_name": "PACS Pull dispatcher"}
        if settings.ca_file is not None and url.startswith("amqps"):
            node.ssl_options = pika.SSLOptions(ssl.create_default_context(cafile=str(settings.ca_file)), node.host)
        nodes.append(node)
    return nodes


def _dead(properties: pika.BasicProperties, reason: str, tries: int, queue: str) -> pika.BasicProperties:
    """The properties of a dead letter: the old ones, and why, when, after how many tries and from where."""
    dead = copy.copy(properties)
    kept = {name: value for name, value in (properties.headers or {}).items() if name not in ("CC", "BCC")}
    dead.headers = kept | {
        "dead-letter-reason": reason[:LONGEST_REASON],
        "dead-letter-at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dead-letter-tries": tries,
        "dead-letter-queue": queue,
    }
    dead.delivery_mode = pika.DeliveryMode.Persistent.value
    dead.expiration = None  # a dead letter waits for a person
    dead.user_id = None  # the broker refuses a user_id that is not ours
    return dead


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except AMQPError as error:
        raise BrokerError(_told(error)) from error
    except OSError as error:  # TLS files, and sockets where pika lets them through
        raise BrokerError(f"{type(error).__name__}: {error.strerror or 'connection failed'}") from error


def _told(error: BaseException) -> str:
    """pika wraps the interesting error in others: the innermost one's name and text."""
    inner: Any = error
    while True:
        candidates = [inner.__cause__, getattr(inner, "exception", None), *getattr(inner, "args", ())]
        deeper = next((each for each in candidates if isinstance(each, BaseException) and each is not inner), None)
        if deeper is None:
            return f"{type(inner).__name__} {inner}".strip()
        inner = deeper
