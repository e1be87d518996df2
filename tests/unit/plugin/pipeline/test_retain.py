"""Hand-over folders that a kill left half written, and folders that no record knows."""

from __future__ import annotations

from pathlib import Path

from plugin.adapters.hand_over import HandOverFolder
from tests.fakes import FakeStore
from tests.unit.plugin.conftest import Lines
from tests.unit.plugin.examples import CT, chest_ct
from tests.unit.plugin.house import House

STRANGER = "/store_image/stranger"


def test_a_half_written_folder_is_removed_after_an_hour(house: House) -> None:
    house.hand_over.write(".part-1", ["a"])
    house.clock.advance(minutes=59)
    assert house.retain() == 0
    house.clock.advance(minutes=2)
    assert house.retain() == 1
    assert not house.hand_over.folders


def test_a_folder_that_no_record_knows_is_told_once_and_left_alone(house: House, lines: Lines) -> None:
    house.pacs.add(chest_ct())
    house.poll(2)
    house.work()
    house.hand_over.write("stranger", ["a"])
    house.hand_over.studies = {STRANGER: CT, **{f"/store_image/{name}": CT for name in house.hand_over.folders}}
    house.clock.advance(hours=2)
    for _ in range(3):
        assert house.retain() == 0
    (line,) = lines.containing("no record knows")
    assert STRANGER in line
    assert CT in line


def test_a_folder_that_is_about_to_be_known_is_not_told(house: House, lines: Lines) -> None:
    """The power went between the folder and the record: the delivery is done again."""
    house.pacs.add(chest_ct())
    house.poll(2)
    house.hand_over.write("stranger", ["a"])
    house.hand_over.studies = {STRANGER: CT}
    house.clock.advance(seconds=1)
    house.retain()
    assert not lines.containing("no record knows")


def test_the_study_of_a_folder_is_read_from_its_images(tmp_path: Path) -> None:
    hand_over = HandOverFolder(tmp_path, FakeStore())
    assert hand_over.study_of(str(tmp_path / "none")) is None
    (tmp_path / "1.dcm").write_text("no DICOM")
    assert hand_over.study_of(str(tmp_path)) is None
