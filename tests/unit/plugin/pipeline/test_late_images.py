"""Images that come after the first delivery, when Orthanc has long forgotten the study."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from filters import RulesFile
from plugin.domain.study import State, Step
from tests.fakes import Image, resource_id
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, DX, HAND, SCOUT, chest_ct, chest_dx, series
from tests.unit.plugin.house import House


def pushed(house: House, images: list[Image]) -> None:
    house.push(images)
    house.quiet(images[0])
    house.settle()
    assert not house.store.images


def folder(images: list[Image], *uids: str) -> str:
    return resource_id(images[0].tag("PatientID"), *uids)


def test_late_pushed_images_of_a_ct_join_those_in_the_hand_over_folder(house: House, lines: Lines) -> None:
    images = series(f"{CT}.3", 30)
    pushed(house, images[:25])
    pushed(house, images[25:])
    first, second = house.messages()
    assert (first.body["numberReceived"], second.body["numberReceived"]) == (25, 30)
    assert (first.body["revision"], second.body["revision"]) == (1, 2)
    assert first.body["filepath"] == second.body["filepath"]
    assert first.message_id != second.message_id
    assert len(house.hand_over.folders[folder(images, CT, f"{CT}.3")]) == 30
    assert lines.containing(f"reinform {CT} last is 25;now 20200618T063027 {CT}.3 is 30")


def test_a_late_pushed_view_of_a_dx_joins_the_first(house: House) -> None:
    images = chest_dx()
    pushed(house, images[:1])
    pushed(house, images[1:])
    _, second = house.messages()
    assert (second.body["numberReceived"], second.body["seriesnum"]) == (2, 2)
    assert second.body["series"] == [
        {"seriesUID": f"{DX}.{place}", "numberReceived": 1, "numberInPacs": None} for place in (2, 1)
    ]
    assert len(house.hand_over.folders[folder(images, DX)]) == 2


def test_a_series_of_a_dx_that_comes_in_parts_is_counted_whole(house: House) -> None:
    images = series(f"{DX}.1", 3, {"Modality": "DX"})
    for image in images:
        pushed(house, [image])
    assert [message.body["numberReceived"] for message in house.messages()] == [1, 2, 3]


@pytest.mark.parametrize("images", [chest_dx(), series(f"{DX}.1", 2, {"Modality": "DX"})])
def test_a_crash_after_the_folder_was_written_counts_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch, images: list[Image]
) -> None:
    pushed(house, images[:1])
    house.push(images[1:])
    house.quiet(images[0])
    claimed = house.driver.claim(Step.DELIVER)
    assert claimed is not None
    house.steps[Step.DELIVER](claimed)
    house.crash()
    house.settle()
    assert house.messages()[-1].body["numberReceived"] == 2


def test_after_the_folder_is_gone_only_what_is_new_counts(house: House, lines: Lines) -> None:
    pushed(house, series(f"{CT}.3", 30))
    house.decide.completed(CT)
    assert not house.hand_over.folders
    pushed(house, series(f"{CT}.3", 12, first=31))
    assert len(house.messages()) == 1
    assert lines.containing(f"notinform {CT} has no more instances this time")
    assert house.study(CT).state is State.PULL_DATA_END


def test_a_study_of_two_patient_ids_is_one(house: House) -> None:
    """A PatientID was put right while the images came; Orthanc then holds the study twice."""
    images = [*series(f"{CT}.3", 20), *series(f"{CT}.3", 10, {"PatientID": "P78"}, first=21)]
    pushed(house, images)
    assert house.messages()[0].body["numberReceived"] == 30
    assert sum(len(instances) for instances in house.hand_over.folders.values()) == 30


@pytest.mark.parametrize("late", [series(f"{CT}.9", 1, SCOUT), series(f"{CT}.9", 1, {"Modality": "SR"})])
def test_a_late_series_that_nobody_wants_leaves_a_delivered_study_delivered(house: House, late: list[Image]) -> None:
    pushed(house, series(f"{CT}.3", 30))
    pushed(house, late)
    study = house.study(CT)
    assert (study.state, study.next_step) == (State.PULL_DATA_END, None)
    assert {one.series_instance_uid: one.verdict for one in study.series} == {f"{CT}.3": "kept", f"{CT}.9": "refused"}
    assert len(house.messages()) == 1


def test_a_late_view_that_nobody_wants(house: House) -> None:
    pushed(house, chest_dx())
    pushed(house, series(f"{DX}.9", 1, {"Modality": "DX", **HAND}))
    assert len(house.messages()) == 1
    assert house.study(DX).state is State.PULL_DATA_END


def test_a_late_thicker_series_is_delivered(house: House) -> None:
    pushed(house, series(f"{CT}.3", 30))
    pushed(house, series(f"{CT}.4", 40))
    assert [message.body["seriesUID"] for message in house.messages()] == [f"{CT}.3", f"{CT}.4"]
    assert house.messages()[1].body["revision"] == 2


def test_a_late_thinner_series_is_not(house: House, lines: Lines) -> None:
    pushed(house, series(f"{CT}.3", 30))
    pushed(house, series(f"{CT}.4", 20))
    assert len(house.messages()) == 1
    assert lines.containing(f"notinform {CT} has no more instances this time")


def test_with_the_switch_off_each_round_is_delivered(build: Callable[..., House]) -> None:
    house = build(resend_only_thicker_series=False)
    pushed(house, series(f"{CT}.3", 30))
    pushed(house, series(f"{CT}.4", 20))
    assert len(house.messages()) == 2


def test_with_deliver_all_each_series_is_compared_with_itself(
    build: Callable[..., House], changed_rules: Callable[[str, str], RulesFile]
) -> None:
    house = build(rules=changed_rules('deliver = "Thickest"', 'deliver = "All"'))
    pushed(house, series(f"{CT}.3", 30))
    pushed(house, series(f"{CT}.4", 20))
    pushed(house, series(f"{CT}.4", 5, first=21))
    assert [(message.body["seriesUID"], message.body["numberReceived"]) for message in house.messages()] == [
        (f"{CT}.3", 30),
        (f"{CT}.4", 20),
        (f"{CT}.4", 25),
    ]


def test_images_that_come_between_the_decision_and_the_deletion_are_not_deleted(house: House) -> None:
    images = series(f"{CT}.3", 30)
    house.push(images[:25])
    house.quiet(images[0])
    for step in (Step.DELIVER, Step.PUBLISH):
        assert house.step(step)
    house.push(images[25:])
    assert house.step(Step.CLEAN)
    assert not house.store.deleted
    assert house.study(CT).next_step is None
    house.quiet(images[0])
    house.settle()
    assert [message.body["numberReceived"] for message in house.messages()] == [25, 30]


def test_images_that_are_quiet_by_the_time_of_the_deletion_are_delivered_at_once(house: House, lines: Lines) -> None:
    images = series(f"{CT}.3", 30)
    house.push(images[:25])
    house.quiet(images[0])
    for step in (Step.DELIVER, Step.PUBLISH):
        assert house.step(step)
    house.store.receive(images[25:])
    house.settle()
    assert [message.body["numberReceived"] for message in house.messages()] == [25, 30]
    assert lines.containing("images came in since the delivery was decided: the study stays in Orthanc")


def test_an_image_swapped_for_another_is_an_image_that_came_in(house: House) -> None:
    """The number is the same and proves nothing."""
    images = series(f"{CT}.3", 30)
    house.push(images[:29])
    house.quiet(images[0])
    for step in (Step.DELIVER, Step.PUBLISH):
        assert house.step(step)
    del house.store.images[images[0].instance]
    house.store.receive(images[29:])
    house.step(Step.CLEAN)
    assert not house.store.deleted


def test_late_images_after_the_algorithm_is_done(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.settle()
    house.decide.completed(CT)
    house.pacs.add(series(f"{CT}.3", 10, first=31))
    house.poll(2)
    house.settle()
    assert house.messages()[-1].body["numberReceived"] == 40
    assert house.study(CT).state is State.PULL_DATA_END
