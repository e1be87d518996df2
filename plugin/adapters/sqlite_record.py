"""The record in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plugin.adapters.document import iso
from plugin.adapters.sqlite_schema import listed, prepare, read, write
from plugin.domain.priority import FAR_AHEAD, ageing
from plugin.domain.study import SETTLED, Lease, State, Step, Study
from plugin.errors import RecordError
from plugin.ports import Change

COLUMNS = {
    "study_instance_uid": "studyInstanceUID",
    "accession_number": "accessionNumber",
    "patient_id": "patientID",
    "study_date": "studyDate",
    "state": "state",
}
DOC = "SELECT doc FROM study_info_list"
NAMES = "SELECT studyInstanceUID FROM study_info_list"
FREE = "(dueAt <= :at OR dueAt > :far) AND (leaseUntil <= :at OR leaseUntil > :far) AND holder IN ('', :owner)"
"""A time further ahead than any back-off or lease comes of a clock that jumped: it counts as past."""
AGE = f"""
UPDATE study_info_list SET rank = :rank,
    doc = json_set(doc, '$.rank', :rank, '$.version', json_extract(doc, '$.version') + 1)
WHERE nextStep = '{Step.PULL}' AND rank < :rank AND priority = :priority AND queuedAt <= :queued
"""
LEASE = """
UPDATE study_info_list SET leaseOwner = :next, leaseUntil = :until,
    doc = json_set(doc, '$.lease', json(:lease), '$.version', json_extract(doc, '$.version') + 1)
