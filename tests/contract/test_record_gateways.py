"""What several gateways take for granted of the record they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.domain.priority import HIGHEST_AUTOMATIC, aged_rank, ageing
from plugin.domain.study import Lease, Step, Study
from plugin.ports import Record
from tests.contract.conftest import OpenRecord

NOW = datetime(2020, 6, 18, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
A, B = Lease("a/8042", NOW + MINUTE), Lease("b/8042", NOW + MINUTE)


def waiting(uid: str, step: Step = Step.PULL, **fields: object) -> Study:
    return replace(Study(uid, next_step=step), **fields)  # type: ignore[arg-type]


def holders(record: Record, *uids: str) -> list[str]:
    return [study.holder for study in map(record.get, uids) if study is not None]


@pytest.mark.parametrize("step", Step)
def test_a_study_that_another_gateway_holds_is_not_ours_to_take(open_record: OpenRecord, step: Step) -> None:
    record = open_record()
    record.insert(waiting("theirs", step, rank=9, holder=B.owner))
    record.insert(waiting("ours", step, holder=A.owner))
    assert _claimed(record, step, A) == ["ours"]
    assert _claimed(record, step, B) == ["theirs"]


def test_what_nobody_holds_is_held_by_whom_claims_it(record: Record) -> None:
    record.insert(waiting("1"))
    record.claim(Step.PULL, A, NOW)
    assert holders(record, "1") == [A.owner]
    later = NOW + 2 * MINUTE  # the lease is over, the images are still there
    assert record.claim(Step.PULL, B, later) is None
    assert record.claim(Step.PULL, A, later) is not None


def test_a_lease_of_a_clock_that_jumped_keeps_nobody_off(record: Record) -> None:
    record.insert(waiting("1", lease=replace(A, until=NOW + timedelta(days=365))))
    assert _claimed(record, Step.PULL, A) == ["1"]


def test_only_leases_of_studies_in_work_are_prolonged(record: Record) -> None:
    record.insert(waiting("in work", lease=A))
    record.insert(waiting("forgotten", lease=A))
    record.insert(waiting("taken over", lease=B))
    record.renew(replace(A, until=NOW + 3 * MINUTE), ["in work", "taken over", "gone"])
    record.renew(replace(A, until=NOW + 9 * MINUTE), [])
    leases = {uid: study.lease for uid in ("in work", "forgotten", "taken over") if (study := record.get(uid))}
    assert leases == {"in work": Lease(A.owner, NOW + 3 * MINUTE), "forgotten": A, "taken over": B}


def test_studies_held_elsewhere(record: Record) -> None:
    for uid, holder in {"1": "", "2": A.owner, "3": B.owner, "4": "c/8042"}.items():
        record.insert(waiting(uid, holder=holder))
    assert sorted(record.held_elsewhere([A.owner])) == ["3", "4"]
    assert sorted(record.held_elsewhere([A.owner, B.owner])) == ["4"]
    assert sorted(record.held_elsewhere([])) == ["2", "3", "4"]


def test_a_named_lease_has_one_owner_until_it_is_over(open_record: OpenRecord) -> None:
    ours, theirs = open_record(), open_record()
    assert ours.hold("find PACS", A, NOW)
    assert not theirs.hold("find PACS", B, NOW)
    assert theirs.hold("find MIRROR", B, NOW)
    assert ours.leases() == theirs.leases() == {"find PACS": A, "find MIRROR": B}
    longer = replace(A, until=NOW + 2 * MINUTE)
    assert ours.hold("find PACS", longer, NOW)
    assert not theirs.hold("find PACS", replace(B, until=NOW + 3 * MINUTE), NOW + MINUTE)
    taken = replace(B, until=NOW + 4 * MINUTE)
    assert theirs.hold("find PACS", taken, NOW + 2 * MINUTE)
    assert not ours.hold("find PACS", replace(A, until=NOW + 5 * MINUTE), NOW + 2 * MINUTE)
    assert ours.leases()["find PACS"] == taken


def test_a_named_lease_of_a_clock_that_jumped_is_taken(record: Record) -> None:
    assert record.hold("find PACS", replace(A, until=NOW + timedelta(days=365)), NOW)
    assert record.hold("find PACS", B, NOW)


@given(priority=st.integers(0, 9), minutes=st.integers(-60, 1000))
def test_the_table_of_ages_is_the_rule(priority: int, minutes: int) -> None:
    queued_at = NOW - minutes * MINUTE
    assert max(priority, _by_table(priority, queued_at, dict(ageing(NOW)))) == aged_rank(priority, queued_at, NOW)
    assert set(dict(ageing(NOW))) == set(range(1, HIGHEST_AUTOMATIC + 1))


def _by_table(priority: int, queued_at: datetime, table: Mapping[int, Mapping[int, datetime]]) -> int:
    reached = [rank for rank, queued in table.items() if priority in queued and queued_at <= queued[priority]]
    return max(reached, default=priority)


def _claimed(record: Record, step: Step, lease: Lease) -> list[str]:
    uids = []
    while (study := record.claim(step, lease, NOW)) is not None:
        uids.append(study.study_instance_uid)
    return uids
