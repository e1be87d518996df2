"""The MongoDB that the tests use: ``MONGODB_URI``, else ``mongod`` of this machine, else its stand-in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.simulators import ferretdb
from tests.simulators.process import LOOPBACK, ServerProcess, accepts, free_port


def available() -> str | None:
    """None when there is one to use, else the reason why not."""
    return None if os.environ.get("MONGODB_URI") or shutil.which("mongod") else ferretdb.available()


class Mongod(ServerProcess):
    """MongoDB itself, on a free port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        data = folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        command = ["mongod", "--bind_ip", LOOPBACK, "--port", str(self.port), "--dbpath", str(data)]
        super().__init__("mongod", command, folder, ready=lambda: accepts(self.port), start_seconds=60)

    @property
    def url(self) -> str:
        """MongoDB's connection string, without a database."""
        return f"mongodb://{LOOPBACK}:{self.port}"


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The connection string of a server, without a database; one that we start ourselves ends with the block."""
    if url := os.environ.get("MONGODB_URI"):
        yield url.rstrip("/")
        return
    server = Mongod(folder) if shutil.which("mongod") else ferretdb.FerretDB(folder)
    with server:
        yield server.url
