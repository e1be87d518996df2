"""The ledger: what it remembers, for how long, and across a restart."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dispatcher.answer import Answer, State
from dispatcher.errors import LedgerError
from dispatcher.ledger import Ledger
from dispatcher.message import Message
from tests.unit.dispatcher.examples import message


def a_message(**changes: Any) -> Message:
    return Message.model_validate(message(**changes))


def test_remembers_across_a_restart(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "sub" / "l.db")
    assert not ledger.has("a")
    ledger.record("a", a_message(revision=3), Answer(State.COMPLETED), is_reported=True)
    ledger.record("b", a_message(revision=2), Answer(State.ACCEPTED), is_reported=True)
    assert ledger._connection.execute("PRAGMA synchronous").fetchone() == (2,), "each entry survives a power cut"
    ledger.close()
    ledger = Ledger(tmp_path / "sub" / "l.db")
    assert ledger.has("a")
    assert ledger.last_revision(a_message(revision=9)) == 3
    assert ledger.last_revision(a_message(task="other")) == 0
    report = ledger.due_report()
    assert report is not None
    assert (report.message_id, report.state, report.revision, report.ids) == (
        "a",
        State.COMPLETED,
        3,
        ("10939060", "NA200618FLC029", "1.2.3", "1.2.3.4"),
    )
    ledger.settle_report(report)
    assert ledger.due_report() is None, "accepted is not reported: the algorithm will"


def test_two_dispatchers_share_it(tmp_path: Path) -> None:
    one, other = Ledger(tmp_path / "l.db"), Ledger(tmp_path / "l.db")
    one.record("a", a_message(), Answer(State.COMPLETED), is_reported=False)
    assert other.has("a")
    other.record("a", a_message(), Answer(State.COMPLETED), is_reported=True)
    assert other.due_report() is None, "entered once"


def test_postponed_reports_wait(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db")
    ledger.record("a", a_message(), Answer(State.UNSUPPORTED, "no lung"), is_reported=True)
    report = ledger.due_report()
    assert report is not None
    ledger.postpone_report(report, 60)
    assert ledger.due_report() is None
    ledger.postpone_report(report, 0)
    again = ledger.due_report()
    assert again is not None
    assert (again.tries, again.reason) == (1, "no lung")


def test_forgets_by_age_but_not_what_is_yet_to_be_told(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db")
    ledger.record("told", a_message(), Answer(State.COMPLETED), is_reported=False)
    ledger.record("untold", a_message(), Answer(State.COMPLETED), is_reported=True)
    assert ledger.forget(keep_days=1) == 0
    assert ledger.forget(keep_days=-1) == 1
    assert ledger.has("untold")
    assert not ledger.has("told")


def test_an_unusable_file_is_one_kind_of_error(tmp_path: Path) -> None:
    (tmp_path / "l.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(tmp_path / "l.db")
    ledger = Ledger(tmp_path / "other.db")
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("DROP TABLE accepted")
    with pytest.raises(LedgerError):
        ledger.has("a")
