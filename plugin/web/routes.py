"""The plugin's own REST routes, in one table."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from plugin.domain.study import Study
from plugin.errors import IllegalMoveError, TransientError
from plugin.pipeline.decide import Decide
from plugin.pipeline.health import Health
from plugin.pipeline.probe import Probe
from plugin.pipeline.request import Found, Request
from plugin.pipeline.shadow import Shadow
from plugin.ports import Record

log = logging.getLogger(__name__)

KEYWORDS = ("StudyInstanceUID", "AccessionNumber", "PatientID")
SERIES_KEYWORDS = ("SeriesInstanceUID", "SeriesNumber")
SHORT = (
    "studyInstanceUID",
    "accessionNumber",
    "patientID",
    "studyDate",
    "studyTime",
    "modality",
    "state",
    "nextStep",
    "sources",
)
FIELDS = {"StudyInstanceUID": "study_instance_uid", "AccessionNumber": "accession_number", "PatientID": "patient_id"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request: path groups, query arguments and body."""

    groups: tuple[str, ...]
    arguments: Mapping[str, str]
    body: bytes


class BadCallError(Exception):
    """The caller's fault; ``status`` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gateway:
    """What the routes answer, as JSON-able data.

    ``to_document`` translates a record into the names of the contract; ``machinery`` reports on broker and threads.
    """

    def __init__(
        self,
        record: Record,
        request: Request,
        decide: Decide,
        health: Health,
        to_document: Callable[[Study], dict[str, Any]],
        machinery: Callable[[], dict[str, Any]],
        shadow: Shadow | None = None,
        probe: Probe | None = None,
    ) -> None:
        self._record = record
        self._request = request
        self._decide = decide
        self._health = health
        self._to_document = to_document
        self._machinery = machinery
        self._shadow = shadow
        self._probe = probe

    def debug(self, call: Call) -> dict[str, Any]:
        """The whole record of a study; where there is none, what the sources answer when asked now."""
        wanted = _wanted(call.arguments, KEYWORDS)
        keyword = next(iter(wanted))
        studies = self._record.find(**{FIELDS[keyword]: wanted[keyword]})
        if studies:
            return {"found": True, "studies": [self._to_document(study) for study in studies]}
        return {"found": False, "studies": [], "sources": _told(self._request.find(wanted), self._health)}

    def status(self, call: Call) -> dict[str, Any]:
        """Is all well? Counts by state, sources, broker, threads."""
        return {"studies": self._record.number_of(), "sources": self._health.report(), **self._machinery()}

    def pull(self, call: Call) -> dict[str, Any]:
        """Pull by hand; the body names an accession, a patient or a study."""
        wanted = _wanted(_body(call.body), (*KEYWORDS, *SERIES_KEYWORDS))
        studies, found = self._request.pull(wanted)
        return {
            "studies": [self._in_short(study) for study in studies],
            "follow": [f"/api/v1/dcm/debug?StudyInstanceUID={study.study_instance_uid}" for study in studies],
            "sources": _told(found, self._health),
        }

    def probe(self, call: Call) -> dict[str, Any]:
        """What a source can do, and how it is best set; it is asked now, and nothing is moved."""
        alias = unquote(call.groups[0])
        found = self._probe(alias) if self._probe else None
        if found is None:
            raise BadCallError(404, f"no source {alias!r}; there are: {', '.join(self._health.report()) or 'none'}")
        return found

    def decide(self, call: Call) -> dict[str, Any]:
        """What a person or the back end says of a study."""
        uid, verb = call.groups
        study = self._decide.verbs[verb](uid, _body(call.body) if call.body.strip() else {})
        if study is None:
            raise BadCallError(404, f"no study {uid} in the record")
        return self._in_short(study)

    def shadow(self, call: Call) -> dict[str, Any]:
        """What the shadow rules would decide otherwise."""
        if self._shadow is None:
            raise BadCallError(404, "no shadow rules are set (PacsPull.ShadowFiltersFile)")
        return self._shadow.report()

    def _in_short(self, study: Study) -> dict[str, Any]:
        document = self._to_document(study)
        return {key: document[key] for key in SHORT}


def register(orthanc: Any, gateway: Gateway) -> list[Callable[..., None]]:
    """Announce all routes to Orthanc; the callbacks, to be kept as long as Orthanc runs."""
    table: tuple[tuple[str, str, Callable[[Call], dict[str, Any]]], ...] = (
        ("GET", "/api/v1/dcm/debug", gateway.debug),
        ("GET", "/pacs-pull/status", gateway.status),
        ("GET", "/pacs-pull/shadow", gateway.shadow),
        ("POST", "/pacs-pull/pull", gateway.pull),
        ("POST", "/pacs-pull/sources/([^/]+)/probe", gateway.probe),
        ("POST", "/pacs-pull/studies/([^/]+)/(retry|skip|completed|unsupported)", gateway.decide),
    )
    callbacks = [(pattern, _callback(method, answer)) for method, pattern, answer in table]
    for pattern, callback in callbacks:
        orthanc.RegisterRestCallback(pattern, callback)
    return [callback for _, callback in callbacks]


def _callback(method: str, answer: Callable[[Call], dict[str, Any]]) -> Callable[..., None]:
    def callback(output: Any, uri: str, **request: Any) -> None:
        if request["method"] != method:
            output.SendMethodNotAllowed(method)
            return
        call = Call(tuple(request.get("groups", ())), request.get("get", {}), request.get("body", b"") or b"")
        status, data = _answered(answer, call, uri)
        text = json.dumps(data, ensure_ascii=False, indent=1).encode()
        if status == 200:
            output.AnswerBuffer(text, "application/json")
        else:
            output.SetHttpHeader("Content-Type", "application/json")
            output.SendHttpStatus(status, text)

    return callback


def _answered(answer: Callable[[Call], dict[str, Any]], call: Call, uri: str) -> tuple[int, dict[str, Any]]:
    try:
        return 200, answer(call)
    except BadCallError as error:
        return error.status, {"error": str(error)}
    except IllegalMoveError as error:
        return 409, {"error": str(error)}
    except TransientError as error:
        log.error("%s: %s", uri, error)
        return 503, {"error": str(error)}


def _wanted(given: Mapping[str, Any], keywords: tuple[str, ...]) -> dict[str, str]:
    unknown = [name for name in given if name not in keywords]
    if unknown:
        raise BadCallError(400, f"unknown: {', '.join(unknown)}; expected some of {', '.join(keywords)}")
    texts = {name: str(given[name]).strip() for name in keywords if given.get(name) is not None}
    wanted = {name: text for name, text in texts.items() if text}
    if not any(name in wanted for name in KEYWORDS):
        raise BadCallError(400, f"expected one of {', '.join(KEYWORDS)}")
    wildcards = [value for value in wanted.values() if set(value) & set("*?\\")]
    if wildcards:
        raise BadCallError(400, f"expected one exact value, found {wildcards[0]!r}")
    return wanted


def _body(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise BadCallError(400, 'expected a JSON object such as {"AccessionNumber": "…"}')
    return data


def _told(found: Found, health: Health) -> dict[str, Any]:
    """What each source answered, by alias."""
    told: dict[str, Any] = {alias: {"answered": True, "studies": []} for alias in health.report()}
    for uid, answers in found.answers.items():
        for alias, answer in answers.items():
            told[alias]["studies"].append(
                {
                    "studyInstanceUID": uid,
                    "accessionNumber": answer.accession_number,
                    "patientID": answer.patient_id,
                    "studyDate": answer.study_date,
                    "studyTime": answer.study_time,
                    "modalities": list(answer.modalities),
                    "numberInPacs": answer.number_of_instances,
                }
            )
    for alias, why in found.silent.items():
        told[alias] = {"answered": False, "error": why}
    return told
