"""What a simulated PACS was asked for and what it sent: for tests to assert on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.simulators.pacs.matching import Values


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Query:
    """One C-FIND. `keys` has every key of the identifier; no values means universal matching."""

    level: str
    keys: Mapping[str, Values]
    calling_ae_title: str
    asked_at: datetime = field(default_factory=_now)
    answers: int = 0
    status: int | None = None  # None: not answered to its end


@dataclass
class Retrieve:
    """One C-MOVE (with destination) or C-GET (without)."""

    level: str
    uids: Mapping[str, Values]  # by unique key: StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID, PatientID
    destination: str | None
    calling_ae_title: str
    asked_at: datetime = field(default_factory=_now)
    sent: list[str] = field(default_factory=list)  # SOPInstanceUIDs, in order, duplicates too
    bytes_sent: int = 0  # sizes of the files
    has_ended: bool = False


@dataclass
class Requests:
    """Everything since the start, or since `clear`."""

    queries: list[Query] = field(default_factory=list)
    retrieves: list[Retrieve] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)  # SOPInstanceUIDs pushed into the PACS
    echoes: int = 0

    @property
    def moves(self) -> list[Retrieve]:
        return [one for one in self.retrieves if one.destination is not None]

    @property
    def gets(self) -> list[Retrieve]:
        return [one for one in self.retrieves if one.destination is None]

    @property
    def sent(self) -> list[str]:
        """SOPInstanceUIDs of every image sent."""
        return [uid for one in self.retrieves for uid in one.sent]

    @property
    def bytes_sent(self) -> int:
        return sum(one.bytes_sent for one in self.retrieves)

    def clear(self) -> None:
        self.queries, self.retrieves, self.stored, self.echoes = [], [], [], 0
