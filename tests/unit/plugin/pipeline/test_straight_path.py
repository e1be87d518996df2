"""From the PACS to the queue, and out of Orthanc again."""

from __future__ import annotations

from collections.abc import Callable

from filters import RulesFile
from plugin.domain.study import State, Step
from tests.unit.plugin.examples import CT, DX, HAND, HEAD, chest_ct, chest_dx, series
from tests.unit.plugin.house import House


def test_a_ct_is_delivered_by_its_thickest_wanted_series_and_deleted(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.work()
    (message,) = house.messages()
    assert message.body["seriesUID"] == f"{CT}.3"
    assert message.body["series"] == [{"seriesUID": f"{CT}.3", "numberReceived": 30, "numberInPacs": 30}]
    assert (message.body["numberReceived"], message.body["numberInPacs"], message.body["complete"]) == (30, 30, True)
    assert (message.body["isPush"], message.body["priorities"], message.body["revision"]) == (0, 0, 1)
    study = house.study(CT)
    assert (study.state, study.next_step) == (State.PULL_DATA_END, None)
    steps = ["found", "stable", "pullStarted", "received", "verified", "delivered", "deleted"]
    assert list(study.timeline) == steps
    assert not house.store.images
    assert house.store.delete_calls == 1
    assert study.completeness.status == "complete"
    assert {one.series_instance_uid: (one.verdict, one.rule) for one in study.series} == {
        f"{CT}.1": ("refused", "image_type"),
        f"{CT}.2": ("kept", None),
        f"{CT}.3": ("kept", None),
    }
    assert [one.series_instance_uid for one in study.series if one.number_delivered] == [f"{CT}.3"]


def test_the_record_says_why_a_series_was_preferred(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    reasons = {one.series_instance_uid: one.reason for one in house.study(CT).series}
    assert f"preferred over {CT}.2 because it has more images (30 against 12)" in reasons[f"{CT}.3"]
    assert f"{CT}.3 preferred because it has more images (30 against 12)" in reasons[f"{CT}.2"]


def test_only_one_image_of_a_series_is_read(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.work()
    assert len(house.store.headers_read) == 3


def test_a_dx_is_pulled_at_first_sight_and_delivered_whole(house: House) -> None:
    house.pacs.add(chest_dx())
    house.poll(1)
    house.work()
    (message,) = house.messages()
    assert message.body["seriesUID"] == f"{DX}.1"
    assert message.body["seriesnum"] == 2
    assert message.body["numberReceived"] == 2
    assert [len(instances) for instances in house.hand_over.folders.values()] == [2]


def test_a_dx_study_leaves_out_the_views_that_are_not_wanted(house: House) -> None:
    house.pacs.add([*chest_dx(), *series(f"{DX}.9", 1, {"Modality": "DX", **HAND})])
    house.poll(1)
    house.work()
    (message,) = house.messages()
    assert [one["seriesUID"] for one in message.body["series"]] == [f"{DX}.1", f"{DX}.2"]  # type: ignore[attr-defined]


def test_a_study_without_a_wanted_series_ends_unsupported_and_is_deleted(house: House) -> None:
    house.pacs.add(series(f"{CT}.1", 40, HEAD))
    house.poll(2)
    house.work()
    study = house.study(CT)
    assert (study.state, study.next_step) == (State.UNSUPPORTED_SERIES, None)
    assert not house.messages()
    assert not house.store.images
    assert not house.hand_over.folders


def test_a_pushed_study_goes_when_orthanc_calls_it_stable(house: House) -> None:
    images = chest_ct()
    house.push(images)
    house.work()
    assert house.study(CT).state is State.PULL_DATA
    assert not house.messages()
    house.quiet(images[0])
    house.work()
    (message,) = house.messages()
    assert (message.body["isPush"], message.body["priorities"]) == (1, 4)
    assert (message.body["numberInPacs"], message.body["complete"]) == (None, None)
    assert house.study(CT).completeness.status == "unknown"
    assert not house.store.images


def test_with_delete_after_send_off_nothing_is_deleted_and_nothing_is_sent_twice(build: Callable[..., House]) -> None:
    house = build(delete_after_send=False)
    images = chest_ct()
    house.push(images)
    house.quiet(images[0])
    house.work()
    house.quiet(images[0])
    house.reconcile()
    house.work()
    assert len(house.store.images) == len(images)
    assert len(house.messages()) == 1


def test_with_deliver_all_each_series_has_its_own_message_and_revision_one(
    build: Callable[..., House], changed_rules: Callable[[str, str], RulesFile]
) -> None:
    house = build(rules=changed_rules('deliver = "Thickest"', 'deliver = "All"'))
    house.pacs.add(chest_ct())
    house.poll(2)
    house.work()
    assert {message.body["seriesUID"] for message in house.messages()} == {f"{CT}.2", f"{CT}.3"}
    assert [message.body["revision"] for message in house.messages()] == [1, 1]
    assert len({message.message_id for message in house.messages()}) == 2


def test_each_step_is_claimed_once(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    assert house.driver.claim(Step.PULL) is not None
    assert house.driver.claim(Step.PULL) is None
