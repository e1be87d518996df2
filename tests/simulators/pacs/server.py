"""A PACS in this process, by pynetdicom: C-ECHO, C-FIND, C-MOVE, C-GET and C-STORE, with faults to be switched."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydicom.dataset import Dataset
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, _config

from tests.simulators.pacs.faults import HONEST, Faults
from tests.simulators.pacs.handlers import Handlers

# pynetdicom formats every identifier and PDU for its log even when nobody reads it: half of the time of a large query.
_config.LOG_HANDLER_LEVEL = "none"
_config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False

SERVICES = (
    "1.2.840.10008.1.1",  # Verification
    "1.2.840.10008.5.1.4.1.2.1.1",  # Patient Root: FIND, MOVE, GET
    "1.2.840.10008.5.1.4.1.2.1.2",
    "1.2.840.10008.5.1.4.1.2.1.3",
    "1.2.840.10008.5.1.4.1.2.2.1",  # Study Root: FIND, MOVE, GET
    "1.2.840.10008.5.1.4.1.2.2.2",
    "1.2.840.10008.5.1.4.1.2.2.3",
)
UNLIMITED = 1000  # pynetdicom counts associations that are just ending too: the fault counts by itself


class SimulatedPacs(Handlers):
    """Serves a folder of DICOM files, or datasets; what is pushed to it is served too.

    `moves` maps AE titles to (host, port) and may be changed while running, as may `faults` and the images. After
    `stop`, `start` serves the same images on the same port again.
    """

    def __init__(
        self,
        images: Path | Iterable[Dataset] = (),
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        ae_title: str = "PACS",
        moves: Mapping[str, tuple[str, int]] | None = None,
        faults: Faults = HONEST,
    ) -> None:
        super().__init__(images if isinstance(images, Path) else None, moves or {}, faults)
        self.host, self.port, self.ae_title = host, port, ae_title  # port 0: a free one, known after start
        if isinstance(images, Path):
            self.add_files(sorted(path for path in images.rglob("*") if path.is_file()))
        else:
            self.add_datasets(images)

    @classmethod
    def from_headers(cls, headers: Iterable[Dataset], **options: Any) -> Self:
        """A PACS that can be asked and holds no images. NumberOfSeriesRelatedInstances in a header: it stands for
        so many images."""
        pacs = cls(**options)
        for header in headers:
            pacs.archive.add(header, None, 0, 0.0)
        return pacs

    @property
    def faults(self) -> Faults:
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults

    def add_files(self, paths: Iterable[Path], after: float = 0.0) -> int:
        """Serve these files too, `after` seconds from now on; files that are not DICOM are passed over. Returns how
        many are served."""
        visible_at = time.monotonic() + after if after else 0.0
        return sum(self.archive.add_file(path, visible_at) for path in paths)

    def add_datasets(self, datasets: Iterable[Dataset], after: float = 0.0) -> None:
        """Serve these datasets from memory, `after` seconds from now on."""
        visible_at = time.monotonic() + after if after else 0.0
        for dataset in datasets:
            self.archive.add(dataset, dataset, len(dataset.get("PixelData", b"")), visible_at)

    def start(self) -> Self:
        self._stopping.clear()
        self._started_at = time.monotonic()
        self._ae = ae = AE(self.ae_title)
        ae.maximum_associations = UNLIMITED
        ae.network_timeout = 300
        for uid in SERVICES:
            ae.add_supported_context(uid)
        for context in AllStoragePresentationContexts:
            ae.add_supported_context(str(context.abstract_syntax), ALL_TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
        server = ae.start_server((self.host, self.port), block=False, evt_handlers=self.handlers())
        if server is not None:  # always so with block=False; said for the type checker
            self.port = int(server.server_address[1])
        return self

    def stop(self, timeout: float = 10.0) -> None:
        """Close the port, abort every association and wait for the threads, `timeout` seconds at most."""
        self._stopping.set()
        if self._ae is None:
            return
        threads = [*self._ae.active_associations, *self._senders]
        self._ae.shutdown()
        self._ae = None
        deadline = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._senders.clear()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
