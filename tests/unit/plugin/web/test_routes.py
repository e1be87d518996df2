"""The REST routes, called as Orthanc calls them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from plugin.adapters.document import to_document
from plugin.domain.study import State
from plugin.errors import RecordError
from plugin.web.routes import Gateway, register
from tests.unit.plugin.examples import CT, DX, PATIENT_NAME, chest_ct, chest_dx
from tests.unit.plugin.house import House

DEBUG = "/api/v1/dcm/debug"


class FakeOrthanc:
    """Holds the callbacks, and answers a request by the first whose pattern fits."""

    def __init__(self) -> None:
        self.callbacks: list[tuple[str, Callable[..., None]]] = []

    def RegisterRestCallback(self, pattern: str, callback: Callable[..., None]) -> None:  # noqa: N802 - Orthanc's name
        self.callbacks.append((pattern, callback))

    def call(self, method: str, path: str, body: object = None, **arguments: str) -> tuple[int, Any]:
        output = FakeOutput()
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        for pattern, callback in self.callbacks:
            match = re.fullmatch(pattern, path)
            if match:
                callback(output, path, method=method, groups=match.groups(), get=arguments, body=raw)
                return output.status, output.body and json.loads(output.body)
        raise AssertionError(f"no route takes {path}")


class FakeOutput:
    def __init__(self) -> None:
        self.status, self.body = 200, b""

    def AnswerBuffer(self, body: bytes, mime: str) -> None:  # noqa: N802
        assert mime == "application/json"
        self.body = body

    def SetHttpHeader(self, name: str, value: str) -> None:  # noqa: N802
        assert (name, value) == ("Content-Type", "application/json")

    def SendHttpStatus(self, status: int, body: bytes) -> None:  # noqa: N802
        self.status, self.body = status, body

    def SendMethodNotAllowed(self, allowed: str) -> None:  # noqa: N802
        self.status, self.body = 405, json.dumps(allowed).encode()


@pytest.fixture
def orthanc(house: House) -> FakeOrthanc:
    orthanc = FakeOrthanc()
    machinery = {"rabbitMQ": {"up": True}}
    gateway = Gateway(house.record, house.request, house.decide, house.health, to_document, lambda: machinery)
    register(orthanc, gateway)
    return orthanc


@pytest.mark.parametrize(
    "arguments", [{"AccessionNumber": "NA200618EVCT077"}, {"PatientID": "P77"}, {"StudyInstanceUID": CT}]
)
def test_debug_tells_the_record_whole(house: House, orthanc: FakeOrthanc, arguments: dict[str, str]) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    status, answer = orthanc.call("GET", DEBUG, **arguments)
    (study,) = answer["studies"]
    assert (status, answer["found"]) == (200, True)
    assert (study["studyInstanceUID"], study["state"], study["sources"]) == (CT, "pull_data_end", ["PACS"])
    assert (study["studyDate"], study["studyTime"], study["modality"]) == ("2020-06-18", "08:06:26", "CT")
    assert (study["numberInPacs"], study["numberReceived"], study["tries"]) == (43, 43, 1)
    assert study["completeness"] == {"status": "complete", "expected": 43, "received": 43, "repulls": 0}
    refused = next(one for one in study["series"] if one["seriesInstanceUID"] == f"{CT}.1")
    assert (refused["verdict"], refused["rule"], refused["numberReceived"]) == ("refused", "image_type", 1)
    assert refused["reason"].startswith("filter because ImageType")
    assert refused["attributes"]["ImageType"]
    assert {"found", "stable", "pullStarted", "received", "verified", "delivered", "deleted"} <= set(study["timeline"])
    assert PATIENT_NAME not in json.dumps(answer)


def test_debug_asks_the_sources_where_there_is_no_record(house: House, orthanc: FakeOrthanc) -> None:
    house.pacs.add(chest_ct())
    status, answer = orthanc.call("GET", DEBUG, AccessionNumber="NA200618EVCT077")
    assert (status, answer["found"], answer["studies"]) == (200, False, [])
    (told,) = answer["sources"]["PACS"]["studies"]
    assert (told["studyInstanceUID"], told["numberInPacs"], told["modalities"]) == (CT, 43, ["CT"])
    assert house.record.number_of() == {}


def test_debug_tells_a_source_that_does_not_answer_from_one_that_has_nothing(
    house: House, orthanc: FakeOrthanc
) -> None:
    assert orthanc.call("GET", DEBUG, PatientID="x")[1]["sources"] == {"PACS": {"answered": True, "studies": []}}
    house.pacs.is_away = True
    assert orthanc.call("GET", DEBUG, PatientID="x")[1]["sources"] == {
        "PACS": {"answered": False, "error": "PACS: time-out"}
    }


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "expected one of StudyInstanceUID, AccessionNumber, PatientID"),
        ({"PatientID": " "}, "expected one of StudyInstanceUID, AccessionNumber, PatientID"),
        ({"patientID": "P77"}, "unknown: patientID; expected some of StudyInstanceUID, AccessionNumber, PatientID"),
        ({"PatientID": "P*"}, "expected one exact value, found 'P*'"),
        ({"PatientID": "P?"}, "expected one exact value, found 'P?'"),
        ({"StudyInstanceUID": "1\\2"}, "expected one exact value, found '1\\\\2'"),
    ],
)
def test_a_bad_question(orthanc: FakeOrthanc, arguments: dict[str, str], error: str) -> None:
    assert orthanc.call("GET", DEBUG, **arguments) == (400, {"error": error})


def test_status(house: House, orthanc: FakeOrthanc) -> None:
    house.pacs.add(chest_ct())
    house.poll(1)
    assert orthanc.call("GET", "/pacs-pull/status") == (
        200,
        {
            "studies": {"meta_only": 1},
            "sources": {"PACS": {"up": True, "failures": 0, "lastError": ""}},
            "rabbitMQ": {"up": True},
        },
    )


def test_pull_by_hand(house: House, orthanc: FakeOrthanc) -> None:
    house.pacs.add([*chest_ct(), *chest_dx()])
    status, answer = orthanc.call("POST", "/pacs-pull/pull", {"PatientID": "P77"})
    assert status == 200
    assert {study["studyInstanceUID"]: study["nextStep"] for study in answer["studies"]} == {CT: "pull", DX: "pull"}
    assert f"{DEBUG}?StudyInstanceUID={CT}" in answer["follow"]
    house.settle()
    assert len(house.messages()) == 2


def test_pull_of_series_number_zero(house: House, orthanc: FakeOrthanc) -> None:
    numbers = {f"{CT}.1": "1", f"{CT}.2": "0", f"{CT}.3": "3"}
    house.pacs.add(replace(image, tags={**image.tags, "SeriesNumber": numbers[image.series]}) for image in chest_ct())
    orthanc.call("POST", "/pacs-pull/pull", {"StudyInstanceUID": CT, "SeriesNumber": 0})
    house.settle()
    assert [message.body["seriesUID"] for message in house.messages()] == [f"{CT}.2"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"no json", b"\xff", {"Accession": "x"}, {"SeriesNumber": "1"}, {"PatientID": None}]
)
def test_a_bad_pull(house: House, orthanc: FakeOrthanc, body: object) -> None:
    status, answer = orthanc.call("POST", "/pacs-pull/pull", body)
    assert status == 400
    assert answer["error"]
    assert not house.pacs.finds


def test_decide(house: House, orthanc: FakeOrthanc) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    status, answer = orthanc.call("POST", f"/pacs-pull/studies/{CT}/completed")
    assert (status, answer["state"]) == (200, "completed")
    status, answer = orthanc.call("POST", f"/pacs-pull/studies/{CT}/skip")
    assert (status, answer["error"]) == (409, f"{CT}: no move from completed to unsupported_series")
    assert house.study(CT).state is State.COMPLETED
    assert orthanc.call("POST", "/pacs-pull/studies/9.9/retry")[0] == 404


def test_another_method_is_not_allowed(orthanc: FakeOrthanc) -> None:
    assert orthanc.call("POST", DEBUG) == (405, "GET")
    assert orthanc.call("GET", "/pacs-pull/pull") == (405, "POST")


def test_a_database_that_is_away(house: House, orthanc: FakeOrthanc, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: str) -> None:
        raise RecordError("the database is away")

    monkeypatch.setattr(house.record, "find", away)
    assert orthanc.call("GET", DEBUG, PatientID="x") == (503, {"error": "the database is away"})
