"""The composition root: settings -> adapters -> pipeline -> workers. The only file that knows every class."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from filters import RulesError, RulesFile
from plugin import configuration
from plugin.adapters.clock import SystemClock
from plugin.adapters.databases import open_record
from plugin.adapters.dicomweb_source import DicomWebSource
from plugin.adapters.dimse_source import DimseSource
from plugin.adapters.disk import free_bytes
from plugin.adapters.document import to_document
from plugin.adapters.hand_over import HandOverFolder
from plugin.adapters.orthanc_rest import Loopback, Sdk
from plugin.adapters.orthanc_store import OrthancStore
from plugin.adapters.rabbitmq import RabbitMQ, Topology
from plugin.callbacks import EventQueue
from plugin.domain.stability import StabilityRule
from plugin.domain.study import Step
from plugin.errors import ConfigError
from plugin.logs import open_log
from plugin.pipeline.clean import Clean
from plugin.pipeline.decide import Decide
from plugin.pipeline.deliver import Deliver, DeliveryPolicy
from plugin.pipeline.driver import Driver, StepFunction
from plugin.pipeline.find import Find
from plugin.pipeline.gate import Gate, Limits
from plugin.pipeline.health import Health
from plugin.pipeline.pace import Manners, Pace, PacedSource
from plugin.pipeline.probe import Probe
from plugin.pipeline.publish import Publish
from plugin.pipeline.pull import Pull, PullSource, Slots
from plugin.pipeline.receive import Receive
from plugin.pipeline.reconcile import Reconcile
from plugin.pipeline.request import Request
from plugin.pipeline.retain import Retain, Retention
from plugin.pipeline.select import Select
from plugin.pipeline.shadow import Shadow
from plugin.pipeline.take_over import TakeOver
from plugin.pipeline.verify import Verify
from plugin.ports import Source
from plugin.settings import Settings, SourceSettings
from plugin.supervisor import Supervisor
from plugin.web.routes import Gateway, register
from plugin.workers import Crew, Workers

log = logging.getLogger(__name__)

STOP_SECONDS = 10.0


def start(orthanc: Any, root: Path) -> list[Callable[..., None]]:
    """Called once, while Orthanc loads the plugin. ``orthanc`` is the SDK module; ``root`` the repository.

    Returns the registered callbacks, to be kept: Orthanc's Python plugin 7.1 crashes at the stop where its own
    reference to one of them is the last.

    :raises ConfigError: with every problem; Orthanc then exits.
    """
    settings = _settings(orthanc, root)
    rules = _rules(settings, "FiltersFile", settings.filters_file)
    shadow_file = settings.shadow_filters_file
    shadow = None if shadow_file is None else Shadow(_rules(settings, "ShadowFiltersFile", shadow_file))
    log_file = settings.path(settings.log.file)
    try:
        open_log(log_file, settings.log.level, settings.log.max_bytes, settings.log.backup_count, orthanc.LogWarning)
    except OSError as error:
        raise ConfigError(
            [f"PacsPull.Log.File: expected a file that can be written, found {log_file} ({error.strerror})"]
        ) from error
    house = _House(orthanc, settings, rules, shadow)
    on_change = house.on_change
    orthanc.RegisterOnChangeCallback(on_change)
    return [on_change, *register(orthanc, house.gateway)]


def _settings(orthanc: Any, root: Path) -> Settings:
    return configuration.load(json.loads(orthanc.GetConfiguration()), os.environ, root)


def _rules(settings: Settings, key: str, file: Path) -> RulesFile:
    try:
        return RulesFile(settings.path(file))
    except RulesError as error:
        raise ConfigError([f"PacsPull.{key}: {problem}" for problem in error.problems]) from error


@dataclass(frozen=True, slots=True)
class _Orthanc:
    """What we need to know of the Orthanc that we live in."""

    url: str
    ae_title: str
    storage: Path
    name: str
    stable_seconds: float

    @classmethod
    def of(cls, orthanc_configuration: Mapping[str, Any]) -> _Orthanc:
        port = orthanc_configuration.get("HttpPort", 8042)
        scheme = "https" if orthanc_configuration.get("SslEnabled") else "http"
        return cls(
            url=f"{scheme}://127.0.0.1:{port}",
            ae_title=orthanc_configuration.get("DicomAet", "ORTHANC"),
            storage=Path(orthanc_configuration.get("StorageDirectory", "OrthancStorage")).absolute(),
            name=f"{socket.gethostname()}/{port}",
            stable_seconds=float(orthanc_configuration.get("StableAge", 60)),
        )


class _House:
    """Everything, put together and not yet running."""

    def __init__(self, orthanc: Any, settings: Settings, rules: RulesFile, shadow: Shadow | None) -> None:
        me = _Orthanc.of(json.loads(orthanc.GetConfiguration()))
        http = Loopback(me.url, orthanc.GenerateRestApiAuthorizationToken())
        record = open_record(settings.database.url.get_secret_value(), settings.path(Path()))
        clock, set_sources = SystemClock(), settings.sources
        paces = {alias: Pace(manners(source), clock) for alias, source in set_sources.items()}
        sources: dict[str, Source] = {
            alias: PacedSource(open_source(alias, source, http, me.ae_title), paces[alias])
            for alias, source in set_sources.items()
        }
        store = OrthancStore(Sdk(orthanc), http, me.storage)
        hand_over = HandOverFolder(settings.path(settings.store_image_directory), store)
        broker = open_broker(settings, rules)
        health = Health(sources)
        slots = Slots({alias: source.max_concurrent_retrieves for alias, source in set_sources.items()})
        pull_sources = {
            alias: pull_source(sources[alias], source, paces[alias]) for alias, source in set_sources.items()
        }
        policy = DeliveryPolicy(settings.max_repulls, settings.resend_only_thicker_series)
        verify, select = Verify(sources, health), Select(store, hand_over, shadow)
        steps: dict[Step, StepFunction] = {
            Step.PULL: Pull(pull_sources, slots, health, store, rules, clock),
            Step.DELIVER: Deliver(verify, select, store, hand_over, rules, clock, policy),
            Step.PUBLISH: Publish(broker, clock),
            Step.CLEAN: Clean(store, clock, settings.delete_after_send),
        }
        receive = Receive(record, store, clock, settings.push_priority, me.name, settings.delete_after_send)
        self._changes = orthanc.ChangeType
        self._events = EventQueue(orthanc.ChangeType.NEW_STUDY, orthanc.ChangeType.STABLE_STUDY)
        self._supervisor = Supervisor()
        gate = Gate(
            [me.storage, settings.path(settings.store_image_directory)],
            Limits(settings.min_free_disk_megabytes * 10**6, settings.rabbitmq.max_queued_messages),
            free_bytes,
            lambda: broker.ready_messages,
        )
        crew = Crew(
            owner=me.name,
            record=record,
            clock=clock,
            rules=rules,
            driver=Driver(record, clock, me.name, steps),
            health=health,
            slots=slots,
            paces=paces,
            gate=gate,
            broker=broker,
            events=self._events,
            receive=receive,
            take_over=TakeOver(record, store, clock, me.name, sources),
            reconcile=Reconcile(record, store, receive, clock, sources),
            retain=Retain(hand_over, record, clock, retention(settings)),
            finds={
                alias: Find(
                    sources[alias], record, rules, clock, source.cross_days, stability_rule(source), source.max_answers
                )
                for alias, source in set_sources.items()
            },
            stable_seconds=me.stable_seconds,
        )
        workers = Workers(crew, set_sources, self._supervisor)
        request = Request(sources, record, health, clock, lambda: workers.wake(Step.PULL))
        decide = Decide(record, store, hand_over, clock)
        self.gateway = Gateway(
            record,
            request,
            decide,
            health,
            to_document,
            lambda: {
                "rabbitMQ": {"up": broker.failures == 0, "readyMessages": broker.ready_messages},
                "pulling": gate.report(),
                "workers": self._supervisor.report(),
            },
            shadow,
            Probe(sources, clock),
        )

    def on_change(self, change_type: int, level: int, resource_id: str) -> None:
        """Orthanc's OnChange callback."""
        if change_type == self._changes.ORTHANC_STARTED:
            self._supervisor.start()
            log.info("PACS Pull has started")
        elif change_type == self._changes.ORTHANC_STOPPED:
            log.info("PACS Pull stops")
            self._supervisor.stop(STOP_SECONDS)
        else:
            self._events.on_change(change_type, resource_id)