WHERE leaseOwner = :owner
"""
MOST = 100
PAGE = 500


class SqliteRecord:
    """The Record port on SQLite: one connection, one lock, WAL, and an fsync a commit (a power cut loses nothing)."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def get(self, study_instance_uid: str) -> Study | None:
        rows = self._read(f"{DOC} WHERE studyInstanceUID = ?", [study_instance_uid])
        return read(rows[0][0]) if rows else None

    def insert(self, study: Study) -> bool:
        with self._transaction() as connection:
            if _one(connection, study.study_instance_uid) is not None:
                return False
            write(connection, study)
            return True

    def update(self, study_instance_uid: str, change: Change) -> Study | None:
        with self._transaction() as connection:
            before = _one(connection, study_instance_uid)
            if before is None:
                return None
            after = change(before)
            if after == before:
                return before
            after = replace(after, version=before.version + 1)
            write(connection, after)
            return after

    def claim(
        self, step: Step, lease: Lease, now: datetime, sources: Collection[str] | None = None, lowest_rank: int = 0
    ) -> Study | None:
        where = f"nextStep = :step AND rank >= :lowest AND {FREE}"
        given = {**_times(now), "step": str(step), "owner": lease.owner, "lowest": lowest_rank}
        if sources is not None:
            names = {f"source{place}": listed([alias]) for place, alias in enumerate(sources)}
            either = " OR ".join(f"instr(sources, :{name})" for name in names)
            where += f" AND ({either})" if names else " AND sources = ''"
            given |= names
        question = f"{DOC} WHERE {where} ORDER BY rank DESC, examinedAt LIMIT 1"
        if not self._read(question, given):
            return None
        with self._transaction() as connection:
            row = connection.execute(question, given).fetchone()
            if row is None:
                return None
            study = read(row[0])
            study = replace(study, lease=lease, holder=lease.owner, version=study.version + 1)
            write(connection, study)
            return study

    def find(self, **equals: str) -> list[Study]:
        where = " AND ".join(f"{COLUMNS[name]} = ?" for name in equals) or "1"
        rows = self._read(f"{DOC} WHERE {where} ORDER BY examinedAt DESC LIMIT {MOST}", list(equals.values()))
        return [read(row[0]) for row in rows]

    def number_of(self, study_date: str | None = None) -> dict[str, int]:
        where, given = ("WHERE studyDate = ?", [study_date]) if study_date is not None else ("", [])
        return dict(self._read(f"SELECT state, COUNT(*) FROM study_info_list {where} GROUP BY state", given))

    def forget(self, before: str) -> int:
        states = ", ".join(f"'{state}'" for state in sorted(SETTLED))
        old = "studyDate < ? AND studyDate != '' AND nextStep IS NULL"
        with self._transaction() as connection:
            done = connection.execute(f"DELETE FROM study_info_list WHERE {old} AND state IN ({states})", (before,))
            return done.rowcount

    def in_state(self, state: State) -> list[str]:
        return self._names("state = ?", [str(state)])

    def waiting(self, step: Step) -> list[str]:
        return self._names("nextStep = ?", [str(step)])

    def number_waiting(self, step: Step) -> int:
        ((number,),) = self._read("SELECT COUNT(*) FROM study_info_list WHERE nextStep = ?", [str(step)])
        return int(number)

    def held_elsewhere(self, gateways: Collection[str]) -> list[str]:
        marks = ", ".join("?" * len(gateways))
        return self._names(f"holder != '' AND holder NOT IN ({marks})", list(gateways))

    def renew(self, lease: Lease, studies: Collection[str]) -> None:
        if not studies:
            return
        with self._transaction() as connection:
            for uid in studies:
                connection.execute(f"{LEASE} AND studyInstanceUID = :uid", {**_leased(lease.owner, lease), "uid": uid})

    def release(self, owner: str) -> int:
        with self._transaction() as connection:
            return connection.execute(LEASE, _leased(owner, None)).rowcount

    def age(self, now: datetime) -> None:
        with self._transaction() as connection:
            for rank, queued in ageing(now):
                for priority, at in queued.items():
                    connection.execute(AGE, {"rank": rank, "priority": priority, "queued": at.timestamp()})

    def hold(self, name: str, lease: Lease, now: datetime) -> bool:
        question = (
            "INSERT INTO leases VALUES (:name, :owner, :until) ON CONFLICT (name) DO UPDATE SET owner = :owner, "
            "until = :until WHERE owner = :owner OR until <= :at OR until > :far"
        )
        given = {**_times(now), "name": name, "owner": lease.owner, "until": lease.until.timestamp()}
        with self._transaction() as connection:
            return connection.execute(question, given).rowcount > 0

    def leases(self) -> dict[str, Lease]:
        rows = self._read("SELECT name, owner, until FROM leases", [])
        return {name: Lease(owner, datetime.fromtimestamp(until, UTC)) for name, owner, until in rows}

    def all(self) -> Iterator[Study]:
        last = ""
        while rows := self._read(f"{DOC} WHERE studyInstanceUID > ? ORDER BY studyInstanceUID LIMIT {PAGE}", [last]):
            studies = [read(row[0]) for row in rows]
            yield from studies
            last = studies[-1].study_instance_uid

    def put(self, studies: Sequence[Study]) -> None:
        with self._transaction() as connection:
            for study in studies:
                write(connection, study)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _names(self, where: str, given: list[Any]) -> list[str]:
        return [row[0] for row in self._read(f"{NAMES} WHERE {where}", given)]

    def _read(self, question: str, given: list[Any] | dict[str, Any]) -> list[Any]:
        with self._lock, _mapped(self._file):
            return self._open().execute(question, given).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _mapped(self._file):
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    connection.execute("ROLLBACK")
                raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._file, timeout=30, isolation_level=None, check_same_thread=False)
            try:
                prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection


@contextmanager
def _mapped(file: Path) -> Iterator[None]:
    """Errors of SQLite and of the file system as ours."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise RecordError(f"the record {file} cannot be used: {error}") from error


def _one(connection: sqlite3.Connection, study_instance_uid: str) -> Study | None:
    row = connection.execute(f"{DOC} WHERE studyInstanceUID = ?", [study_instance_uid]).fetchone()
    return None if row is None else read(row[0])


def _times(now: datetime) -> dict[str, Any]:
    return {"at": now.timestamp(), "far": (now + FAR_AHEAD).timestamp()}


def _leased(owner: str, lease: Lease | None) -> dict[str, Any]:
    """Parameters that put ``lease`` in the place of the owner's."""
    if lease is None:
        return {"owner": owner, "next": None, "until": 0.0, "lease": "null"}
    document = json.dumps({"owner": lease.owner, "until": iso(lease.until)})
    return {"owner": owner, "next": lease.owner, "until": lease.until.timestamp(), "lease": document}
