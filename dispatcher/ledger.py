"""What the back end has accepted, in one small SQLite file: by it repeats are dropped, in it reports wait.

An entry is written only after the back end accepted, before the message is acknowledged; it survives a power cut.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dispatcher.answer import Answer, State
from dispatcher.errors import LedgerError
from dispatcher.message import Ids, Message

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accepted (
    message_id TEXT PRIMARY KEY,
    study_instance_uid TEXT NOT NULL,
    task TEXT NOT NULL,
    revision INTEGER NOT NULL,
    ids TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    accepted_at REAL NOT NULL,
    report_tries INTEGER NOT NULL DEFAULT 0,
    report_at REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS accepted_study ON accepted (study_instance_uid, task, revision);
CREATE INDEX IF NOT EXISTS accepted_report ON accepted (report_at) WHERE report_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS accepted_age ON accepted (accepted_at);
"""


@dataclass(frozen=True, slots=True)
class Report:
    """Something that the gateway has yet to be told; ``tries`` have failed so far."""

    message_id: str
    ids: Ids
    task: str
    revision: int
    state: State
    reason: str
    tries: int


class Ledger:
    """Used by all threads and, being SQLite, by several dispatchers on one machine. Times are Unix seconds.

    Every method raises `LedgerError` when the file cannot be used.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(file, timeout=10, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"the ledger {file} cannot be opened: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._using() as connection:
            connection.close()

    def has(self, message_id: str) -> bool:
        """Whether this delivery was accepted."""
        with self._using() as connection:
            return (
                connection.execute("SELECT 1 FROM accepted WHERE message_id = ?", (message_id,)).fetchone() is not None
            )

    def last_revision(self, message: Message) -> int:
        """The highest accepted revision of the message's study and task, 0 when there is none."""
        with self._using() as connection:
            found: int | None = connection.execute(
                "SELECT max(revision) FROM accepted WHERE study_instance_uid = ? AND task = ?",
                (message.studyUID, message.task),
            ).fetchone()[0]
        return found or 0

    def record(self, message_id: str, message: Message, answer: Answer, is_reported: bool) -> None:
        """Enter an accepted delivery, and with ``is_reported`` what the gateway is to be told about it, if anything."""
        now = time.time()
        report_at = now if is_reported and answer.state is not State.ACCEPTED else None
        with self._using() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO accepted (message_id, study_instance_uid, task, revision, ids, state, reason,"
                " accepted_at, report_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    message_id,
                    message.studyUID,
                    message.task,
                    message.revision,
                    json.dumps(message.ids),
                    answer.state.value,
                    answer.reason,
                    now,
                    report_at,
                ),
            )

    def due_report(self) -> Report | None:
        """The report that has waited longest among those whose time has come."""
        with self._using() as connection:
            row = connection.execute(
                "SELECT message_id, ids, task, revision, state, reason, report_tries FROM accepted"
                " WHERE report_at <= ? ORDER BY report_at LIMIT 1",
                (time.time(),),
            ).fetchone()
        if row is None:
            return None
        message_id, ids, task, revision, state, reason, tries = row
        patient_id, accession_number, study, series = json.loads(ids)
        return Report(
            message_id, (patient_id, accession_number, study, series), task, revision, State(state), reason, tries
        )

    def settle_report(self, report: Report) -> None:
        """The gateway knows, or we gave up."""
        with self._using() as connection:
            connection.execute("UPDATE accepted SET report_at = NULL WHERE message_id = ?", (report.message_id,))

    def postpone_report(self, report: Report, seconds: float) -> None:
        """One more try has failed."""
        with self._using() as connection:
            connection.execute(
                "UPDATE accepted SET report_at = ?, report_tries = ? WHERE message_id = ?",
                (time.time() + seconds, report.tries + 1, report.message_id),
            )

    def forget(self, keep_days: float) -> int:
        """Remove settled entries older than that; returns how many."""
        with self._using() as connection:
            return connection.execute(
                "DELETE FROM accepted WHERE accepted_at < ? AND report_at IS NULL",
                (time.time() - keep_days * 86400,),
            ).rowcount

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                yield self._connection
        except sqlite3.Error as error:
            raise LedgerError(f"the ledger cannot be used: {error}") from error