def topology(settings: Settings, rules: RulesFile) -> Topology:
    """The exchange and queue of the settings, with the routing keys of the rules."""
    rabbitmq = settings.rabbitmq
    keys = frozenset(task.routing_key for task in rules.current().tasks)
    return Topology(rabbitmq.exchange, rabbitmq.queue, rabbitmq.queue_type, keys)


def open_broker(settings: Settings, rules: RulesFile) -> RabbitMQ:
    """The broker that ``RabbitMQ`` names; not connected yet."""
    ca_file = settings.rabbitmq.ca_file
    url = settings.rabbitmq.url.get_secret_value()
    return RabbitMQ(url, topology(settings, rules), None if ca_file is None else settings.path(ca_file))


def retention(settings: Settings) -> Retention:
    """How long hand-over folders and records are kept."""
    days = settings.record_retention_days
    return Retention(timedelta(hours=settings.store_image_retention_hours), timedelta(days=days) if days else None)


def stability_rule(source: SourceSettings) -> StabilityRule:
    return StabilityRule(source.stability == "Count", timedelta(seconds=source.delay_seconds))


def open_source(alias: str, settings: SourceSettings, http: Loopback, ae_title: str) -> Source:
    """The source by its protocol."""
    if settings.protocol == "DIMSE":
        return DimseSource(alias, http, ae_title, settings.timeout_seconds, settings.retrieve_method == "C-GET")
    return DicomWebSource(alias, settings.url, authorization(settings), settings.timeout_seconds, http)


def authorization(settings: SourceSettings) -> str:
    """The Authorization header of a DICOMweb source (RFC 7617, RFC 6750); empty where it asks for none."""
    if token := settings.token.get_secret_value():
        return f"Bearer {token}"
    if not settings.username:
        return ""
    pair = f"{settings.username}:{settings.password.get_secret_value()}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def manners(settings: SourceSettings) -> Manners:
    """How politely a source is treated."""
    return Manners(settings.min_seconds_between_operations, settings.max_images_per_minute, tuple(settings.quiet_hours))


def pull_source(source: Source, settings: SourceSettings, pace: Pace) -> PullSource:
    is_series_level = settings.query_level == "Series"
    return PullSource(source, is_series_level, settings.max_concurrent_retrieves, settings.max_tries, pace)
