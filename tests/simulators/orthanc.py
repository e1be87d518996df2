"""Real Orthanc servers: a plain one, which plays the PACS, and the gateway, which carries the plugin."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.simulators.process import LOOPBACK, ServerError, ServerProcess, accepts, free_ports

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = Path("/usr/share/orthanc/plugins")
ONCE_MORE = Retry(connect=0, read=1, status=0, other=0, allowed_methods=None)
"""Orthanc may close a kept connection just when it is used again."""
PYTHON_PLUGIN = PLUGINS / "libOrthancPython.so"


def available() -> str | None:
    """Return None when Orthanc with its Python plugin is here, else the reason why not."""
    if _binary() is None:
        return "no Orthanc here: install orthanc"
    return None if PYTHON_PLUGIN.exists() else "no Python plugin for Orthanc here: install orthanc-python"


def _binary() -> str | None:
    return shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")


class Orthanc(ServerProcess):
    """A plain Orthanc in its own folder; `configuration` is merged over the defaults here before each start."""

    def __init__(self, folder: Path, ae_title: str, configuration: Mapping[str, Any] | None = None) -> None:
        binary = _binary()
        if binary is None:
            raise ServerError("no Orthanc here: install orthanc")
        self.ae_title = ae_title
        self.http_port, self.dicom_port = free_ports(2)
        self.session = requests.Session()
        self.session.mount("http://", HTTPAdapter(max_retries=ONCE_MORE))
        self.configuration: dict[str, Any] = {
            "Name": ae_title,
            "DicomAet": ae_title,
            "DicomPort": self.dicom_port,
            "HttpPort": self.http_port,
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "UnknownSopClassAccepted": True,
            "SynchronousCMove": True,
            "SaveJobs": False,
            "SyncStorageArea": False,
            "Plugins": [],
            "DicomModalities": {},
            **(configuration or {}),
        }
        file = folder / "orthanc.json"
        super().__init__(
            "orthanc", [binary, file], folder, ready=self._is_ready, env={"TCP_NODELAY": "1"}, stop_seconds=40
        )

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.http_port}"

    @property
    def modality(self) -> dict[str, Any]:
        """How others write this server into their DicomModalities."""
        return {"AET": self.ae_title, "Host": LOOPBACK, "Port": self.dicom_port}

    def start(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "orthanc.json").write_text(json.dumps(self.configuration, indent=1))
        return super().start()

    def get(self, path: str) -> Any:
        answer = self.session.get(self.url + path, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: object) -> Any:
        answer = self.session.post(self.url + path, json=body, timeout=600)
        answer.raise_for_status()
        return answer.json()

    def store(self, files: Iterable[Path]) -> int:
        """Upload DICOM files by HTTP; how many there are new or already held."""

        def one(file: Path) -> bool:
            answer = requests.post(f"{self.url}/instances", data=file.read_bytes(), timeout=60)
            return answer.ok

        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(one, files))

    def send(self, resource_id: str, to: str) -> None:
        """C-STORE a study to one of the DicomModalities."""
        self.post(f"/modalities/{to}/store", {"Resources": [resource_id], "Synchronous": True})

    def study_uids(self) -> set[str]:
        return {study["MainDicomTags"]["StudyInstanceUID"] for study in self.get("/studies?expand")}

    def _is_ready(self) -> bool:
        if not accepts(self.http_port):
            return False
        try:
            return requests.get(f"{self.url}/system", timeout=2).status_code in (200, 401)  # 401: users are set
        except requests.RequestException:
            return False


class Gateway(Orthanc):
    """An Orthanc with PACS Pull in it. `settings` is the section PacsPull; everything it writes is below its folder."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        configuration: Mapping[str, Any] | None = None,
        ae_title: str = "PACSPULL",
    ) -> None:
        ours = {
            "Plugins": [str(PYTHON_PLUGIN)],
            "PythonScript": str(ROOT / "plugin" / "main.py"),
            "PacsPull": {
                "Database": {"Url": f"sqlite:///{folder / 'pacs-pull.db'}"},
                "StoreImageDirectory": str(folder / "store_image"),
                "Log": {"File": str(folder / "orthanc-python.log")},
                **settings,
            },
            **(configuration or {}),
        }
        super().__init__(folder, ae_title, ours)
        self.store_image = folder / "store_image"

    @property
    def settings(self) -> dict[str, Any]:
        """The section PacsPull, to be changed before a start."""
        section: dict[str, Any] = self.configuration["PacsPull"]
        return section

    def knows(self, alias: str, server: Orthanc) -> None:
        """Enter a server into DicomModalities."""
        self.configuration["DicomModalities"][alias] = server.modality

    def record(self, study_instance_uid: str) -> dict[str, Any] | None:
        """The record of a study, by the debug route."""
        studies = self.get(f"/api/v1/dcm/debug?StudyInstanceUID={study_instance_uid}")["studies"]
        return studies[0] if studies else None

    def python_log(self) -> str:
        file = self.folder / "orthanc-python.log"
        return file.read_text("utf-8") if file.exists() else ""
