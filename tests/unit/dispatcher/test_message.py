"""The message is read as the schema says, and nothing else gets in."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dispatcher.errors import BadMessageError
from dispatcher.message import Message, ids_in, parse
from plugin.domain.delivery import Origin, Parcel, packed
from plugin.domain.study import Series, Study
from tests.unit.dispatcher.examples import message

SCHEMA = json.loads((Path(__file__).parents[3] / "config" / "message.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)

ODD_VALUES: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    5,
    10,
    1.5,
    "",
    "x",
    "/x",
    "1.2.3",
    "20200618T080626",
    "y" * 65,
    [],
    {},
    [{}],
    ["x"],
]


def is_taken(content: Any) -> bool:
    try:
        parse(json.dumps(content).encode())
    except BadMessageError:
        return False
    return True


def test_the_schema_is_a_schema_and_takes_the_example() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(message())
    assert is_taken(message())


def test_every_key_is_required_and_described() -> None:
    assert set(SCHEMA["required"]) == set(SCHEMA["properties"]) == set(Message.model_fields)
    for key, rule in SCHEMA["properties"].items():
        assert len(rule["description"]) > 10, key
    for key in message():
        less = {other: value for other, value in message().items() if other != key}
        assert not VALIDATOR.is_valid(less), key
        with pytest.raises(BadMessageError, match=key):
            parse(json.dumps(less).encode())


@pytest.mark.parametrize("key", list(message()))
def test_schema_and_dispatcher_judge_alike(key: str) -> None:
    for value in ODD_VALUES:
        content = message(**{key: value})
        assert is_taken(content) == VALIDATOR.is_valid(content), f"{key} = {value!r}"


@pytest.mark.parametrize("key", ["seriesUID", "numberReceived", "numberInPacs"])
def test_schema_and_dispatcher_judge_series_alike(key: str) -> None:
    for value in ODD_VALUES:
        content = message(series=[{"seriesUID": "1", "numberReceived": 3, "numberInPacs": 3, key: value}])
        assert is_taken(content) == VALIDATOR.is_valid(content), f"{key} = {value!r}"


def test_counts_that_the_pacs_does_not_give_are_null() -> None:
    series = [{"seriesUID": "1.2.3.4", "numberReceived": 3, "numberInPacs": None}]
    content = message(numberInPacs=None, complete=None, series=series)
    assert VALIDATOR.is_valid(content)
    assert parse(json.dumps(content).encode()).complete is None


def test_other_keys_are_kept_but_not_logged() -> None:
    got = parse(json.dumps(message(PatientName="DOE^JOHN")).encode())
    assert got.model_dump()["PatientName"] == "DOE^JOHN"
    assert got.known() == message()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b"1" * 5000, "not JSON"),
        (b"[1]", "not a JSON object but list"),
        (b"null", "not a JSON object but NoneType"),
        (json.dumps(message(schemaVersion=2)).encode(), "unknown schemaVersion 2"),
        (json.dumps(message(schemaVersion="1")).encode(), "schemaVersion: "),
        (json.dumps(message(studyUID="\ud800")).encode(), "studyUID: "),
    ],
)
def test_what_is_wrong_is_said(body: bytes, reason: str) -> None:
    with pytest.raises(BadMessageError, match=reason):
        parse(body)


def test_reasons_hold_no_values() -> None:
    with pytest.raises(BadMessageError) as caught:
        parse(json.dumps(message(numberReceived="DOE^JOHN", modality=["DOE^JOHN"])).encode())
    assert "DOE" not in str(caught.value)


def test_ids_of_a_bad_message_as_far_as_it_has_them() -> None:
    assert ids_in(b'{"patientID": 7, "studyUID": "1.2"}') == ("7", "", "1.2", "")
    assert ids_in(b"nonsense") == ("", "", "", "")


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.text(), lambda c: st.lists(c)).map(lambda v: json.dumps(v).encode())
)
def test_no_body_breaks_the_parser(body: bytes) -> None:
    with pytest.raises(BadMessageError):
        parse(body)


def test_what_the_gateway_packs_is_valid() -> None:
    series = (Series("1.2.3.4", "CT", number_in_pacs=None, number_received=3), Series("1.2.3.5", number_received=1))
    study = Study("1.2.3", patient_id="7", is_push=True, priority=4)
    for parcel in (
        Parcel("chest-ct", "chest-ct", "4c18cd69", series),
        Parcel("a", "a", "b", series[:1], last_update="20200618T080626"),
    ):
        _, outgoing = packed(study, parcel, Origin(seconds=1.25), "/store_image/4c18cd69", 2)
        VALIDATOR.validate(outgoing.body)
        assert is_taken(outgoing.body)
