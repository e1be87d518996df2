"""DCMTK's own image server: a second opinion beside the simulated PACS, as a real process on a free port."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from tests.simulators.process import ServerError, ServerProcess, accepts, free_port

FILES_A_COMMAND = 500  # argument lists are limited
CONFIGURATION = """\
NetworkTCPPort  = {port}
MaxPDUSize      = 131072
MaxAssociations = 32
HostTable BEGIN
{hosts}
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
{ae_title} {storage} RW (500, 4096mb) ANY
AETable END
"""


class Dcmqrscp:
    """`dcmqrscp` with a storage area below `folder`; `moves` maps AE titles to (host, port) and is read at start."""

    def __init__(
        self, folder: Path, ae_title: str = "DCMQRSCP", moves: Mapping[str, tuple[str, int]] | None = None
    ) -> None:
        self.folder, self.ae_title = folder.resolve(), ae_title
        self.moves = dict(moves or {})
        self.port = free_port()
        self.storage = self.folder / "storage"
        self.storage.mkdir(parents=True, exist_ok=True)
        self._configuration = self.folder / "dcmqrscp.cfg"
        self.process = ServerProcess(
            "dcmqrscp",
            ["dcmqrscp", "--verbose", "--config", self._configuration],
            self.folder,
            ready=lambda: accepts(self.port),
            env={"TCP_NODELAY": "1"},  # DCMTK leaves Nagle's algorithm on otherwise
        )

    @staticmethod
    def is_installed() -> bool:
        return shutil.which("dcmqrscp") is not None and shutil.which("dcmqridx") is not None

    def start(self) -> Self:
        """Start and wait until it accepts connections; `ServerError` with its log when it does not."""
        hosts = (f"host{n} = ({title}, {host}, {port})" for n, (title, (host, port)) in enumerate(self.moves.items()))
        self._configuration.write_text(
            CONFIGURATION.format(port=self.port, ae_title=self.ae_title, storage=self.storage, hosts="\n".join(hosts))
        )
        self.process.start()
        return self

    def stop(self) -> None:
        self.process.stop()

    def add_files(self, paths: Iterable[Path]) -> None:
        """Put files into the storage area, by hard link where possible, and register them; also while it runs."""
        first = sum(1 for _ in self.storage.glob("*.dcm"))
        kept = [_link(path, self.storage / f"{number:06d}.dcm") for number, path in enumerate(paths, first)]
        for start in range(0, len(kept), FILES_A_COMMAND):
            command: list[str | Path] = ["dcmqridx", self.storage, *kept[start : start + FILES_A_COMMAND]]
            run = subprocess.run(command, capture_output=True, timeout=120, check=False)
            if run.returncode:
                raise ServerError(f"dcmqridx ended with {run.returncode}:\n{run.stderr.decode('utf-8', 'replace')}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _link(path: Path, target: Path) -> Path:
    try:
        os.link(path, target)
    except OSError:  # another file system
        shutil.copyfile(path, target)
    return target
