"""A site to be broken: its gateway is sabotaged and may die at any moment; whoever talks to it has to bear that."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests
from pydicom import dcmread
from pynetdicom import AE, StoragePresentationContexts

from tests.integration.site import SETTLED, Site
from tests.simulators.orthanc import ROOT
from tests.simulators.pacs import HONEST, Faults, SimulatedPacs
from tests.simulators.process import LOOPBACK, ServerError, wait_until
from tests.simulators.rabbitmq import RabbitMQ

logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)

SETTLE_SECONDS = 120
AT_ONCE = 6
STORED = 0x0000


Case = TypeVar("Case")
Outcome = TypeVar("Outcome")


class Hospital(Site):
    """A `Site` with the sabotaged plugin; at the end everything is killed, which is quicker than stopping."""

    def __init__(self, folder: Path, broker: RabbitMQ, name: str) -> None:
        super().__init__(folder, broker, name)
        self.gateway.configuration["PythonScript"] = str(ROOT / "tests" / "faults" / "sabotage.py")
        self.gateway.configuration["StableAge"] = 2
        self.gateway.env["PACS_PULL_JOURNAL"] = str(folder / "journal.jsonl")

    def __exit__(self, *error: object) -> None:
        self.gateway.kill()
        self.pacs.kill()
        if any(error):
            for title, text in self.logs():
                print(f"--- {self.queue}: {title} ---\n{text[-8000:]}")

    def journal(self) -> Path:
        """What the gateway has had confirmed and has deleted, in order."""
        return self.folder / "journal.jsonl"

    @contextmanager
    def simulated_pacs(self, faults: Faults = HONEST) -> Iterator[SimulatedPacs]:
        """A PACS within this process instead of the Orthanc, for many short runs."""
        moves = {self.gateway.ae_title: (LOOPBACK, self.gateway.dicom_port)}
        with SimulatedPacs(moves=moves, faults=faults) as pacs:
            self.gateway.configuration["DicomModalities"]["PACS"] = {
                "AET": pacs.ae_title,
                "Host": LOOPBACK,
                "Port": pacs.port,
            }
            yield pacs

    @contextmanager
    def dying_once(self, point: str) -> Iterator[Callable[[], bool]]:
        """The gateway runs, dies where it is told to, and is started again; yields whether it has died so far."""
        self.gateway.env["PACS_PULL_DIE"] = point
        is_over = threading.Event()
        deaths: list[int] = []

        def live() -> None:
            try:
                self.gateway.start()
            except ServerError:
                if self.gateway.exit_code != -signal.SIGKILL:
                    raise
            while self.gateway.is_running and not is_over.is_set():
                is_over.wait(0.05)
            if not self.gateway.is_running:
                assert self.gateway.exit_code == -signal.SIGKILL, self.gateway.log_text()[-2000:]
                deaths.append(1)
                self.gateway.kill()
                del self.gateway.env["PACS_PULL_DIE"]
                self.gateway.start()

        with ThreadPoolExecutor(1) as pool:
            life = pool.submit(live)
            try:
                yield lambda: bool(deaths)
            finally:
                is_over.set()
                life.result()

    def record(self, uid: str) -> dict[str, Any] | None:
        """The record of a study; None also while the gateway does not answer."""
        try:
            return self.gateway.record(uid)
        except requests.RequestException:
            return None

    def wait_record(self, uid: str, what: str, condition: Callable[[Mapping[str, Any]], object]) -> None:
        """Wait until the record of a study is so."""

        def is_so() -> bool:
            record = self.record(uid)
            return record is not None and bool(condition(record))

        try:
            wait_until(is_so, SETTLE_SECONDS, f"{what} of {uid}", every=0.2)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; its record is {self.record(uid)}") from None

    def wait_done(self, *uids: str, images: int = 0) -> None:
        """Nothing is left to do with these studies; each was delivered with so many images at least once."""

        def is_done(record: Mapping[str, Any]) -> bool:
            most = max((delivery["numberReceived"] for delivery in record["deliveries"]), default=0)
            return record["state"] in SETTLED and record["nextStep"] is None and most >= images

        for uid in uids:
            self.wait_record(uid, "the end", is_done)

    def insist(self, ask: Callable[[], object], what: str) -> None:
        """Do it again until it works, as people and modalities do."""

        def works() -> bool:
            try:
                return bool(ask())
            except requests.RequestException:
                return False

        wait_until(works, 60, what, every=0.3)

    def push(self, files: Sequence[Path]) -> None:
        """C-STORE to the gateway as a modality does: what was not taken is sent again, and nothing else."""
        left = list(files)

        def is_sent() -> bool:
            del left[: self._send(left)]
            return not left

        self.insist(is_sent, "a push")

    def _send(self, files: Sequence[Path]) -> int:
        """How many of the files the gateway took in one association."""
        modality = AE("MODALITY")
        modality.requested_contexts = [one for one in StoragePresentationContexts if str(one.abstract_syntax) in USED]
        association = modality.associate(LOOPBACK, self.gateway.dicom_port, ae_title=self.gateway.ae_title)
        taken = 0
        for file in files:
            if not association.is_established or association.send_c_store(dcmread(file)).get("Status") != STORED:
                break
            taken += 1
        if association.is_established:
            association.release()
        return taken


def side_by_side(run: Callable[[Case], Outcome], cases: Iterable[Case]) -> dict[Case, Outcome]:
    """Each case in a hospital of its own; several live at once, since each of them mostly waits."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {case: pool.submit(run, case) for case in cases}
    return {case: run.result() for case, run in runs.items()}


USED = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1.1")
"""CT Image Storage, Digital X-Ray Image Storage - For Presentation."""
