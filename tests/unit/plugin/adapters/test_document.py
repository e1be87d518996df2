"""The record as a document: nothing is lost on the way there and back."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.adapters.document import from_document, iso, to_document
from plugin.domain.study import Completeness, Delivery, Lease, Outgoing, Series, Sighting, Study
from tests.fakes import NOON

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
TIMES = st.integers(0, 4_000_000_000_000_000).map(lambda micros: EPOCH + timedelta(microseconds=micros))
NUMBERS = st.none() | st.integers(0, 2000)
WORDS = st.text(st.characters(categories=["L"]), max_size=6)
"""Keys within a message are ours: words."""
PLAIN = st.none() | st.booleans() | st.integers() | TEXT
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2), max_leaves=4
)
SERIES = st.builds(Series, TEXT, TEXT, NUMBERS, st.integers(0, 9), attributes=st.dictionaries(TEXT, JSON, max_size=2))
DELIVERIES = st.builds(Delivery, TEXT, st.integers(), TEXT, TEXT, st.integers(), TEXT)
STUDIES = st.builds(
    Study,
    study_instance_uid=TEXT,
    patient_id=TEXT,
    modalities=st.lists(TEXT, max_size=2).map(tuple),
    sightings=st.dictionaries(TEXT, st.builds(Sighting, TEXT, NUMBERS, TIMES, st.booleans()), max_size=2),
    number_in_pacs=NUMBERS,
    completeness=st.builds(Completeness, TEXT, NUMBERS),
    series=st.lists(SERIES, max_size=2).map(tuple),
    deliveries=st.lists(DELIVERIES, max_size=2).map(tuple),
    outbox=st.lists(st.builds(Outgoing, TEXT, TEXT, st.integers(), st.dictionaries(TEXT, JSON)), max_size=1).map(tuple),
    timeline=st.dictionaries(TEXT, TIMES, max_size=2),
    lease=st.none() | st.builds(Lease, TEXT, TIMES),
    due_at=st.none() | TIMES,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(STUDIES)
def test_there_and_back(study: Study) -> None:
    assert from_document(json.loads(json.dumps(to_document(study)))) == study


def test_the_names_of_the_contract() -> None:
    study = Study(
        "1.2", sightings={"PACS": Sighting("1.2 ", 3, NOON)}, series=(Series("1.2.3"),), timeline={"found": NOON}
    )
    document = to_document(study)
    assert {
        "studyInstanceUID", "accessionNumber", "patientID", "studyDate", "studyTime", "modality", "state", "priority",
        "sources", "numberInPacs", "numberReceived", "completeness", "tries", "series", "timeline",
    } <= set(document)  # fmt: skip
    assert document["sources"] == ["PACS"]
    assert document["sightings"][0]["source"] == "PACS"
    assert {
        "seriesInstanceUID", "modality", "numberInPacs", "numberReceived", "verdict", "rule", "reason", "attributes",
    } <= set(document["series"][0])  # fmt: skip
    assert document["timeline"] == {"found": "2020-06-18T12:00:00.000000Z"}
    assert (document["state"], document["nextStep"]) == ("meta_only", None)


def test_each_field_has_a_name_of_its_own() -> None:
    assert len(to_document(Study("1.2"))) == len(fields(Study)) + 1, "sources stands beside the sightings"


def test_what_is_not_ours_is_ignored_and_what_is_missing_has_its_default() -> None:
    assert from_document({"studyInstanceUID": "1.2", "_id": 5, "somebodyElses": {}}) == Study("1.2")


def test_times_are_utc_and_sort_as_text() -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=2)))
    assert iso(berlin) == "2020-06-18T12:00:00.000000Z"
