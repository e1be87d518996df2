"""The tables of the SQLite record: a JSON document a study, with the columns that are searched beside it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from typing import Any

from plugin.adapters.document import from_document, to_document
from plugin.domain.priority import examined_at
from plugin.domain.study import Study
from plugin.errors import RecordError

VERSIONS = (
    """
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
""",
    """
ALTER TABLE study_info_list ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE study_info_list ADD COLUMN queuedAt REAL;
ALTER TABLE study_info_list ADD COLUMN holder TEXT NOT NULL DEFAULT '';
UPDATE study_info_list SET priority = json_extract(doc, '$.priority'),
    queuedAt = (julianday(json_extract(doc, '$.queuedAt')) - 2440587.5) * 86400;
CREATE INDEX by_holder ON study_info_list (holder) WHERE holder != '';
CREATE INDEX by_examination ON study_info_list (examinedAt);
DROP INDEX by_state;
CREATE INDEX by_state ON study_info_list (state, examinedAt);
CREATE TABLE leases (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL);
""",
)
"""What turns each version of the tables into the next."""

_COLUMNS = [
    "studyInstanceUID",
    "accessionNumber",
    "patientID",
    "studyDate",
    "examinedAt",
    "state",
    "nextStep",
    "rank",
    "dueAt",
    "leaseOwner",
    "leaseUntil",
    "sources",
    "priority",
    "queuedAt",
    "holder",
    "doc",
]
_WRITE = (
    f"INSERT INTO study_info_list ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
    f" ON CONFLICT (studyInstanceUID) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)


def prepare(connection: sqlite3.Connection) -> None:
    """Bring a database to the present version of the tables; one of a later version raises RecordError."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == len(VERSIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _update(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _update(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(VERSIONS):
        raise RecordError(f"the record is of schema {version}, this version knows {len(VERSIONS)}: update PACS Pull")
    for script in VERSIONS[version:]:
        for statement in script.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(VERSIONS)}")


def write(connection: sqlite3.Connection, study: Study) -> None:
    """Insert or replace the row of a study."""
    row: dict[str, Any] = {
        "studyInstanceUID": study.study_instance_uid,
        "accessionNumber": study.accession_number,
        "patientID": study.patient_id,
        "studyDate": study.study_date,
        "examinedAt": examined_at(study.study_date, study.study_time),
        "state": str(study.state),
        "nextStep": None if study.next_step is None else str(study.next_step),
        "rank": study.rank,
        "dueAt": 0.0 if study.due_at is None else study.due_at.timestamp(),
        "leaseOwner": None if study.lease is None else study.lease.owner,
        "leaseUntil": 0.0 if study.lease is None else study.lease.until.timestamp(),
        "sources": listed(study.sources),
        "priority": study.priority,
        "queuedAt": None if study.queued_at is None else study.queued_at.timestamp(),
        "holder": study.holder,
        "doc": json.dumps(to_document(study), ensure_ascii=False),
    }
    connection.execute(_WRITE, row)


def read(doc: str) -> Study:
    """The study of a row's document."""
    return from_document(json.loads(doc))


def listed(aliases: Collection[str]) -> str:
    """Aliases as text in which one alias, listed, is found by a plain search."""
    return "".join(f"|{alias}|" for alias in aliases)
