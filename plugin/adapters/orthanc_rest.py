"""Orthanc's REST API, by two ways: over loopback HTTP, and through the SDK.

HTTP releases the GIL, so whatever touches the network or may cause ingestion goes there. The SDK holds the GIL but is
five times quicker: it serves short local reads only.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, Protocol

import requests

from plugin.errors import StoreError

LOCAL_TIMEOUT = 120.0
"""Seconds for what Orthanc does by itself (reads, deletes of large studies)."""
NOT_FOUND = 404
UNKNOWN_RESOURCE = (17, 2, 3)
"""OrthancPluginErrorCode: UnknownResource, and what 1.10.1 says of a resource deleted meanwhile."""


class RestError(StoreError):
    """Orthanc answered with an error; ``details`` is its own explanation."""

    def __init__(self, path: str, status: int, details: str) -> None:
        super().__init__(f"{path} answered {status}: {details}")
        self.status = status
        self.details = details


class Reads(Protocol):
    """Short local reads."""

    def get(self, path: str) -> Any:
        """The JSON that a GET answers; None where there is no such resource."""

    def lookup(self, uid: str) -> list[dict[str, str]]:
        """The resources with this DICOM UID (``/tools/lookup``): ``Type`` and ``ID``."""


class Loopback:
    """Orthanc over HTTP on this machine; one session a thread. ``authorization`` is a whole header value.

    Connections are not kept: each kept one holds one of Orthanc's HttpThreadsCount (50) threads, and Orthanc closes it
    just when the next poll wants it.
    """

    def __init__(self, url: str, authorization: str = "") -> None:
        self._url = url
        self._headers = {"Connection": "close"} | ({"Authorization": authorization} if authorization else {})
        self._local = threading.local()

    @property
    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.headers.update(self._headers)
            session.verify = False
            self._local.session = session
        return session

    def get(self, path: str, timeout: float = LOCAL_TIMEOUT) -> Any:
        """The JSON that a GET answers; None where there is no such resource."""
        return self._json(self._request("GET", path, timeout=timeout), missing_is_none=True)

    def lookup(self, uid: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self._json(self._request("POST", "/tools/lookup", data=uid.encode()))
        return found

    def post(self, path: str, body: object, timeout: float = LOCAL_TIMEOUT) -> Any:
        """The JSON that a POST of JSON answers."""
        return self._json(self._request("POST", path, data=json.dumps(body).encode(), timeout=timeout))

    def store(self, dicom: bytes) -> None:
        """Put one DICOM file into Orthanc; one that is there already is no error."""
        self._json(self._request("POST", "/instances", data=dicom))

    def delete(self, path: str) -> None:
        """DELETE; a resource that is gone already is no error."""
        answer = self._request("DELETE", path)
        if answer.status_code != NOT_FOUND:
            self._raise(answer)

    def download(self, path: str, to: Path) -> None:
        """Write what a GET answers to a file."""
        with self._request("GET", path, stream=True) as answer:
            self._raise(answer)
            with to.open("wb") as file:
                try:
                    for chunk in answer.iter_content(1 << 20):
                        file.write(chunk)
                except requests.RequestException as error:
                    raise StoreError(f"{path} broke off: {error}") from error

    def _request(self, method: str, path: str, timeout: float = LOCAL_TIMEOUT, **options: Any) -> requests.Response:
        try:
            try:
                return self._session.request(method, self._url + path, timeout=(5, timeout), **options)
            except requests.ConnectionError:  # Orthanc closes a kept connection that is idle for a second
                self._local.session = None
                return self._session.request(method, self._url + path, timeout=(5, timeout), **options)
        except requests.RequestException as error:
            raise StoreError(f"{path}: Orthanc's own HTTP server does not answer ({type(error).__name__})") from error

    def _json(self, answer: requests.Response, missing_is_none: bool = False) -> Any:
        if missing_is_none and answer.status_code == NOT_FOUND:
            return None
        self._raise(answer)
        try:
            return answer.json()
        except ValueError as error:
            raise StoreError(f"{answer.request.path_url}: expected JSON, found {answer.text[:80]!r}") from error

    @staticmethod
    def _raise(answer: requests.Response) -> None:
        if answer.ok:
            return
        try:
            told = answer.json()
            details = str(told.get("Details") or told.get("Message") or "")
        except (ValueError, AttributeError):
            details = answer.reason
        raise RestError(answer.request.path_url, answer.status_code, details)


class Sdk:
    """Orthanc through its plugin SDK. ``module`` is the ``orthanc`` module."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def get(self, path: str) -> Any:
        try:
            return json.loads(self._module.RestApiGet(path))
        except self._module.OrthancException as error:
            if error.args[0] in UNKNOWN_RESOURCE:
                return None
            raise StoreError(f"{path}: {error.args[1]}") from error

    def lookup(self, uid: str) -> list[dict[str, str]]:
        try:
            found: list[dict[str, str]] = json.loads(self._module.RestApiPost("/tools/lookup", uid))
        except self._module.OrthancException as error:
            raise StoreError(f"/tools/lookup: {error.args[1]}") from error
        return found
