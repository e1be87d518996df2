"""The servers of the demo, all below one folder, on free ports."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

from tests.simulators import orthanc, rabbitmq
from tests.simulators.orthanc import Gateway, Orthanc
from tests.simulators.process import ServerError
from tests.simulators.rabbitmq import RabbitMQ

PACS = "DEMO-PACS"
LOCK = "lock"
POLL_SECONDS = 2
ORTHANC_STABLE_SECONDS = 5


class Stage:
    """RabbitMQ, the demo PACS and the gateway. Use it as a context: whatever was started ends with it."""

    def __init__(self, folder: Path) -> None:
        reason = orthanc.available() or rabbitmq.available()
        if reason:
            raise ServerError(reason)
        self.folder = folder
        self._lock = _locked(folder)
        _empty(folder)
        self.rabbit = RabbitMQ(folder / "rabbitmq")
        self.pacs = Orthanc(folder / "pacs", "DEMOPACS")
        self.gateway = Gateway(
            folder / "gateway", {"RabbitMQ": {"Url": self.rabbit.url}}, {"StableAge": ORTHANC_STABLE_SECONDS}
        )
        self.gateway.knows(PACS, self.pacs)
        self.pacs.configuration["DicomModalities"]["GATEWAY"] = self.gateway.modality
        self._running = ExitStack()

    def start_pacs(self) -> None:
        self._running.enter_context(self.rabbit)
        self._running.enter_context(self.pacs)

    def start_gateway(self, cross_days: Sequence[int]) -> None:
        """The gateway, polling the demo PACS for these days (0 is today)."""
        self.gateway.settings["Sources"] = {PACS: {"PollIntervalSeconds": POLL_SECONDS, "CrossDays": list(cross_days)}}
        self._running.enter_context(self.gateway)

    @property
    def database(self) -> Path:
        return self.gateway.folder / "pacs-pull.db"

    @property
    def log_file(self) -> Path:
        return self.gateway.folder / "orthanc-python.log"

    @property
    def queue(self) -> str:
        return "pacs-pull.series"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        self._lock.close()


def _empty(folder: Path) -> None:
    for old in folder.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        elif old.name != LOCK:
            old.unlink()


def _locked(folder: Path) -> IO[str]:
    """An open file that keeps a second demo out of the folder while it is open."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise ServerError(f"a demo is running already in {folder}") from None
    return lock
