"""What a simulated PACS does with each request. Every handler runs on the thread of its association."""

import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association

from tests.simulators.pacs.answers import DOES_NOT_MATCH_SOP_CLASS, answers, matched, refusal
from tests.simulators.pacs.archive import LEVELS, Archive, Instance
from tests.simulators.pacs.faults import Faults
from tests.simulators.pacs.matching import keys_of
from tests.simulators.pacs.requests import Query, Requests, Retrieve
from tests.simulators.pacs.retrieving import (
    PENDING,
    SUCCESS,
    Plan,
    contexts_of,
    failed_list,
    faults_of,
    plan,
    sought,
    uids_of,
)

CANCELLED = 0xFE00
LOCAL_LIMIT_EXCEEDED = (0x02, 0x03, 0x02)  # transient, by the presentation service (PS3.8 9.3.4)
Answer = tuple[int, Dataset | None]


class Handlers:
    """The services, on what the PACS holds and with the faults that it has at the moment of the request."""

    def __init__(self, folder: Path | None, moves: Mapping[str, tuple[str, int]], faults: Faults) -> None:
        self.moves = dict(moves)  # AE title -> host, port
        self.requests = Requests()
        self.archive = Archive()
        self._folder = folder  # for what is pushed; None: kept in memory
        self._faults = faults
        self._ae: AE | None = None  # while running
        self._started_at = time.monotonic()
        self._stopping = threading.Event()
        self._senders: list[threading.Thread] = []
        self._associations: list[Association] = []  # accepted ones
        self._lock = threading.Lock()

    def handlers(self) -> list[evt.EventHandlerType]:
        return [
            (evt.EVT_CONN_OPEN, send_without_delay),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_C_ECHO, self._on_echo),
            (evt.EVT_C_FIND, self._on_find),
            (evt.EVT_C_MOVE, self._on_move),
            (evt.EVT_C_GET, self._on_get),
            (evt.EVT_C_STORE, self._on_store),
        ]

    def _is_visible(self, position: int, instance: Instance) -> bool:
        now, rate = time.monotonic(), self._faults.images_per_second
        has_grown = rate is None or position < 1 + rate * (now - self._started_at)
        return has_grown and instance.visible_at <= now

    def _on_requested(self, event: evt.Event) -> None:
        if self._stay_mute_if("association", event):
            return
        with self._lock:
            self._associations = [one for one in self._associations if _is_open(one)]
            limit = self._faults.max_associations
            is_accepted = limit is None or len(self._associations) < limit
            if is_accepted:
                self._associations.append(event.assoc)
        if not is_accepted:
            event.assoc.acse.send_reject(*LOCAL_LIMIT_EXCEEDED)
            event.assoc.kill()  # waits until the rejection is out

    def _on_echo(self, event: evt.Event) -> int:
        self.requests.echoes += 1
        self._stay_mute_if("echo", event)
        return SUCCESS

    def _on_find(self, event: evt.Event) -> Iterator[Answer]:
        faults, keys = self._faults, keys_of(event.identifier)
        level = str(event.identifier.get("QueryRetrieveLevel", ""))
        query = Query(level, keys, event.assoc.requestor.ae_title)
        self.requests.queries.append(query)
        if self._stay_mute_if("find", event):
            return
        if faults.counts_change:
            faults = replace(faults, count_error=faults.count_error + len(self.requests.queries))
        query.status = refusal(level, keys, faults)
        if query.status is not None:
            yield query.status, None
            return
        rows = matched(self.archive.rows(level, self._is_visible), keys, faults)
        is_implicit_vr = event.context.transfer_syntax == ImplicitVRLittleEndian
        for answer in answers(level, rows, keys, faults, is_implicit_vr):
            if event.is_cancelled or self._stopping.wait(faults.delay_per_answer):
                yield CANCELLED, None
                return
            if query.answers == faults.answer_cap:
                query.status = faults.cap_status
                yield faults.cap_status, None
                return
            query.answers += 1
            yield PENDING, answer
        query.status = SUCCESS

    def _on_move(self, event: evt.Event) -> Iterator[Any]:
        retrieve, faults = self._begin(event, str(event.move_destination).strip())
        if self._stay_mute_if("move", event):
            return
        destination = None if faults.unknown_destination else self.moves.get(retrieve.destination or "")
        if destination is None:
            retrieve.has_ended = True
            yield None, None
            return
        planned = self._plan(retrieve, faults)
        options = {
            "contexts": contexts_of(planned.images),
            "evt_handlers": [(evt.EVT_CONN_OPEN, send_without_delay)],
        }
        yield *destination, options
        if faults.success_before_images is not None:
            self._send_later(faults, retrieve, planned.images, destination)
            yield 0
            return
        yield from self._sub_operations(event, retrieve, planned, faults)

    def _on_get(self, event: evt.Event) -> Iterator[Any]:
        retrieve, faults = self._begin(event, None)
        if not self._stay_mute_if("get", event):
            yield from self._sub_operations(event, retrieve, self._plan(retrieve, faults), faults)

    def _on_store(self, event: evt.Event) -> int:
        sop_instance_uid = str(getattr(event.request, "AffectedSOPInstanceUID", ""))
        if not re.fullmatch(r"[0-9.]+", sop_instance_uid):  # it becomes a file name
            return DOES_NOT_MATCH_SOP_CLASS
        if self._folder is None:
            dataset = event.dataset
            dataset.file_meta = event.file_meta
            self.archive.add(dataset, dataset, len(dataset.get("PixelData", b"")), visible_at=0.0)
        else:
            path = self._folder / "received" / f"{sop_instance_uid}.dcm"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(event.encoded_dataset())
            self.archive.add_file(path, visible_at=0.0)
        self.requests.stored.append(sop_instance_uid)
        return SUCCESS

    # --- retrieving ---

    def _begin(self, event: evt.Event, destination: str | None) -> tuple[Retrieve, Faults]:
        identifier = event.identifier
        level = str(identifier.get("QueryRetrieveLevel", ""))
        retrieve = Retrieve(level, uids_of(keys_of(identifier)), destination, event.assoc.requestor.ae_title)
        earlier = list(self.requests.retrieves)
        self.requests.retrieves.append(retrieve)
        return retrieve, faults_of(self._faults, retrieve, earlier)

    def _plan(self, retrieve: Retrieve, faults: Faults) -> Plan:
        if retrieve.level not in (faults.move_levels or LEVELS):
            return Plan((), 1, DOES_NOT_MATCH_SOP_CLASS, ())
        uids = sought(retrieve.uids, faults)
        return plan(self.archive.instances(uids, self._is_visible) if uids else (), faults)

    def _sub_operations(
        self, event: evt.Event, retrieve: Retrieve, planned: Plan, faults: Faults
    ) -> Iterator[int | Answer]:
        yield planned.announced
        for number, image in enumerate(planned.images):
            if event.is_cancelled:
                yield CANCELLED, failed_list(())
                return
            if number == faults.drop_after_images or self._stopping.wait(faults.delay_per_image):
                event.assoc.abort()
                return
            yield PENDING, image.read()
            _note_sent(retrieve, image)
        retrieve.has_ended = True
        if planned.final_status != SUCCESS:
            yield planned.final_status, failed_list(planned.failed)

    def _send_later(
        self, faults: Faults, retrieve: Retrieve, images: Iterable[Instance], destination: tuple[str, int]
    ) -> None:
        sender = threading.Thread(
            target=self._send, args=(faults, retrieve, images, destination), name="late-images", daemon=True
        )
        self._senders.append(sender)
        sender.start()

    def _send(
        self, faults: Faults, retrieve: Retrieve, images: Iterable[Instance], destination: tuple[str, int]
    ) -> None:
        if self._ae is None or self._stopping.wait(faults.success_before_images or 0.0):
            return
        handlers: list[Any] = [(evt.EVT_CONN_OPEN, send_without_delay)]
        association = self._ae.associate(
            *destination, contexts_of(images), ae_title=retrieve.destination or "", evt_handlers=handlers
        )
        for image in images:
            if not association.is_established or self._stopping.wait(faults.delay_per_image):
                break
            association.send_c_store(image.read())
            _note_sent(retrieve, image)
        retrieve.has_ended = True
        association.release()

    def _stay_mute_if(self, service: str, event: evt.Event) -> bool:
        """Say nothing until the other side gives up or the PACS stops, where `service` is mute."""
        if service not in self._faults.mute:
            return False
        is_aborted, dul = event.assoc.acse.is_aborted, event.assoc.dul
        while dul.is_alive() and not is_aborted() and not self._stopping.wait(0.02):
            pass
        event.assoc.abort()
        return True


def _note_sent(retrieve: Retrieve, image: Instance) -> None:
    retrieve.sent.append(image.sop_instance_uid)
    retrieve.bytes_sent += image.size


def _is_open(association: Association) -> bool:
    has_ended = association.is_released or association.is_aborted or association.is_rejected
    return association.is_alive() and not has_ended


def send_without_delay(event: evt.Event) -> None:
    """Nagle's algorithm and delayed acknowledgements cost 40 ms an image."""
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
