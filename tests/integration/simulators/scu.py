"""A client of a simulated PACS: what a test asks, and what it is answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pynetdicom import AE, AllStoragePresentationContexts, build_role, evt
from pynetdicom.association import Association

from tests.simulators.pacs import SimulatedPacs

FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT, EXPLICIT, RLE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"
CT, DX = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1.1"


def identifier(level: str, **keys: Any) -> Dataset:
    """The keys of a request; a UID given as bytes goes out with its padding."""
    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        if isinstance(value, bytes):
            padded = value + b"\0" * (len(value) % 2)
            dataset[keyword] = RawDataElement(Tag(keyword), "UI", len(padded), padded, 0, True, True)
            dataset.set_original_encoding(True, True, "iso8859")  # written as it is
        else:
            setattr(dataset, keyword, value)
    return dataset


@contextmanager
def associated(
    pacs: SimulatedPacs, *abstract_syntaxes: str, timeout: float = 5.0, transfer_syntax: str = IMPLICIT, **options: Any
) -> Iterator[Association]:
    ae = AE("SCU")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = timeout
    for uid in abstract_syntaxes:
        ae.add_requested_context(uid, transfer_syntax)
    association = ae.associate("127.0.0.1", pacs.port, ae_title=pacs.ae_title, **options)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def _status(reply: Dataset) -> int | None:
    return int(reply.Status) if "Status" in reply else None


@dataclass
class Found:
    statuses: list[int | None]
    answers: list[Dataset]

    @property
    def status(self) -> int | None:
        """The final one; None when there was no answer."""
        return self.statuses[-1]

    def values(self, keyword: str) -> list[Any]:
        return [answer.get(keyword) for answer in self.answers]


def find(
    pacs: SimulatedPacs,
    level: str = "STUDY",
    timeout: float = 5.0,
    root: str = FIND,
    transfer_syntax: str = IMPLICIT,
    **keys: Any,
) -> Found:
    keys = {"StudyInstanceUID": ""} | keys if level != "PATIENT" else keys
    with associated(pacs, root, timeout=timeout, transfer_syntax=transfer_syntax) as association:
        replies = list(association.send_c_find(identifier(level, **keys), root))
    statuses = [_status(reply) for reply, _ in replies]
    return Found(statuses, [answer for _, answer in replies if answer is not None])


@dataclass
class Received:
    """A storage SCP with everything that came in, and the responses to the last C-MOVE."""

    port: int = 0
    images: list[Dataset] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    responses: list[Dataset] = field(default_factory=list)

    @property
    def status(self) -> int | None:
        """The final one; None when the association ended without."""
        return _status(self.responses[-1])

    def clear(self) -> None:
        self.images, self.raw, self.responses = [], [], []

    @property
    def numbers(self) -> list[int]:
        return [int(image.InstanceNumber) for image in self.images]


@contextmanager
def receiver() -> Iterator[Received]:
    received = Received()

    def keep(event: evt.Event) -> int:
        received.raw.append(event.encoded_dataset())
        received.images.append(event.dataset)
        return 0

    ae = AE("DESTINATION")
    ae.add_supported_context(VERIFICATION)
    for context in AllStoragePresentationContexts:
        ae.add_supported_context(str(context.abstract_syntax), [IMPLICIT, EXPLICIT, RLE])
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, keep)])
    assert server is not None
    received.port = int(server.server_address[1])
    try:
        yield received
    finally:
        ae.shutdown()


def move(pacs: SimulatedPacs, received: Received, level: str = "STUDY", timeout: float = 5.0, **uids: Any) -> Received:
    """Move to the receiver; its `responses` are those of this move, its images stay."""
    pacs.moves["DESTINATION"] = ("127.0.0.1", received.port)
    with associated(pacs, MOVE, timeout=timeout) as association:
        replies = association.send_c_move(identifier(level, **uids), "DESTINATION", MOVE)
        received.responses = [status for status, _ in replies]
    return received


def get(pacs: SimulatedPacs, **uids: Any) -> tuple[int | None, list[Dataset]]:
    images: list[Dataset] = []

    def keep(event: evt.Event) -> int:
        images.append(event.dataset)
        return 0

    roles = [build_role(uid, scp_role=True) for uid in (CT, DX)]
    with associated(pacs, GET, CT, DX, ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, keep)]) as association:
        replies = list(association.send_c_get(identifier("STUDY", **uids), GET))
    return _status(replies[-1][0]), images
