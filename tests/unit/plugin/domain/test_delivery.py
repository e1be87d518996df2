"""The message: its counts, its identity, and what it is compared with."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.domain.delivery import Origin, Parcel, message_id, packed, previous
from plugin.domain.study import Delivery, Series, Study

STUDY = Study("1.2", accession_number="A1", patient_id="P77", priority=4, is_push=True)


def parcel(*series: Series, is_one_of_many: bool = False) -> Parcel:
    return Parcel("chest-ct", "ct", "folder", series, ("image",), is_one_of_many, "20200618T080626")


@pytest.mark.parametrize(
    ("numbers", "in_pacs", "complete"),
    [
        ([(3, 3), (2, 2)], 5, True),
        ([(3, 3), (2, 1)], 5, False),
        ([(3, 2), (2, 3)], 5, False),
        ([(3, 3), (None, 1)], None, None),
        ([(0, 0)], 0, True),
        ([(3, 4)], 3, True),
    ],
)
def test_complete_is_said_series_by_series(
    numbers: list[tuple[int | None, int]], in_pacs: int | None, complete: bool | None
) -> None:
    one = parcel(*(Series(f"1.2.{n}", number_in_pacs=n, number_received=r) for n, r in numbers))
    assert (one.number_in_pacs, one.is_complete) == (in_pacs, complete)


def test_the_body() -> None:
    series = Series("1.2.3", "CT", 3, 3)
    delivery, outgoing = packed(STUDY, parcel(series), Origin("GEPACS", "192.168.1.150", 12.25), "/store_image/f", 2)
    assert outgoing.body == {
        "studyUID": "1.2",
        "seriesUID": "1.2.3",
        "numberReceived": 3,
        "statecode": 800,
        "message": "",
        "filepath": "/store_image/f",
        "callingAPTitle": "GEPACS",
        "callingPresentationAddress": "192.168.1.150",
        "seriesnum": 1,
        "totalRecievedtime": "12.25",
        "priorities": 4,
        "isPush": 1,
        "lastUpdateTime": "20200618T080626",
        "schemaVersion": 1,
        "task": "chest-ct",
        "revision": 2,
        "complete": True,
        "numberInPacs": 3,
        "accessionNumber": "A1",
        "patientID": "P77",
        "modality": "CT",
        "series": [{"seriesUID": "1.2.3", "numberReceived": 3, "numberInPacs": 3}],
    }
    assert (outgoing.routing_key, outgoing.priority) == ("ct", 4)
    assert delivery.message_id == outgoing.message_id
    assert (delivery.revision, delivery.number_received, delivery.folder) == (2, 3, "/store_image/f")


def test_a_time_that_is_not_known_is_empty() -> None:
    _, outgoing = packed(STUDY, parcel(Series("1.2.3")), Origin(), "/f", 1)
    assert outgoing.body["totalRecievedtime"] == ""


IDENTITY = st.tuples(st.text(), st.text(), st.text(), st.integers(1, 99))


@settings(max_examples=30)
@given(IDENTITY, IDENTITY)
def test_the_message_id_is_the_same_for_the_same_delivery_only(
    one: tuple[str, str, str, int], other: tuple[str, str, str, int]
) -> None:
    if "|" not in "".join((*one[:3], *other[:3])):
        assert (message_id(*one) == message_id(*other)) is (one == other)
    assert message_id(*one) == message_id(*one)


def test_the_message_id_does_not_change_with_a_release() -> None:
    assert message_id("1.2", "chest-ct", "1.2.3", 1) == "e09f33e0-1143-5d48-8bb4-efd63863d61a"


def delivery(revision: int, uid: str, task: str = "chest-ct", is_one_of_many: bool = False) -> Delivery:
    return Delivery(task, revision, "id", uid, 3, "/f", is_one_of_many=is_one_of_many)


def test_what_stands_for_the_study_is_compared_with_what_stood_for_it_last() -> None:
    own, newer, named, other = (
        delivery(1, "a"),
        delivery(2, "b"),
        delivery(3, "c", is_one_of_many=True),
        delivery(4, "a", "dx"),
    )
    study = Study("1.2", deliveries=(newer, own, named, other))
    assert previous(study, parcel(Series("a"))) == newer
    assert previous(study, parcel(Series("c"), is_one_of_many=True)) == named
    assert previous(study, parcel(Series("a"), is_one_of_many=True)) == own
    assert previous(study, parcel(Series("z"), is_one_of_many=True)) is None
    assert previous(Study("1.2"), parcel(Series("a"))) is None
