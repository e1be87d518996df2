"""A PACS as Orthanc's REST API tells of it: padding, ignored keys, nonsense."""

from __future__ import annotations

from typing import Any

import pytest

from plugin.adapters.dimse_source import DimseSource, series_answer, study_answer
from plugin.adapters.orthanc_rest import Loopback, RestError
from plugin.errors import SourceError, StoreError

ANSWER = {
    "StudyInstanceUID": "1.2.3\0",
    "PatientID": " P77 ",
    "AccessionNumber": "A1\0",
    "StudyDate": "20200612",
    "StudyTime": "080626.5",
    "ModalitiesInStudy": "CT\\PR \\",
    "StudyDescription": " 111 ",
    "NumberOfStudyRelatedInstances": " 300 ",
}


class StubLoopback(Loopback):
    """Answers each path with what it was given; ``calls`` lists what was asked."""

    def __init__(self, answers: object = (), error: Exception | None = None) -> None:
        self.answers, self.error = answers, error
        self.calls: list[tuple[str, str, Any]] = []

    def get(self, path: str, timeout: float = 0) -> Any:
        self.calls.append(("GET", path, None))
        if isinstance(self.answers, Exception):
            raise self.answers
        return self.answers

    def post(self, path: str, body: object, timeout: float = 0) -> Any:
        self.calls.append(("POST", path, body))
        if self.error is not None:
            raise self.error
        return {"Path": "/queries/1"}

    def delete(self, path: str) -> None:
        self.calls.append(("DELETE", path, None))


def source(http: StubLoopback) -> DimseSource:
    return DimseSource("PACS", http, "GATEWAY", 2.9)


def test_a_study_answer_is_trimmed_and_its_uid_kept_as_given() -> None:
    answer = study_answer(ANSWER)
    assert (answer.study_instance_uid, answer.uid_as_given) == ("1.2.3", "1.2.3\0")
    assert (answer.patient_id, answer.accession_number, answer.study_description) == ("P77", "A1", "111")
    assert (answer.study_date, answer.study_time) == ("2020-06-12", "08:06:26")
    assert (answer.modalities, answer.number_of_instances) == (("CT", "PR"), 300)


@pytest.mark.parametrize("nonsense", [{}, {"StudyInstanceUID": None}, {"StudyInstanceUID": 5, "StudyDate": ["x"]}])
def test_an_answer_without_the_usual_tags(nonsense: dict[str, Any]) -> None:
    answer = study_answer(nonsense)
    assert (answer.study_instance_uid, answer.study_date, answer.modalities) == ("", "", ())
    assert answer.number_of_instances is None


@pytest.mark.parametrize("text", ["", "abc", "-3", "3.5", "٣", "9" * 5000, None, 7])
def test_a_count_that_is_none(text: object) -> None:
    assert study_answer({"NumberOfStudyRelatedInstances": text}).number_of_instances is None


def test_a_series_answer() -> None:
    count = {"NumberOfSeriesRelatedInstances": "7"}
    answer = series_answer({"SeriesInstanceUID": "1.2.3.4 ", **count, "PatientName": "DOE^JANE", "ImageType": "A\\ B"})
    assert (answer.series_instance_uid, answer.uid_as_given, answer.number_of_instances) == ("1.2.3.4", "1.2.3.4 ", 7)
    assert answer.header["ImageType"] == ["A", "B"]
    assert "PatientName" not in answer.header


def test_a_find_is_asked_for_and_put_away() -> None:
    http = StubLoopback([ANSWER])
    (answer,) = source(http).find_studies({"StudyDate": "20200612"})
    assert answer.study_instance_uid == "1.2.3"
    (_, path, body), *_, last = http.calls
    assert (path, body["Level"], body["Timeout"]) == ("/modalities/PACS/query", "Study", 2)
    assert body["Query"]["StudyDate"] == "20200612"
    assert body["Query"]["ModalitiesInStudy"] == ""
    assert "Modality" not in body["Query"], "it does not exist at STUDY level"
    assert not {"PatientName", "PatientBirthDate"} & set(body["Query"])
    assert last == ("DELETE", "/queries/1", None)


def test_series_of_other_studies_without_a_uid_or_twice_are_dropped() -> None:
    """A PACS may ignore the key and answer its whole archive."""

    def series(study: str, uid: str) -> dict[str, str]:
        return {"StudyInstanceUID": study, "SeriesInstanceUID": uid}

    ours = [
        series("1.2.3", "1"),
        series("1.2.3\0", "2"),
        series("", "3"),
        {"SeriesInstanceUID": "4"},
        series("1.2.3", "1"),
    ]
    http = StubLoopback([*ours, series("9.9", "5"), series("1.2.3", " ")])
    found = source(http).find_series("1.2.3 ")
    assert [one.series_instance_uid for one in found] == ["1", "2", "3", "4"]
    body = http.calls[0][2]
    assert (body["Level"], body["Normalize"], body["Query"]["StudyInstanceUID"]) == ("Series", False, "1.2.3 ")


def test_a_series_is_counted_by_its_images() -> None:
    answers = [{"SOPInstanceUID": "1 "}, {"SOPInstanceUID": "2"}, {"SOPInstanceUID": "1"}, {}]
    assert source(StubLoopback(answers)).find_images("1.2.3", "1.2.3.4") == {"1", "2"}


def test_no_answers_is_an_empty_answer_and_no_error() -> None:
    assert source(StubLoopback(None)).find_studies({}) == []


def test_what_cannot_be_asked_is_an_error_with_orthancs_words() -> None:
    error = RestError("/modalities/PACS/query", 500, "DicomFindScu: time-out")
    with pytest.raises(SourceError, match="PACS: find failed: DicomFindScu: time-out"):
        source(StubLoopback(error=error)).find_studies({})


def test_answers_that_cannot_be_read_are_an_error_and_put_away() -> None:
    http = StubLoopback(StoreError("nonsense"))
    with pytest.raises(SourceError, match="not readable"):
        source(http).find_studies({})
    assert http.calls[-1][0] == "DELETE"


@pytest.mark.parametrize(
    ("series", "level", "resources"),
    [
        ((), "Study", [{"StudyInstanceUID": "1.2.3 "}]),
        (("4 ", "5"), "Series", [{"StudyInstanceUID": "1.2.3 ", "SeriesInstanceUID": uid} for uid in ("4 ", "5")]),
    ],
)
def test_a_move_names_what_is_wanted_and_where_it_goes(
    series: tuple[str, ...], level: str, resources: list[dict[str, str]]
) -> None:
    http = StubLoopback()
    source(http).retrieve("1.2.3 ", series)
    ((_, path, body),) = http.calls
    assert path == "/modalities/PACS/move"
    assert body == {"Level": level, "Resources": resources, "TargetAet": "GATEWAY", "Timeout": 2}


def test_a_move_that_fails() -> None:
    with pytest.raises(SourceError, match="PACS: move failed: "):
        source(StubLoopback(error=StoreError("refused"))).retrieve("1.2.3")


def test_alive() -> None:
    assert source(StubLoopback()).is_alive()
    assert not source(StubLoopback(error=StoreError("refused"))).is_alive()
