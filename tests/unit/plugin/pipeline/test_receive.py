"""Orthanc's events: hints that may be lost, repeated or late."""

from __future__ import annotations

from dataclasses import replace

from plugin.domain.study import State, Step
from plugin.pipeline.receive import Event, Kind
from tests.unit.plugin.examples import CT, SCOUT, chest_ct, series
from tests.unit.plugin.house import House


def test_an_event_of_a_study_that_is_gone(house: House) -> None:
    house.receive(Event(Kind.STABLE_STUDY, "00000000-00000000-00000000-00000000-00000000"))
    assert house.record.number_of() == {}


def test_the_record_of_a_pushed_study(house: House) -> None:
    house.push(chest_ct())
    study = house.study(CT)
    assert (study.state, study.next_step, study.is_push) == (State.PULL_DATA, None, True)
    assert (study.priority, study.rank) == (4, 4)
    assert (study.study_date, study.study_time, study.modality) == ("2020-06-18", "08:06:26", "CT")
    assert study.ids == ("P77", "NA200618EVCT077", CT)


def test_a_file_without_the_usual_tags(house: House) -> None:
    bare = [replace(image, tags={}) for image in series(f"{CT}.3", 20)]
    house.push(bare)
    house.quiet(bare[0])
    house.settle()
    assert house.study(CT).state is State.UNSUPPORTED_SERIES


def test_the_events_of_what_we_pull_change_nothing(house: House) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    claimed = house.driver.claim(Step.PULL)
    assert claimed is not None
    house.store.receive(chest_ct())
    for kind in Kind:
        house.tell(kind, chest_ct()[0])
    assert house.study(CT) == claimed
    house.driver.run(claimed)
    waiting = house.study(CT)
    house.quiet(chest_ct()[0])
    assert house.study(CT) == waiting
    house.work()
    assert len(house.messages()) == 1


def test_a_study_waiting_for_its_pull_is_not_pulled_when_it_is_pushed(house: House) -> None:
    images = chest_ct()
    house.pacs.add(images)
    house.poll(2)
    house.push(images)
    assert house.study(CT).next_step is None
    house.quiet(images[0])
    house.work()
    (message,) = house.messages()
    assert (message.body["isPush"], message.body["priorities"]) == (1, 4)
    assert not house.pacs.retrieves


def test_half_of_a_study_is_pushed_the_rest_is_pulled(house: House) -> None:
    images = chest_ct()
    house.pacs.add(images)
    house.poll(2)
    house.push(images[:30])
    house.quiet(images[0])
    house.settle()
    assert house.messages()[0].body["complete"] is True
    ((series, missing),) = house.pacs.image_retrieves
    assert series == f"{CT}.3"
    assert set(missing) == {image.sop for image in images[30:]}


def test_what_a_doctor_waits_for_is_pulled_although_it_is_being_pushed(house: House) -> None:
    house.pacs.add(chest_ct())
    house.request.pull({"StudyInstanceUID": CT})
    house.push(chest_ct()[:5])
    assert house.study(CT).next_step is Step.PULL
    house.work()
    assert house.messages()[0].body["complete"] is True


def test_orthancs_stable_event_does_not_cut_short_the_wait_for_a_repull(house: House) -> None:
    """It comes a minute after the last image; the re-pull may be due in five, and may bring more."""
    house.pacs.add(chest_ct())
    house.pacs.withheld = {f"{CT}.3.30"}
    house.poll(2)
    while house.study(CT).completeness.repulls < house.plan.max_repulls:
        house.work()
        house.clock.advance(seconds=1)
    waiting = house.study(CT)
    assert waiting.next_step is Step.PULL
    house.store.is_stable = True
    for kind in Kind:
        house.tell(kind, chest_ct()[0])
    assert house.study(CT) == waiting
    house.pacs.withheld = set()
    house.settle()
    assert house.messages()[0].body["complete"] is True


def test_images_that_are_pushed_while_a_repull_waits_end_the_wait(house: House) -> None:
    house.pacs.add(chest_ct())
    house.pacs.withheld = {f"{CT}.3.30"}
    house.poll(2)
    while house.study(CT).completeness.repulls < house.plan.max_repulls:
        house.work()
        house.clock.advance(seconds=1)
    pulled = len(house.pacs.retrieves)
    house.push(chest_ct())
    house.quiet(chest_ct()[0])
    house.work()
    assert house.messages()[0].body["complete"] is True
    assert len(house.pacs.retrieves) == pulled


def test_a_failed_study_comes_to_life_by_new_images_only(house: House) -> None:
    images = chest_ct()
    house.pacs.add(images)
    house.pacs.withheld = {image.sop for image in images}
    house.poll(2)
    house.settle()
    assert house.study(CT).state is State.FAILED
    house.push(images)
    assert house.study(CT).state is State.FAILED
    house.quiet(images[0])
    house.settle()
    assert house.study(CT).state is State.PULL_DATA_END


def test_a_second_stable_event_delivers_nothing_again(house: House) -> None:
    images = series(f"{CT}.1", 1, SCOUT)
    house.push(images)
    house.quiet(images[0])
    house.quiet(images[0])
    house.work()
    house.quiet(images[0])
    assert house.work() == 0
