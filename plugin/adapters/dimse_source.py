"""A PACS behind Orthanc's DicomModalities: C-FIND and C-MOVE, over Orthanc's REST API."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from plugin.adapters.header import KEYWORDS, rules_header
from plugin.adapters.orthanc_rest import NOT_FOUND, Loopback
from plugin.domain.dates import iso_date, iso_time
from plugin.errors import LevelRefusedError, SourceError, StoreError, TooManyAnswersError
from plugin.ports import SeriesAnswer, StudyAnswer

log = logging.getLogger(__name__)

STUDY_KEYS = (
    "StudyInstanceUID",
    "PatientID",
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "ModalitiesInStudy",
    "StudyDescription",
    "NumberOfStudyRelatedInstances",
)
SERIES_KEYS = ("StudyInstanceUID", "SeriesInstanceUID", "NumberOfSeriesRelatedInstances")
NOT_AT_SERIES_LEVEL = frozenset({"StudyDescription", "NumberOfFrames", "SOPClassUID", "ImageComments", "ImageType"})
_PADDING = " \0"
LIST_LENGTH = 100
"""SOPInstanceUIDs in one C-MOVE (a list of UIDs: DICOM PS3.4 C.4.2.1.4.1)."""
LONGEST_NUMBER = 12
"""Characters of an Integer String (DICOM PS3.5 6.2: IS)."""
_STATUS = re.compile(r"DIMSE status 0x([0-9A-Fa-f]{4})")
"""The final status of an operation is told in Orthanc's text only."""


class DimseSource:
    """The Source port on ``/modalities/{alias}/query`` and ``/move``.

    ``timeout`` is the longest silence, in seconds, of the PACS within one operation. ``is_get``: images come by C-GET,
    on the association that we open, where Orthanc has it (1.12.6 or later).
    """

    def __init__(self, alias: str, http: Loopback, target_ae_title: str, timeout: float, is_get: bool = False) -> None:
        self._is_get = is_get
        self.alias = alias
        self._http = http
        self._target = target_ae_title
        self._timeout = max(int(timeout), 1)

    def find_studies(self, query: Mapping[str, str]) -> list[StudyAnswer]:
        answers = self._find("Study", {**dict.fromkeys(STUDY_KEYS, ""), **query}, normalize=True)
        return [study_answer(answer) for answer in answers]

    def find_series(self, uid_as_given: str) -> list[SeriesAnswer]:
        keys = dict.fromkeys((*SERIES_KEYS, *(word for word in KEYWORDS if word not in NOT_AT_SERIES_LEVEL)), "")
        answers = self._find("Series", {**keys, "StudyInstanceUID": uid_as_given}, normalize=False)
        ours = ("", uid_as_given.strip(_PADDING))
        mine = [answer for answer in answers if _text(answer, "StudyInstanceUID").strip(_PADDING) in ours]
        series = {one.series_instance_uid: one for one in (series_answer(answer) for answer in mine)}
        return [one for uid, one in series.items() if uid]

    def find_images(self, uid_as_given: str, series_uid_as_given: str) -> frozenset[str]:
        keys = {"StudyInstanceUID": uid_as_given, "SeriesInstanceUID": series_uid_as_given, "SOPInstanceUID": ""}
        answers = self._find("Instance", keys, normalize=True)
        ours = ("", series_uid_as_given.strip(_PADDING))
        mine = [answer for answer in answers if _text(answer, "SeriesInstanceUID").strip(_PADDING) in ours]
        return frozenset(uid for answer in mine if (uid := _text(answer, "SOPInstanceUID").strip(_PADDING)))

    def is_alive(self) -> bool:
        try:
            self._post(f"/modalities/{self.alias}/echo", {"Timeout": min(self._timeout, 10)}, "echo")
        except SourceError:
            return False
        return True

    def retrieve(self, uid_as_given: str, series: Sequence[str] = ()) -> None:
        study = {"StudyInstanceUID": uid_as_given}
        self._move("Series" if series else "Study", [{**study, "SeriesInstanceUID": uid} for uid in series] or [study])

    def retrieve_images(self, uid_as_given: str, series_uid_as_given: str, sop_instance_uids: Sequence[str]) -> None:
        parents = {"StudyInstanceUID": uid_as_given, "SeriesInstanceUID": series_uid_as_given}
        lists = [
            sop_instance_uids[start : start + LIST_LENGTH] for start in range(0, len(sop_instance_uids), LIST_LENGTH)
        ]
        self._move("Instance", [{**parents, "SOPInstanceUID": "\\".join(uids)} for uids in lists])

    def _move(self, level: str, resources: Sequence[Mapping[str, str]]) -> None:
        body = {"Level": level, "Resources": resources, "Timeout": self._timeout}
        if self._is_get:
            try:
                self._post(f"/modalities/{self.alias}/get", body, "get")
                return
            except SourceError as error:
                if getattr(error.__cause__, "status", 0) != NOT_FOUND:
                    raise
                self._is_get = False
                log.warning("%s: this Orthanc has no C-GET (1.12.6 or later has): C-MOVE is used", self.alias)
        self._post(f"/modalities/{self.alias}/move", {**body, "TargetAet": self._target}, "move")

    def _find(self, level: str, query: Mapping[str, str], normalize: bool) -> list[dict[str, Any]]:
        body = {"Level": level, "Query": query, "Normalize": normalize, "Timeout": self._timeout}
        path = self._post(f"/modalities/{self.alias}/query", body, "find")["Path"]
        try:
            return list(self._http.get(f"{path}/answers?expand&simplify") or [])
        except StoreError as error:
            raise SourceError(f"{self.alias}: the answers to a find are not readable: {error}") from error
        finally:
            self._http.delete(path)

    def _post(self, path: str, body: Mapping[str, object], operation: str) -> Any:
        try:
            return self._http.post(path, body, timeout=max(3600.0, self._timeout * 10.0))
        except StoreError as error:
            details = getattr(error, "details", "") or str(error)
            kind = _kind(operation, details)
            raise kind(f"{self.alias}: {operation} failed: {details}") from error


