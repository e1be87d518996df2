"""What may stand in the dispatcher's settings, its defaults and its units.

A TOML or JSON file, overridden by the environment (``PACS_PULL_DISPATCHER__BACKEND__URL``); see ``configuration.py``
and ``config/dispatcher.example.toml``. Seconds, counts and paths are said in the names.
"""

from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, Self

import pika
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

URL_KEYS = ("studyUID", "seriesUID", "task", "modality", "accessionNumber", "patientID", "revision")


def _not_a_truth_value(value: object) -> object:
    """JSON's true is no number; pydantic would take it for 1."""
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


Seconds = Annotated[float, BeforeValidator(_not_a_truth_value), Field(gt=0, le=30 * 86400, allow_inf_nan=False)]
Positive = Annotated[int, BeforeValidator(_not_a_truth_value), Field(ge=1)]
Count = Annotated[int, BeforeValidator(_not_a_truth_value), Field(ge=0)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
HttpStatus = Annotated[int, BeforeValidator(_not_a_truth_value), Field(ge=400, le=599)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _is_http(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("http://host:port/… or https://…")
    return url


class RabbitMQSettings(_Section):
    """Where the queue is. The gateway declares it; the dispatcher waits until it is there.

    ``url``: one AMQP URL, or those of all nodes of a cluster, separated by spaces. ``prefetch``: how many messages the
    broker hands out unacknowledged; 0 means two a worker. The smaller, the sooner an urgent study overtakes others.
    """

    url: SecretStr = SecretStr("amqp://guest:guest@127.0.0.1:5672/")
    queue: Name = "pacs-pull.series"
    dead_letter_exchange: Name = "pacs-pull.dlx"
    prefetch: Annotated[Count, Field(le=1000)] = 0
    heartbeat_seconds: Annotated[Positive, Field(le=600)] = 30
    ca_file: Path | None = None

    @field_validator("url")
    @classmethod
    def _amqp(cls, url: SecretStr) -> SecretStr:
        urls = url.get_secret_value().split()
        expected = "amqp://user:password@host:port/vhost or amqps://…, several separated by spaces"
        if not urls or not all(each.startswith(("amqp://", "amqps://")) for each in urls):
            raise ValueError(expected)
        try:
            for each in urls:
                pika.URLParameters(each)
        except (ValueError, TypeError) as error:
            raise ValueError(expected) from error
        return url


class BackendSettings(_Section):
    """The algorithm back end and how patient we are with it.

    ``url`` may hold ``{studyUID}``, ``{task}`` and other keys of the message. ``mode``: ``json`` posts the message,
    for a back end that sees the hand-over folder; ``multipart`` posts the message and the files. ``max_tries``
    bounds the tries that reached the back end, ``unreachable_seconds`` how long one message waits while nobody listens
    there. ``timeout_seconds`` is the longest wait for an answer once everything is sent.
    """

    url: str
    mode: Literal["json", "multipart"] = "json"
    token: SecretStr | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    ca_file: Path | None = None
    connect_timeout_seconds: Seconds = 10
    timeout_seconds: Seconds = 300
    max_tries: Positive = 5
    first_delay_seconds: Seconds = 2
    max_delay_seconds: Seconds = 60
    unreachable_seconds: Seconds = 1200
    retry_statuses: tuple[HttpStatus, ...] = (408, 425, 429, 500, 502, 503, 504)
    unsupported_statuses: tuple[HttpStatus, ...] = ()

    @field_validator("url")
    @classmethod
    def _template(cls, url: str) -> str:
        _is_http(url)
        try:
            keys = {key for _, key, _, _ in Formatter().parse(url) if key is not None}
        except ValueError as error:
            raise ValueError("a URL with balanced {…}") from error
        if unknown := sorted(keys - set(URL_KEYS)):
            raise ValueError(f"a URL with {{…}} of {', '.join(URL_KEYS)} only, not {{{unknown[0]}}}")
        return url


class GatewaySettings(_Section):
    """Whom to tell that a study is completed or unsupported; without ``url`` nobody is told."""

    url: str = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    ca_file: Path | None = None
    timeout_seconds: Seconds = 10
    max_tries: Positive = 30
    first_delay_seconds: Seconds = 2
    max_delay_seconds: Seconds = 300

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        return _is_http(url).rstrip("/") if url else url


class LedgerSettings(_Section):
    """The SQLite file that remembers what was accepted, so that repeats are dropped."""

    file: Path = Path("var/dispatcher.db")
    keep_days: Annotated[Seconds, Field(le=3650)] = 30


class LogSettings(_Section):
    """``dispatcher.log``: rotated at ``max_bytes``, with ``backup_count`` old files kept."""

    file: Path = Path("var/log/dispatcher.log")
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    max_bytes: Annotated[Positive, Field(ge=10_000)] = 20_000_000
    backup_count: Count = 20


class Settings(_Section):
    """All settings of the dispatcher. ``stop_seconds``: how long a stop waits for posts that are under way."""

    backend: BackendSettings
    rabbitmq: RabbitMQSettings = RabbitMQSettings()
    gateway: GatewaySettings = GatewaySettings()
    ledger: LedgerSettings = LedgerSettings()
    log: LogSettings = LogSettings()
    workers: Annotated[Positive, Field(le=256)] = 4
    stop_seconds: Seconds = 30

    @model_validator(mode="after")
    def _a_slot_each(self) -> Self:
        if 0 < self.rabbitmq.prefetch < self.workers:
            raise ValueError(f"rabbitmq.prefetch of 0, or at least one a worker ({self.workers})")
        return self

    @property
    def prefetch(self) -> int:
        return self.rabbitmq.prefetch or 2 * self.workers
