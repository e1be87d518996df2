"""The section ``PacsPull`` of Orthanc's configuration: what may stand in it, its defaults and its units.

Seconds, counts of images and paths are said in the names. Relative paths are relative to the repository root.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_pascal

AMQP = ("amqp://", "amqps://")
QUIET_HOURS = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"
DATABASES = ("sqlite:///", "mongodb://", "mongodb+srv://")


def _not_a_truth_value(value: object) -> object:
    """JSON's true is no number; pydantic would take it for 1."""
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


Seconds = Annotated[float, BeforeValidator(_not_a_truth_value), Field(gt=0, le=30 * 86400, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_not_a_truth_value), Field(ge=0)]
Positive = Annotated[int, BeforeValidator(_not_a_truth_value), Field(ge=1)]
Switch = Annotated[bool, Field(strict=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_pascal, frozen=True)


class SourceSettings(_Section):
    """One PACS; its address stands in Orthanc's ``DicomModalities`` under the same alias, or it has a DICOMweb Url."""

    protocol: Literal["DIMSE", "DICOMweb"] = "DIMSE"
    url: str = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    token: SecretStr = SecretStr("")
    retrieve_method: Literal["C-MOVE", "C-GET"] = "C-MOVE"
    query_level: Literal["Study", "Series"] = "Study"
    poll_interval_seconds: Seconds = 30
    cross_days: tuple[Annotated[int, Field(ge=-365, le=365)], ...] = (0,)
    stability: Literal["Count", "Delay"] = "Count"
    delay_seconds: Seconds = 300
    max_concurrent_retrieves: Annotated[Positive, Field(le=16)] = 1
    max_tries: Positive = 5
    mirror_group: str = ""
    timeout_seconds: Annotated[Seconds, Field(le=3600)] = 60
    max_answers: Count = 0
    min_seconds_between_operations: Annotated[float, BeforeValidator(_not_a_truth_value), Field(ge=0, le=3600)] = 0
    max_images_per_minute: Count = 0
    quiet_hours: tuple[Annotated[str, Field(pattern=QUIET_HOURS)], ...] = ()

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.protocol == "DICOMweb":
            if not self.url.startswith(("http://", "https://")):
                raise ValueError("Url http://… or https://… with Protocol DICOMweb")
            if self.token.get_secret_value() and self.password.get_secret_value():
                raise ValueError("either Token or Username and Password")
        elif self.url or self.username or self.password.get_secret_value() or self.token.get_secret_value():
            raise ValueError('Url, Username, Password and Token only with "Protocol": "DICOMweb"')
        return self

    @field_validator("cross_days")
    @classmethod
    def _some_day(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not days:
            raise ValueError("at least one day, 0 is today")
        return tuple(dict.fromkeys(days))


class DatabaseSettings(_Section):
    """Where the record lives: ``sqlite:///relative``, ``sqlite:////absolute`` or ``mongodb://…``."""

    url: SecretStr = SecretStr("sqlite:///var/pacs-pull.db")

    @field_validator("url")
    @classmethod
    def _known(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if not text.startswith(DATABASES) or text == "sqlite:///":
            raise ValueError("sqlite:///relative/path, sqlite:////absolute/path or mongodb://host/database")
        return url


def _is_amqp(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return url.startswith(AMQP) and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False


class RabbitMQSettings(_Section):
    """The broker and the topology that is declared on it."""

    url: SecretStr = SecretStr("amqp://guest:guest@127.0.0.1:5672/")
    exchange: Annotated[str, Field(min_length=1, max_length=200)] = "pacs-pull"
    queue: Annotated[str, Field(min_length=1, max_length=200)] = "pacs-pull.series"
    queue_type: Literal["classic", "quorum"] = "classic"
    ca_file: Path | None = None
    max_queued_messages: Count = 0

    @field_validator("url")
    @classmethod
    def _amqp(cls, url: SecretStr) -> SecretStr:
        if not _is_amqp(url.get_secret_value()):
            raise ValueError("amqp://user:password@host:port/vhost or amqps://…")
        return url


class LogSettings(_Section):
    """``orthanc-python.log``: rotated at MaxBytes, with BackupCount old files kept."""

    file: Path = Path("var/log/orthanc-python.log")
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    max_bytes: Annotated[Positive, Field(ge=10_000)] = 20_000_000
    backup_count: Count = 20


class Settings(_Section):
    """All of the section ``PacsPull``."""

    sources: dict[str, SourceSettings] = Field(default_factory=dict)
    database: DatabaseSettings = DatabaseSettings()
    rabbitmq: RabbitMQSettings = Field(default=RabbitMQSettings(), alias="RabbitMQ")
    store_image_directory: Path = Path("var/store_image")
    store_image_retention_hours: Seconds = 72
    min_free_disk_megabytes: Count = 1000
    record_retention_days: Count = 0
    delete_after_send: Switch = True
    resend_only_thicker_series: Switch = True
    max_repulls: Count = 3
    push_priority: Annotated[Count, Field(le=9)] = 4
    filters_file: Path = Path("config/filters.toml")
    shadow_filters_file: Path | None = None
    log: LogSettings = LogSettings()
    _root: Path = PrivateAttr(default=Path())

    def below(self, root: Path) -> Self:
        """The same settings, with relative paths taken from ``root``."""
        self._root = root
        return self

    def path(self, path: Path) -> Path:
        """An absolute path for one of the paths above."""
        return self._root.joinpath(path).absolute()
