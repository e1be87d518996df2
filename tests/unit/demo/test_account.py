"""What the demo says of a study, from what the record says."""

from typing import Any

import pytest

from tests.simulators.demo.account import Row, account
from tests.simulators.demo.contents import PacsStudy

UID = "1.2.3"


def row(images: int = 30, document: dict[str, Any] | None = None, **study: Any) -> Row:
    in_pacs = PacsStudy(UID, study.get("accession", "A1"), "20260301", study.get("modalities", ("CT",)), images)
    record = {} if document is None else {UID: document}
    return account([in_pacs], record, {"CT", "DX"}, study.get("by_hand", {}))[0]


def series(verdict: str, reason: str, is_delivered: bool = False, name: str = "CHEST 1MM") -> dict[str, Any]:
    return {
        "seriesInstanceUID": "1.2.3.4",
        "verdict": verdict,
        "reason": reason,
        "numberDelivered": is_delivered,
        "attributes": {"SeriesDescription": name},
    }


def document(**fields: Any) -> dict[str, Any]:
    return {
        "state": "pull_data_end",
        "nextStep": None,
        "lease": None,
        "lastError": "",
        "numberReceived": 30,
        "settledNumber": 30,
        "series": [],
        "deliveries": [],
        **fields,
    }


def test_delivered() -> None:
    told = row(
        document=document(
            series=[
                series("kept", "", is_delivered=True),
                series("kept", "kept: chest", name="CHEST 5MM"),
                series("refused", "filter because instance nums 1 < 10", name="SCOUT"),
            ],
            deliveries=[{"task": "chest-ct", "revision": 2, "numberReceived": 25}],
        )
    )
    assert told.is_settled
    assert told.images == "30/30"
    assert told.why == (
        "chest-ct: 25 images of 'CHEST 1MM', revision 2; not 'CHEST 5MM' (fewer images), 'SCOUT' (instance nums 1 < 10)"
    )


def test_a_study_that_has_grown_since_is_not_settled() -> None:
    told = row(images=40, document=document())
    assert not told.is_settled
    assert told.why.endswith("now 40 images in the PACS")


def test_filtered_out_with_each_reason_once() -> None:
    refused = series("refused", "filter because BodyPartExamined HAND")
    told = row(document=document(state="unsupported_series", series=[refused, refused]))
    assert (told.is_settled, told.why) == (True, "filtered out: BodyPartExamined HAND")


@pytest.mark.parametrize(
    ("state", "step", "why"),
    [
        ("meta_only", None, "30 images in the PACS: waits until the number stands still"),
        ("meta_only", "pull", "waits for its turn to be pulled"),
        ("pull_data", "pull", "being pulled: 30 images"),
        ("pull_data", "deliver", "is here: counting, choosing series"),
        ("pull_data", "publish", "handed over: waits for RabbitMQ's confirm"),
    ],
)
def test_on_its_way(state: str, step: str | None, why: str) -> None:
    told = row(document=document(state=state, nextStep=step, settledNumber=None))
    assert (told.is_settled, told.why) == (False, why)


def test_failed_is_the_end_and_shows_the_error() -> None:
    told = row(document=document(state="failed", lastError="DEMO-PACS: the move brought nothing"))
    assert (told.is_settled, told.why) == (True, "DEMO-PACS: the move brought nothing")


def test_not_in_the_record() -> None:
    assert row() == Row(UID, "A1", "CT", "0/30", "-", "not seen by a poll yet", False)
    assert row(modalities=("MR",)).why == "not pulled: no task takes MR"
    assert row(modalities=("MR",)).is_settled
    assert not row(modalities=("MR", "CT")).is_settled
    assert row(by_hand={UID: "the PACS answers nothing"}).is_settled


def test_a_study_without_accession_number_is_named_by_its_uid() -> None:
    assert row(accession="").name == "…1.2.3"
