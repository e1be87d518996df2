"""A PythonScript for Orthanc: the plugin, with a death and a crooked clock built in. Only the fault tests load it.

``PACS_PULL_DIE`` is ``<point>:<number>``: the process kills itself (SIGKILL) at the ``number``-th time that it comes to
the point; see ``install`` for the points. ``PACS_PULL_COUNT`` names a file into which the times are counted.
``PACS_PULL_JOURNAL`` names a file that gets one line of JSON for each confirm of the broker and each deletion.
``PACS_PULL_CLOCK`` names a file that holds the seconds by which the gateway's clock is wrong.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
sys.path[:0] = [str(ROOT), str(VENV)]

from plugin.adapters import hand_over  # noqa: E402
from plugin.adapters.clock import SystemClock  # noqa: E402
from plugin.adapters.dimse_source import DimseSource  # noqa: E402
from plugin.adapters.orthanc_store import OrthancStore  # noqa: E402
from plugin.adapters.rabbitmq import RabbitMQ  # noqa: E402
from plugin.adapters.sqlite_record import SqliteRecord  # noqa: E402

_times: Counter[str] = Counter()
_lock = threading.Lock()
_local = threading.local()
_point, _, _number = os.environ.get("PACS_PULL_DIE", "").partition(":")


def pass_by(point: str) -> None:
    """Count, and die where it is said."""
    with _lock:
        _times[point] += 1
        if point == _point and _times[point] == int(_number):
            os.kill(os.getpid(), signal.SIGKILL)
        count_file = os.environ.get("PACS_PULL_COUNT")
        if count_file:
            Path(count_file).write_text(json.dumps(_times))


def note(**what: object) -> None:
    """One line of the journal; what is written there survives a SIGKILL."""
    file = os.environ.get("PACS_PULL_JOURNAL")
    if file:
        with _lock, Path(file).open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(what) + "\n")


def after(owner: Any, name: str, point: str) -> None:
    """Put a point behind a function that changes something outside of us."""
    work: Callable[..., Any] = getattr(owner, name)

    def mortal(*given: Any) -> Any:
        outcome = work(*given)
        pass_by(point)
        return outcome

    setattr(owner, name, mortal)


def install() -> None:
    """Put a point before and after each write of the record, and after all else that outlives us.

    ``write``: a study's change is about to be committed; ``written``: it has just been. ``leased``: so has a lease.
    ``retrieved``: the PACS has said that the move is over. ``handed over``: the folder is in place. ``confirmed``: the
    broker has confirmed. ``deleted``: Orthanc has deleted. Of none of these the record knows yet.
    """
    after(DimseSource, "retrieve", "retrieved")
    after(hand_over, "_put_in_place", "handed over")
    transaction, hold = SqliteRecord._transaction, SqliteRecord.hold
    publish, delete = RabbitMQ.publish, OrthancStore.delete

    @contextmanager
    def mortal_transaction(self: SqliteRecord) -> Iterator[Any]:
        with transaction(self) as connection:
            before = connection.total_changes
            yield connection
            has_written = connection.total_changes > before and not getattr(_local, "is_leasing", False)
            if has_written:
                pass_by("write")
        if has_written:
            pass_by("written")

    def mortal_hold(self: SqliteRecord, *given: Any) -> bool:
        _local.is_leasing = True
        try:
            return hold(self, *given)
        finally:
            _local.is_leasing = False
            pass_by("leased")

    def mortal_publish(self: RabbitMQ, message: Any) -> None:
        publish(self, message)
        numbers = {one["seriesUID"]: one["numberReceived"] for one in message.body["series"]}
        note(confirmed=message.body["studyUID"], numbers=numbers)
        pass_by("confirmed")

    def mortal_delete(self: OrthancStore, study: Any) -> None:
        numbers = {one.series_instance_uid: len(one.instances) for one in study.series}
        note(deleted=study.study_instance_uid, numbers=numbers)
        delete(self, study)
        pass_by("deleted")

    SqliteRecord._transaction = mortal_transaction  # type: ignore[method-assign]
    SqliteRecord.hold = mortal_hold  # type: ignore[assignment,method-assign]
    RabbitMQ.publish = mortal_publish  # type: ignore[method-assign]
    OrthancStore.delete = mortal_delete  # type: ignore[method-assign]


def bend_clock(file: Path) -> None:
    """The gateway's clock goes wrong by the seconds that stand in the file."""

    def wrong_by() -> timedelta:
        with suppress(OSError, ValueError):  # not there, or being written
            return timedelta(seconds=float(file.read_text()))
        return timedelta(0)

    def now(self: SystemClock) -> datetime:
        return datetime.now(UTC) + wrong_by()

    def today(self: SystemClock) -> date:
        return (datetime.now().astimezone() + wrong_by()).date()

    SystemClock.now = now  # type: ignore[method-assign]
    SystemClock.today = today  # type: ignore[method-assign]


install()
if "PACS_PULL_CLOCK" in os.environ:
    bend_clock(Path(os.environ["PACS_PULL_CLOCK"]))
runpy.run_path(str(ROOT / "plugin" / "main.py"))
