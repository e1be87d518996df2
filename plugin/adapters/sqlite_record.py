"""The record in one SQLite file: a JSON document a study, with the columns that are searched beside it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from plugin.adapters.document import from_document, to_document
from plugin.domain.priority import LONGEST_DELAY, MANUAL, aged_rank, examined_at
from plugin.domain.study import Lease, State, Step, Study
from plugin.errors import RecordError
from plugin.ports import Change

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE study_info_list (
    studyInstanceUID TEXT PRIMARY KEY,
    accessionNumber TEXT NOT NULL,
    patientID TEXT NOT NULL,
    studyDate TEXT NOT NULL,
    examinedAt TEXT NOT NULL,
    state TEXT NOT NULL,
    nextStep TEXT,
    rank INTEGER NOT NULL,
    dueAt REAL NOT NULL,
    leaseOwner TEXT,
    leaseUntil REAL NOT NULL,
    sources TEXT NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX by_queue ON study_info_list (nextStep, rank DESC, examinedAt) WHERE nextStep IS NOT NULL;
CREATE INDEX by_lease ON study_info_list (leaseOwner) WHERE leaseOwner IS NOT NULL;
CREATE INDEX by_date ON study_info_list (studyDate, state);
CREATE INDEX by_state ON study_info_list (state);
CREATE INDEX by_accession ON study_info_list (accessionNumber);
CREATE INDEX by_patient ON study_info_list (patientID);
"""
COLUMNS = {
    "study_instance_uid": "studyInstanceUID",
    "accession_number": "accessionNumber",
    "patient_id": "patientID",
    "study_date": "studyDate",
    "state": "state",
}
UPSERT = """
INSERT OR REPLACE INTO study_info_list
VALUES (:uid, :accession, :patient, :date, :examined, :state, :step, :rank, :due, :owner, :until, :sources, :doc)
"""
LATEST = LONGEST_DELAY.total_seconds() * 2
"""A time further ahead than any back-off comes of a clock that jumped: it counts as due."""
MOST = 100


class SqliteRecord:
    """The Record port on SQLite: one connection, one lock, WAL, and an fsync a commit (a power cut loses nothing)."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def get(self, study_instance_uid: str) -> Study | None:
        rows = self._read("SELECT doc FROM study_info_list WHERE studyInstanceUID = ?", study_instance_uid)
        return _study(rows[0][0]) if rows else None

    def insert(self, study: Study) -> bool:
        with self._transaction() as connection:
            if connection.execute(
                "SELECT 1 FROM study_info_list WHERE studyInstanceUID = ?", (study.study_instance_uid,)
            ).fetchone():
                return False
            _write(connection, study)
            return True

    def update(self, study_instance_uid: str, change: Change) -> Study | None:
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT doc FROM study_info_list WHERE studyInstanceUID = ?", (study_instance_uid,)
            ).fetchone()
            if row is None:
                return None
            before = _study(row[0])
            after = change(before)
            if after == before:
                return before
            after = replace(after, version=before.version + 1)
            _write(connection, after)
            return after

    def claim(self, step: Step, lease: Lease, now: datetime, sources: Collection[str] | None = None) -> Study | None:
        at = now.timestamp()
        where = "nextStep = ? AND (dueAt <= ? OR dueAt > ?) AND (leaseUntil <= ? OR leaseUntil > ?)"
        given: list[Any] = [str(step), at, at + LATEST, at, at + LATEST]
        if sources is not None:
            where += f" AND ({' OR '.join(['instr(sources, ?)'] * len(sources)) or 'sources = ?'})"
            given += [_listed([alias]) for alias in sources] or [_listed([])]
        question = f"SELECT doc FROM study_info_list WHERE {where} ORDER BY rank DESC, examinedAt LIMIT 1"
        if not self._read(question, *given):
            return None
        with self._transaction() as connection:
            row = connection.execute(question, given).fetchone()
            if row is None:
                return None
            study = _study(row[0])
            study = replace(study, lease=lease, version=study.version + 1)
            _write(connection, study)
            return study

    def find(self, **equals: str) -> list[Study]:
        where = " AND ".join(f"{COLUMNS[name]} = ?" for name in equals) or "1"
        rows = self._read(
            f"SELECT doc FROM study_info_list WHERE {where} ORDER BY examinedAt DESC LIMIT {MOST}", *equals.values()
        )
        return [_study(row[0]) for row in rows]

    def number_of(self, study_date: str | None = None) -> dict[str, int]:
        where, given = ("WHERE studyDate = ?", [study_date]) if study_date is not None else ("", [])
        rows = self._read(f"SELECT state, COUNT(*) FROM study_info_list {where} GROUP BY state", *given)
        return dict(rows)

    def in_state(self, state: State) -> list[str]:
        rows = self._read("SELECT studyInstanceUID FROM study_info_list WHERE state = ?", str(state))
        return [row[0] for row in rows]

    def waiting(self, step: Step) -> list[str]:
        rows = self._read("SELECT studyInstanceUID FROM study_info_list WHERE nextStep = ?", str(step))
        return [row[0] for row in rows]

    def number_waiting(self, step: Step) -> int:
        ((number,),) = self._read("SELECT COUNT(*) FROM study_info_list WHERE nextStep = ?", str(step))
        return int(number)

    def renew(self, owner: str, until: datetime) -> None:
        self._each_leased(owner, Lease(owner, until))

    def release(self, owner: str) -> int:
        return self._each_leased(owner, None)

    def _each_leased(self, owner: str, lease: Lease | None) -> int:
        with self._transaction() as connection:
            rows = connection.execute("SELECT doc FROM study_info_list WHERE leaseOwner = ?", (owner,)).fetchall()
            for row in rows:
                study = _study(row[0])
                _write(connection, replace(study, lease=lease, version=study.version + 1))
            return len(rows)

    def age(self, now: datetime) -> None:
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT doc FROM study_info_list WHERE nextStep = ? AND rank < ?", (str(Step.PULL), MANUAL)
            )
            for row in rows.fetchall():
                study = _study(row[0])
                rank = aged_rank(study.priority, study.queued_at or now, now)
                if rank != study.rank:
                    _write(connection, replace(study, rank=rank, version=study.version + 1))

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _read(self, question: str, *given: Any) -> list[Any]:
        with self._lock, _mapped(self._file):
            return self._open().execute(question, given).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _mapped(self._file):
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._file, timeout=30, isolation_level=None, check_same_thread=False)
            try:
                _prepare(connection)
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


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise RecordError(f"the record is of schema {version}, this version knows {SCHEMA_VERSION}: update PACS Pull")
    if version < 1:
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")


def _study(document: str) -> Study:
    return from_document(json.loads(document))


def _listed(aliases: Collection[str]) -> str:
    return "".join(f"|{alias}|" for alias in aliases)


def _write(connection: sqlite3.Connection, study: Study) -> None:
    row = {
        "uid": study.study_instance_uid,
        "accession": study.accession_number,
        "patient": study.patient_id,
        "date": study.study_date,
        "examined": examined_at(study.study_date, study.study_time),
        "state": str(study.state),
        "step": None if study.next_step is None else str(study.next_step),
        "rank": study.rank,
        "due": 0.0 if study.due_at is None else study.due_at.timestamp(),
        "owner": None if study.lease is None else study.lease.owner,
        "until": 0.0 if study.lease is None else study.lease.until.timestamp(),
        "sources": _listed(study.sources),
        "doc": json.dumps(to_document(study), ensure_ascii=False),
    }
    connection.execute(UPSERT, row)
