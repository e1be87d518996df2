"""A PythonScript for Orthanc: the plugin, with a death built in. Only the fault tests load it.

``PACS_PULL_DIE`` is ``<point>:<number>``: the process kills itself (SIGKILL) at the ``number``-th time that it comes to
the point. Points are ``write`` (the record's transaction is about to be committed), ``written`` (it has just been
committed) and ``confirmed`` (the broker has confirmed, the record does not know yet). Without it the times are counted
into the file that ``PACS_PULL_COUNT`` names.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
sys.path[:0] = [str(ROOT), str(VENV)]

from plugin.adapters.rabbitmq import RabbitMQ  # noqa: E402
from plugin.adapters.sqlite_record import SqliteRecord  # noqa: E402

_times: Counter[str] = Counter()
_lock = threading.Lock()
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


def install() -> None:
    """Put the points around the two things that outlive us: the record's commits and the broker's confirms."""
    transaction, publish = SqliteRecord._transaction, RabbitMQ.publish

    @contextmanager
    def mortal_transaction(self: SqliteRecord) -> Iterator[Any]:
        with transaction(self) as connection:
            before = connection.total_changes
            yield connection
            has_written = connection.total_changes > before
            if has_written:
                pass_by("write")
        if has_written:
            pass_by("written")

    def mortal_publish(self: RabbitMQ, message: Any) -> None:
        publish(self, message)
        pass_by("confirmed")

    SqliteRecord._transaction = mortal_transaction  # type: ignore[method-assign]
    RabbitMQ.publish = mortal_publish  # type: ignore[method-assign]


install()
runpy.run_path(str(ROOT / "plugin" / "main.py"))
