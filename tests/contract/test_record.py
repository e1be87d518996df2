"""What the pipeline takes for granted of the record, whatever database it is on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from plugin.domain.study import (
    Completeness,
    Delivery,
    Lease,
    Outgoing,
    Series,
    Sighting,
    State,
    Step,
    Study,
)
from plugin.errors import IllegalMoveError
from plugin.ports import Record
from tests.contract.conftest import OpenRecord

NOW = datetime(2020, 6, 18, 12, tzinfo=UTC)
MINE = Lease("mine/8042", NOW + timedelta(minutes=1))
WHOLE = Study(
    study_instance_uid="1.2.840.1",
    accession_number="A1",
    patient_id="Ünïcode 胸",
    study_date="2020-06-12",
    study_time="08:06:26",
    modality="CT",
    modalities=("PR", "CT"),
    study_description="a 'quoted' \"text\" \\ and a tab\t",
    state=State.PULL_DATA,
    next_step=Step.DELIVER,
    due_at=NOW + timedelta(microseconds=1),
    queued_at=NOW,
    priority=4,
    rank=5,
    is_push=True,
    is_manual=True,
    wanted_series=("1.2.3",),
    missing=("1.2.4 ",),
    sightings={"PACS": Sighting("1.2.840.1\0", 300, NOW, is_stable=True), "MIRROR": Sighting("1.2.840.1", None, NOW)},
    number_in_pacs=300,
    number_received=299,
    settled_number=0,
    completeness=Completeness("incomplete", 300, 299, 2),
    tries=3,
    failures=2,
    is_retrieve_ok=False,
    last_error="PACS: time-out",
    series=(
        Series("1.2.3", "CT", None, 299, "kept", None, "", "chest-ct", 299, {"SliceThickness": "1.25", "Empty": None}),
        Series("1.2.4", attributes={"ImageType": ["ORIGINAL", "PRIMARY"], "NumberOfFrames": 1}),
    ),
    decided="abc",
    deliveries=(Delivery("chest-ct", 1, "id-1", "1.2.3", 299, "/store_image/a", {"1.2.3": 299}, is_one_of_many=True),),
    outbox=(Outgoing("id-1", "chest-ct", 4, {"complete": None, "series": [{"seriesUID": "1.2.3"}]}),),
    timeline={"found": NOW, "stable": NOW},
    lease=MINE,
    holder=MINE.owner,
)


def waiting(uid: str, step: Step | None = Step.PULL, **fields: object) -> Study:
    study = Study(uid, next_step=step, sightings={"PACS": Sighting(uid, 1, NOW)})
    return replace(study, **fields)  # type: ignore[arg-type]


def claimed(record: Record, step: Step = Step.PULL, now: datetime = NOW, **options: object) -> list[str]:
    """The UIDs of all that can be claimed, in order."""
    uids = []
    while (study := record.claim(step, replace(MINE, until=now + timedelta(minutes=1)), now, **options)) is not None:  # type: ignore[arg-type]
        uids.append(study.study_instance_uid)
    return uids


def test_a_study_comes_back_as_it_was_also_for_the_next_one_who_opens(open_record: OpenRecord) -> None:
    assert open_record().insert(WHOLE)
    assert open_record().get(WHOLE.study_instance_uid) == WHOLE


def test_a_study_that_nobody_inserted(record: Record) -> None:
    assert record.get("9.9") is None
    assert record.update("9.9", lambda study: study) is None


def test_a_second_insert_changes_nothing(record: Record) -> None:
    assert record.insert(WHOLE)
    assert not record.insert(Study(WHOLE.study_instance_uid, patient_id="another"))
    assert record.get(WHOLE.study_instance_uid) == WHOLE


def test_each_change_is_a_new_version(record: Record) -> None:
    record.insert(WHOLE)
    after = record.update(WHOLE.study_instance_uid, lambda study: replace(study, priority=9))
    assert after == replace(WHOLE, priority=9, version=1)
    assert record.get(WHOLE.study_instance_uid) == after


def test_no_change_is_no_new_version(record: Record) -> None:
    record.insert(WHOLE)
    assert record.update(WHOLE.study_instance_uid, lambda study: replace(study)) == WHOLE


def test_a_change_that_raises_changes_nothing(record: Record) -> None:
    record.insert(WHOLE)
    with pytest.raises(IllegalMoveError):
        record.update(WHOLE.study_instance_uid, lambda study: replace(study, priority=9).moved(State.COMPLETED))
    assert record.get(WHOLE.study_instance_uid) == WHOLE
    assert record.update(WHOLE.study_instance_uid, lambda study: replace(study, priority=8)) is not None


# --- claim --------------------------------------------------------------------------------------------------------


def test_the_highest_rank_comes_first_then_the_oldest_examination(record: Record) -> None:
    day = "2020-06-18"
    record.insert(waiting("late", study_date=day, study_time="11:00:00"))
    record.insert(waiting("no date"))
    record.insert(waiting("no time", study_date=day))
    record.insert(waiting("yesterday", study_date="2020-06-17", study_time="23:00:00"))
    record.insert(waiting("early", study_date=day, study_time="08:00:00"))
    record.insert(waiting("urgent", rank=9, study_date=day, study_time="12:00:00"))
    assert claimed(record) == ["urgent", "yesterday", "early", "late", "no time", "no date"]


def test_a_claim_is_leased_and_a_new_version(record: Record) -> None:
    record.insert(waiting("1"))
    study = record.claim(Step.PULL, MINE, NOW)
    assert study == replace(waiting("1"), lease=MINE, holder=MINE.owner, version=1)
    assert record.get("1") == study


def test_only_the_step_asked_for_is_claimed(record: Record) -> None:
    for step in (*Step, None):
        record.insert(waiting(str(step), step))
    for step in Step:
        assert claimed(record, step) == [str(step)]


def test_what_is_due_later_waits(record: Record) -> None:
    record.insert(waiting("1", due_at=NOW + timedelta(seconds=10)))
    assert claimed(record) == []
    assert claimed(record, now=NOW + timedelta(seconds=10)) == ["1"]


def test_a_due_time_further_ahead_than_any_wait_is_a_clock_that_jumped(record: Record) -> None:
    record.insert(waiting("1", due_at=NOW + timedelta(days=365)))
    assert claimed(record) == ["1"]


def test_a_lease_keeps_others_off_until_it_is_over(record: Record) -> None:
    record.insert(waiting("1"))
    assert claimed(record) == ["1"]
    assert claimed(record, now=NOW + timedelta(seconds=59)) == []
    assert claimed(record, now=NOW + timedelta(seconds=60)) == ["1"]


def test_studies_are_claimed_by_source(record: Record) -> None:
    def held_by(*aliases: str) -> dict[str, Sighting]:
        return {alias: Sighting("1", 1, NOW) for alias in aliases}

    record.insert(waiting("pushed", sightings=held_by()))
    record.insert(waiting("left", study_time="01", sightings=held_by("PACS")))
    record.insert(waiting("both", study_time="02", sightings=held_by("PACS-2", "PACS")))
    record.insert(waiting("right", study_time="03", sightings=held_by("PACS-2")))
    assert claimed(record, sources=["ACS"]) == []
    assert claimed(record, sources=[]) == ["pushed"]
    assert claimed(record, sources=["PACS"]) == ["left", "both"]
    assert claimed(record, sources=["PACS", "PACS-2"]) == ["right"]


def test_a_source_that_is_seen_later_counts(record: Record) -> None:
    record.insert(waiting("1", sightings={}))
    record.update("1", lambda study: replace(study, sightings={"PACS": Sighting("1", 1, NOW)}))
    assert claimed(record, sources=[]) == []
    assert claimed(record, sources=["PACS"]) == ["1"]


# --- leases, ageing -----------------------------------------------------------------------------------------------


def test_leases_of_an_owner_are_prolonged_and_dropped_and_nobody_elses(record: Record) -> None:
    theirs = replace(MINE, owner="theirs/8042")
    record.insert(waiting("mine", lease=MINE))
    record.insert(waiting("theirs", lease=theirs))
    until = NOW + timedelta(hours=1)
    record.renew(Lease(MINE.owner, until), ["mine", "theirs"])
    assert [_lease(record, uid) for uid in ("mine", "theirs")] == [replace(MINE, until=until), theirs]
    assert record.release(MINE.owner) == 1
    assert [_lease(record, uid) for uid in ("mine", "theirs")] == [None, theirs]
    assert record.release(MINE.owner) == 0
    assert claimed(record) == ["mine"]


def _lease(record: Record, uid: str) -> Lease | None:
    study = record.get(uid)
    assert study is not None
    return study.lease


def test_waiting_pulls_rise_with_time_and_never_above_a_manual_one(record: Record) -> None:
    record.insert(waiting("new", queued_at=NOW))
    record.insert(waiting("old", queued_at=NOW - timedelta(hours=3)))
    record.insert(waiting("ancient", queued_at=NOW - timedelta(days=30)))
    record.insert(waiting("manual", queued_at=NOW, priority=9, rank=9))
    record.insert(waiting("not a pull", Step.CLEAN, queued_at=NOW - timedelta(days=30)))
    record.insert(waiting("no time", queued_at=None))
    record.age(NOW)
    ranks = {uid: (record.get(uid) or WHOLE).rank for uid in ("new", "old", "ancient", "manual", "not a pull")}
    assert ranks == {"new": 0, "old": 3, "ancient": 8, "manual": 9, "not a pull": 0}
    assert claimed(record)[:3] == ["manual", "ancient", "old"]


# --- queries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["study_instance_uid", "accession_number", "patient_id", "study_date", "state"])
def test_find_by_each_indexed_field(record: Record, name: str) -> None:
    record.insert(WHOLE)
    record.insert(Study("9.9", accession_number="other", patient_id="other", study_date="2020-01-01"))
    assert record.find(**{name: str(getattr(WHOLE, name))}) == [WHOLE]
    assert record.find(**{name: "nothing"}) == []


def test_find_by_several_fields_newest_first_and_not_endless(record: Record) -> None:
    for number in range(105):
        record.insert(Study(f"1.{number}", patient_id="P", study_date="2020-06-18", study_time=f"{number:06}"))
    found = record.find(patient_id="P", study_date="2020-06-18")
    assert [study.study_instance_uid for study in found] == [f"1.{number}" for number in range(104, 4, -1)]


def test_counts_and_lists(record: Record) -> None:
    record.insert(Study("1", study_date="2020-06-17"))
    record.insert(Study("2", study_date="2020-06-18", state=State.FAILED))
    record.insert(waiting("3", study_date="2020-06-18", state=State.FAILED))
    assert record.number_of() == {"meta_only": 1, "failed": 2}
    assert record.number_of("2020-06-18") == {"failed": 2}
    assert record.number_of("1999-01-01") == {}
    assert sorted(record.in_state(State.FAILED)) == ["2", "3"]
    assert record.waiting(Step.PULL) == ["3"]
    assert (record.number_waiting(Step.PULL), record.number_waiting(Step.CLEAN)) == (1, 0)


# --- at the same time ---------------------------------------------------------------------------------------------


def _together(number: int, work: Callable[[int], None]) -> None:
    """``work`` in so many threads that all begin at once."""
    barrier, errors = threading.Barrier(number), list[BaseException]()

    def run(place: int) -> None:
        barrier.wait(10)
        try:
            work(place)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("is_shared", [True, False])
def test_each_study_is_claimed_once(open_record: OpenRecord, is_shared: bool) -> None:
    """By threads of one gateway, and by gateways that share the database."""
    first = open_record()
    for number in range(60):
        first.insert(waiting(f"1.{number}"))
    records = [first if is_shared else open_record() for _ in range(6)]
    taken: list[list[str]] = [[] for _ in records]

    def claim(place: int) -> None:
        lease = replace(MINE, owner=f"gateway {place}")
        while (study := records[place].claim(Step.PULL, lease, NOW)) is not None:
            taken[place].append(study.study_instance_uid)

    _together(len(records), claim)
    assert sorted(uid for uids in taken for uid in uids) == sorted(f"1.{number}" for number in range(60))


@pytest.mark.parametrize("is_shared", [True, False])
def test_no_update_is_lost(open_record: OpenRecord, is_shared: bool) -> None:
    first = open_record()
    first.insert(Study("1"))
    records = [first if is_shared else open_record() for _ in range(6)]

    def count(place: int) -> None:
        for _ in range(20):
            records[place].update("1", lambda study: replace(study, tries=study.tries + 1))

    _together(len(records), count)
    study = first.get("1")
    assert study is not None
    assert (study.tries, study.version) == (120, 120)


def test_one_insert_wins(open_record: OpenRecord) -> None:
    records = [open_record() for _ in range(6)]
    won: list[int] = []

    def insert(place: int) -> None:
        if records[place].insert(Study("1", tries=place)):
            won.append(place)

    _together(len(records), insert)
    study = records[0].get("1")
    assert study is not None
    assert won == [study.tries]
