"""A PACS behind DICOMweb: QIDO-RS to find, WADO-RS to retrieve (DICOM PS3.18 10.6, 10.4), asked directly.

What comes is put into our own Orthanc over loopback HTTP, image by image as it arrives.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import requests

from plugin.adapters.dimse_source import NOT_AT_SERIES_LEVEL, SERIES_KEYS, STUDY_KEYS, series_answer, study_answer
from plugin.adapters.header import KEYWORDS
from plugin.adapters.multipart import MultipartError, parts
from plugin.adapters.orthanc_rest import Loopback
from plugin.errors import LevelRefusedError, SourceError, StoreError, TooManyAnswersError
from plugin.ports import SeriesAnswer, StudyAnswer

TAGS = {
    "StudyInstanceUID": "0020000D",
    "SeriesInstanceUID": "0020000E",
    "SOPInstanceUID": "00080018",
    "PatientID": "00100020",
    "AccessionNumber": "00080050",
    "StudyDate": "00080020",
    "StudyTime": "00080030",
    "ModalitiesInStudy": "00080061",
    "StudyDescription": "00081030",
    "NumberOfStudyRelatedInstances": "00201208",
    "NumberOfSeriesRelatedInstances": "00201209",
    "Modality": "00080060",
    "BodyPartExamined": "00180015",
    "ProtocolName": "00181030",
    "SeriesDescription": "0008103E",
    "SliceThickness": "00180050",
    "ConvolutionKernel": "00181210",
    "SeriesNumber": "00200011",
    "Manufacturer": "00080070",
    "ManufacturerModelName": "00081090",
}
SERIES_FIELDS = (*SERIES_KEYS, *(keyword for keyword in KEYWORDS if keyword not in NOT_AT_SERIES_LEVEL))
ANY_SYNTAX = 'multipart/related; type="application/dicom"; transfer-syntax=*'
TOO_LARGE, NO_CONTENT = 413, 204
REFUSED = frozenset({400, 404, 405, 406, 501})
"""What servers say of a level or service that they do not have."""


class DicomWebSource:
    """The Source port on DICOMweb. ``authorization`` is a whole header value; ``timeout`` the longest silence (s)."""

    def __init__(self, alias: str, url: str, authorization: str, timeout: float, http: Loopback) -> None:
        self.alias = alias
        self._url = url.rstrip("/")
        self._headers = {"Authorization": authorization} if authorization else {}
        self._timeout = timeout
        self._http = http
        self._local = threading.local()

    def find_studies(self, query: Mapping[str, str]) -> list[StudyAnswer]:
        return [study_answer(answer) for answer in self._find("/studies", query, STUDY_KEYS)]

    def find_series(self, uid_as_given: str) -> list[SeriesAnswer]:
        answers = self._find(f"/studies/{uid_as_given}/series", {}, SERIES_FIELDS)
        mine = [answer for answer in answers if answer.get("StudyInstanceUID", "") in ("", uid_as_given)]
        series = {one.series_instance_uid: one for one in map(series_answer, mine)}
        return [one for uid, one in series.items() if uid]

    def find_images(self, uid_as_given: str, series_uid_as_given: str) -> frozenset[str]:
        path = f"/studies/{uid_as_given}/series/{series_uid_as_given}/instances"
        answers = self._find(path, {}, ("SOPInstanceUID", "SeriesInstanceUID"))
        mine = [answer for answer in answers if answer.get("SeriesInstanceUID", "") in ("", series_uid_as_given)]
        return frozenset(answer["SOPInstanceUID"] for answer in mine if answer.get("SOPInstanceUID"))

    def is_alive(self) -> bool:
        try:
            self._get("/studies", {"limit": "1"}, "application/dicom+json", "find").close()
        except SourceError:
            return False
        return True

    def retrieve(self, uid_as_given: str, series: Sequence[str] = ()) -> None:
        study = f"/studies/{uid_as_given}"
        for path in [f"{study}/series/{uid}" for uid in series] or [study]:
            self._fetch(path)

    def retrieve_images(self, uid_as_given: str, series_uid_as_given: str, sop_instance_uids: Sequence[str]) -> None:
        for uid in sop_instance_uids:
            self._fetch(f"/studies/{uid_as_given}/series/{series_uid_as_given}/instances/{uid}")

    def _find(self, path: str, query: Mapping[str, str], fields: Sequence[str]) -> list[dict[str, str]]:
        arguments = {
            **query,
            "includefield": [TAGS[field] for field in fields],
        }  # each by itself: commas are not for all
        answer = self._get(path, arguments, "application/dicom+json", "find")
        if answer.status_code == NO_CONTENT or not answer.content:
            return []
        try:
            found = answer.json()
            return [_simplified(one) for one in found]
        except (ValueError, TypeError, AttributeError) as error:
            raise SourceError(f"{self.alias}: find failed: expected DICOM JSON, found {answer.text[:80]!r}") from error

    def _fetch(self, path: str) -> None:
        """Bring everything below a path into Orthanc."""
        with self._get(path, {}, ANY_SYNTAX, "retrieve", stream=True) as answer:
            try:
                for dicom in parts(answer.headers.get("Content-Type", ""), answer.iter_content(1 << 18)):
                    self._http.store(dicom)
            except (requests.RequestException, MultipartError) as error:
                raise SourceError(f"{self.alias}: retrieve broke off: {error}") from error
            except StoreError as error:
                raise SourceError(f"{self.alias}: our own Orthanc does not take an image: {error}") from error

    def _get(
        self, path: str, arguments: Mapping[str, str | Sequence[str]], accept: str, operation: str, stream: bool = False
    ) -> requests.Response:
        try:
            answer = self._session.get(
                self._url + path,
                params=arguments,
                headers={"Accept": accept},
                timeout=(min(self._timeout, 10.0), self._timeout),
                stream=stream,
            )
        except requests.RequestException as error:
            raise SourceError(f"{self.alias}: {operation} failed: {type(error).__name__}") from error
        if answer.ok:
            return answer
        told = f"{self.alias}: {operation} failed: {path} answered {answer.status_code} {answer.reason}"
        answer.close()
        if answer.status_code == TOO_LARGE and operation == "find":
            raise TooManyAnswersError(told)
        if answer.status_code in (401, 403):
            told += ": check Username and Password, or Token"
        raise (LevelRefusedError if answer.status_code in REFUSED else SourceError)(told)

    @property
    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
            session.headers.update(self._headers)
        return session


def _simplified(answer: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Keyword to text out of the DICOM JSON model (PS3.18 F.2); several values are joined as in a file."""
    return {keyword: "\\".join(_texts(answer[tag])) for keyword, tag in TAGS.items() if tag in answer}


def _texts(element: Mapping[str, Any]) -> Iterator[str]:
    for value in element.get("Value") or ():
        yield "" if value is None else str(value)