def _kind(operation: str, details: str) -> type[SourceError]:
    """What a failure means (DICOM PS3.4 C.4.1.1.4 and C.4.2.1.5)."""
    status = _STATUS.search(details)
    code = status[1].upper() if status else ""
    if operation == "find" and code == "A700":
        return TooManyAnswersError
    return LevelRefusedError if code in ("A900", "0122") or code.startswith("C") else SourceError


def study_answer(answer: Mapping[str, Any]) -> StudyAnswer:
    """A STUDY level answer in simplified tags (DICOM PS3.4 C.6.2.1.3), trimmed and with dates in ISO form."""
    as_given = _text(answer, "StudyInstanceUID")
    return StudyAnswer(
        study_instance_uid=as_given.strip(_PADDING),
        uid_as_given=as_given,
        accession_number=_text(answer, "AccessionNumber").strip(_PADDING),
        patient_id=_text(answer, "PatientID").strip(_PADDING),
        study_date=iso_date(_text(answer, "StudyDate")),
        study_time=iso_time(_text(answer, "StudyTime")),
        modalities=tuple(
            word for part in _text(answer, "ModalitiesInStudy").split("\\") if (word := part.strip(_PADDING))
        ),
        study_description=_text(answer, "StudyDescription").strip(_PADDING),
        number_of_instances=_number(answer, "NumberOfStudyRelatedInstances"),
    )


def series_answer(answer: Mapping[str, Any]) -> SeriesAnswer:
    """A SERIES level answer in simplified tags. An empty value is what a PACS answers that does not know: left out."""
    as_given = _text(answer, "SeriesInstanceUID")
    number = _number(answer, "NumberOfSeriesRelatedInstances")
    told = {keyword: value for keyword, value in answer.items() if value not in ("", None)}
    return SeriesAnswer(as_given.strip(_PADDING), as_given, number, rules_header(told))


def _text(answer: Mapping[str, Any], keyword: str) -> str:
    value = answer.get(keyword)
    return value if isinstance(value, str) else ""


def _number(answer: Mapping[str, Any], keyword: str) -> int | None:
    text = _text(answer, keyword).strip(_PADDING)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else None
