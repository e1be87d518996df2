"""Which studies a poll reaches, and which have to be pulled by hand; how the growing study grows."""

from datetime import date
from pathlib import Path

from tests.simulators.demo.contents import LateImages, PacsStudy, days_to_poll, out_of_reach

TODAY = date(2026, 3, 1)


def study(uid: str, study_date: str) -> PacsStudy:
    return PacsStudy(uid, "A1", study_date, ("CT",), 12)


def test_polls_reach_a_year_and_the_rest_is_pulled_by_hand() -> None:
    studies = [
        study("1.1", "20260301"),
        study("1.2", "20260228"),
        study("1.3", "20250301"),
        study("1.4", "20250228"),
        study("1.5", ""),
        study("1.6", "19010101"),
        study("1.7", "2026.3"),
        study("1.8", "20260305"),
    ]
    assert days_to_poll(studies, TODAY) == [-365, -1, 0, 4]
    assert [each.study_instance_uid for each in out_of_reach(studies, TODAY)] == ["1.4", "1.5", "1.6", "1.7"]


def test_today_is_always_polled() -> None:
    assert days_to_poll([], TODAY) == [0]


def test_late_images_come_bit_by_bit_then_the_rest_after_the_delivery() -> None:
    files = [Path(f"{number}.dcm") for number in range(50)]
    late = LateImages.of("1.2", files)
    before = []
    while late.before:
        before.append(late.next_batch(is_delivered=False))
    assert len(before) > 3
    assert [file for batch in before for file in batch] == files[:25]
    is_over = [late.is_over]
    assert late.next_batch(is_delivered=False) == []
    assert late.next_batch(is_delivered=True) == files[25:]
    assert late.next_batch(is_delivered=True) == []
    assert [*is_over, late.is_over] == [False, True]
