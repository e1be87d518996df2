"""FerretDB 1 on SQLite as the stand-in for MongoDB, built by ``scripts/ferretdb``; see ``docs/database.md``."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from tests.simulators.process import LOOPBACK, ServerProcess, accepts, free_port

ROOT = Path(__file__).resolve().parents[2]
BINARY = ROOT / ".tools" / "ferretdb-server"
BUILD_SECONDS = 900


@cache
def available() -> str | None:
    """Build it where it is not built yet. None when it is here, else the reason why not."""
    built = subprocess.run([ROOT / "scripts" / "ferretdb"], capture_output=True, text=True, timeout=BUILD_SECONDS)
    return None if built.returncode == 0 else f"FerretDB cannot be built here: {(built.stdout + built.stderr)[-1000:]}"


class FerretDB(ServerProcess):
    """A server on a free port; its data stay in the folder when it is stopped or killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        data = folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        command = [str(BINARY), "-listen", f"{LOOPBACK}:{self.port}", "-folder", str(data)]
        super().__init__("ferretdb", command, folder, ready=lambda: accepts(self.port))

    @property
    def url(self) -> str:
        """MongoDB's connection string, without a database."""
        return f"mongodb://{LOOPBACK}:{self.port}"
