"""After a fault: is every wanted study delivered, each revision under one message_id, nothing deleted early?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.hospital import Hospital
from tests.integration.site import Message
from tests.simulators.process import wait_until

Wanted = Mapping[str, int]
"""The number of images in the last delivery of each study, by StudyInstanceUID; 0: never delivered."""


@dataclass(frozen=True)
class Verdict:
    """What was tried and what came of it; adds up. A check that fails counts as a loss until a person has looked."""

    faults: int = 0
    deliveries: int = 0
    repeats: int = 0
    losses: int = 0

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.faults + other.faults,
            self.deliveries + other.deliveries,
            self.repeats + other.repeats,
            self.losses + other.losses,
        )


class Tally:
    """The verdicts of a whole session, by kind of fault."""

    def __init__(self) -> None:
        self.rows: dict[str, Verdict] = {}

    def add(self, kind: str, verdict: Verdict) -> None:
        self.rows[kind] = self.rows.get(kind, Verdict()) + verdict

    def table(self) -> list[str]:
        """The summary, line by line."""
        total = sum(self.rows.values(), Verdict())
        width = max(len(kind) for kind in (*self.rows, "all"))
        lines = [f"{'fault':{width}}  faults  deliveries  repeats  losses"]
        for kind, one in (*sorted(self.rows.items()), ("all", total)):
            lines.append(f"{kind:{width}}  {one.faults:6}  {one.deliveries:10}  {one.repeats:7}  {one.losses:6}")
        return lines


def check(site: Hospital, wanted: Wanted, faults: int = 1, taken: Sequence[Message] = ()) -> Verdict:
    """Fails where something is lost, doubled, deleted early or left behind; the studies must have settled.

    ``taken`` are the messages that the test has taken out of the queue already.
    """
    records = {uid: site.gateway.record(uid) for uid in wanted}
    promised: set[str] = set()
    for uid, record in records.items():
        assert record is not None, f"{uid} has no record"
        assert record["state"] in ("pull_data_end", "unsupported_series", "completed"), (record["state"], uid)
        assert (record["nextStep"], record["outbox"]) == (None, [])
        promised |= {delivery["messageId"] for delivery in record["deliveries"]}
    messages = [*taken, *_received(site, promised - {message.message_id for message in taken})]
    _check_identities(messages, promised)
    for uid, number in wanted.items():
        _check_study(uid, number, records[uid] or {}, [one for one in messages if one.body["studyUID"] == uid])
    _check_deletions(site.journal(), {one["seriesUID"] for message in messages for one in message.body["series"]})
    wait_until(lambda: site.gateway.get("/instances") == [], 20, "the gateway to be empty")
    assert "Traceback" not in site.gateway.python_log()
    return Verdict(faults, len(promised), len(messages) - len(promised))


def _received(site: Hospital, promised: set[str]) -> list[Message]:
    """What is in the queue, once all that the record says is confirmed is there."""
    messages: list[Message] = []

    def has_all() -> bool:
        messages.extend(site.received())
        return promised <= {message.message_id for message in messages}

    wait_until(has_all, 20, f"{len(promised)} confirmed messages in the queue", every=0.2)
    return messages


def _check_identities(messages: Sequence[Message], promised: set[str]) -> None:
    """A message_id stands for one delivery that the record knows, with one content; each revision has one."""
    bodies: dict[str, Any] = {}
    revisions: dict[tuple[str, int], str] = {}
    for message in messages:
        assert message.message_id in promised, f"nobody knows of {message}"
        assert bodies.setdefault(message.message_id, message.body) == message.body
        key = message.body["studyUID"], message.body["revision"]
        assert revisions.setdefault(key, message.message_id) == message.message_id, key
    assert set(bodies) == promised


def _check_study(uid: str, number: int, record: Mapping[str, Any], messages: Sequence[Message]) -> None:
    if not number:
        assert not messages, f"{uid} was not wanted"
        return
    revisions = sorted({message.body["revision"] for message in messages})
    assert revisions == list(range(1, len(revisions) + 1)) != [], f"{uid}: revisions {revisions}"
    last = max(messages, key=lambda message: int(message.body["revision"])).body
    assert last["numberReceived"] == number, (uid, last["numberReceived"], number)
    assert last["complete"] is (None if last["numberInPacs"] is None and not record["sources"] else True)
    if record["state"] != "completed":
        assert len(list(Path(last["filepath"]).iterdir())) == number
    assert not list(Path(last["filepath"]).parent.glob(".part-*")), "a folder was left half written"


def _check_deletions(journal: Path, delivered: set[str]) -> None:
    """Images of a series that was ever delivered left Orthanc only when a message with them had been confirmed."""
    confirmed: dict[str, int] = {}
    for line in journal.read_text().splitlines() if journal.exists() else []:
        entry = json.loads(line)
        for series, number in entry["numbers"].items():
            if "confirmed" in entry:
                confirmed[series] = max(number, confirmed.get(series, 0))
            elif series in delivered:
                assert confirmed.get(series, 0) >= number, f"{series} was deleted before its confirm"
