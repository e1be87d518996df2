"""What the pipeline takes for granted of the hand-over folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugin.adapters.hand_over import ASIDE, HandOverFolder
from plugin.errors import StoreError
from plugin.ports import HandOver
from tests.contract.folders import FileStore
from tests.fakes import FakeClock, resource_id

FOLDER = resource_id("series")
OTHER = resource_id("another series")
IMAGES = [resource_id("image", str(number)) for number in range(5)]


def test_a_folder_that_was_never_written_holds_nothing(hand_over: HandOver) -> None:
    assert hand_over.present(FOLDER) == frozenset()


def test_what_is_written_is_there(hand_over: HandOver) -> None:
    folder = hand_over.write(FOLDER, IMAGES)
    assert folder.path.startswith("/")
    assert folder.path.endswith(f"/{FOLDER}")
    assert hand_over.present(FOLDER) == set(IMAGES)
    assert hand_over.present(OTHER) == frozenset()


def test_writing_again_adds_and_takes_nothing_away(hand_over: HandOver) -> None:
    first = hand_over.write(FOLDER, IMAGES[:3])
    second = hand_over.write(FOLDER, IMAGES[2:])
    assert first.path == second.path
    assert hand_over.present(FOLDER) == set(IMAGES)


def test_a_removed_folder_is_gone_and_may_be_removed_twice(hand_over: HandOver) -> None:
    folder = hand_over.write(FOLDER, IMAGES)
    hand_over.write(OTHER, IMAGES)
    for _ in range(2):
        hand_over.remove(folder.path)
    assert hand_over.present(FOLDER) == frozenset()
    assert hand_over.present(OTHER) == set(IMAGES)


def test_folders_grow_old(hand_over: HandOver, clock: FakeClock) -> None:
    clock.at = datetime.now(UTC)
    folder = hand_over.write(FOLDER, IMAGES)
    assert hand_over.older_than(clock.now() - timedelta(minutes=1)) == []
    assert hand_over.older_than(clock.now() + timedelta(minutes=1)) == [folder.path]


def test_nothing_was_ever_written(hand_over: HandOver) -> None:
    assert hand_over.older_than(datetime.now(UTC)) == []


# --- on a disk ----------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "orthanc")


@pytest.fixture
def folders(store: FileStore, tmp_path: Path) -> HandOverFolder:
    return HandOverFolder(tmp_path / "store_image", store)


def test_no_byte_is_copied_when_a_link_can_do_it(folders: HandOverFolder, store: FileStore) -> None:
    folder = Path(folders.write(FOLDER, IMAGES).path)
    for image in IMAGES:
        assert (folder / f"{image}.dcm").stat().st_ino == store.file(image).stat().st_ino
    assert store.copied == []


def test_a_linked_image_outlives_its_deletion_from_orthanc(folders: HandOverFolder, store: FileStore) -> None:
    folder = Path(folders.write(FOLDER, IMAGES).path)
    store.file(IMAGES[0]).unlink()
    assert (folder / f"{IMAGES[0]}.dcm").read_text() == f"DICM {IMAGES[0]}"


def test_where_links_do_not_work_images_are_copied(
    folders: HandOverFolder, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def across_devices(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", across_devices)
    folder = Path(folders.write(FOLDER, IMAGES).path)
    assert store.copied == IMAGES
    assert (folder / f"{IMAGES[0]}.dcm").read_text() == f"DICM {IMAGES[0]}"


def test_the_seconds_between_first_and_last_image(folders: HandOverFolder, store: FileStore) -> None:
    for number, image in enumerate(IMAGES):
        os.utime(store.file(image), (0, 1000 + number * 2.5))
    assert folders.write(FOLDER, IMAGES).seconds == 10.0


def test_where_arrivals_are_not_known_no_seconds_are_told(folders: HandOverFolder, store: FileStore) -> None:
    store.has_files = False
    assert folders.write(FOLDER, IMAGES).seconds is None


def test_a_folder_is_seen_whole_or_not_at_all(
    folders: HandOverFolder, store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.has_files = False
    copy = store.copy
    seen: list[list[str]] = []

    def watched(instance: str, to: Path) -> None:
        seen.append([each.name for each in (tmp_path / "store_image").iterdir() if not each.name.startswith(ASIDE)])
        copy(instance, to)

    monkeypatch.setattr(store, "copy", watched)
    folders.write(FOLDER, IMAGES)
    assert seen == [[]] * len(IMAGES)


def test_a_write_that_breaks_off_leaves_nothing_to_see_and_is_made_up_for(
    folders: HandOverFolder, store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.has_files = False
    with monkeypatch.context() as patch:

        def full(instance: str, to: Path) -> None:
            to.write_text("half a f")
            raise OSError(28, "No space left on device")

        patch.setattr(store, "copy", full)
        with pytest.raises(StoreError, match="cannot be written: No space left on device"):
            folders.write(FOLDER, IMAGES)
    assert folders.present(FOLDER) == frozenset()
    assert not (tmp_path / "store_image" / FOLDER).exists()
    folder = Path(folders.write(FOLDER, IMAGES).path)
    assert (folder / f"{IMAGES[0]}.dcm").read_text() == f"DICM {IMAGES[0]}"
    assert [each.name for each in (tmp_path / "store_image").iterdir()] == [FOLDER]


def test_what_a_power_cut_left_grows_old_too(folders: HandOverFolder, tmp_path: Path) -> None:
    half = tmp_path / "store_image" / f"{ASIDE}{FOLDER}"
    half.mkdir(parents=True)
    assert folders.older_than(datetime.now(UTC) + timedelta(minutes=1)) == [str(half)]
    folders.remove(str(half))
    assert not half.exists()


def test_what_is_not_ours_is_never_old_and_never_removed(folders: HandOverFolder, tmp_path: Path) -> None:
    """The directory may be one that others use too."""
    folders.write(FOLDER, IMAGES)
    outside, beside = tmp_path / "papers", tmp_path / "store_image" / "papers"
    for papers in (outside, beside):
        papers.mkdir()
        (papers / "thesis.txt").write_text("years of work")
    (tmp_path / "store_image" / "notes.txt").write_text("mine")
    old = folders.older_than(datetime.now(UTC) + timedelta(minutes=1))
    assert old == [str(tmp_path / "store_image" / FOLDER)]
    for papers in (outside, beside, tmp_path / "store_image", Path("/")):
        folders.remove(str(papers))
    assert (outside / "thesis.txt").exists()
    assert (beside / "thesis.txt").exists()


def test_a_directory_that_cannot_be_read_is_an_error_to_try_again(folders: HandOverFolder, tmp_path: Path) -> None:
    (tmp_path / "store_image").write_text("a file where the folder should be")
    with pytest.raises(StoreError):
        folders.present(FOLDER)
    with pytest.raises(StoreError):
        folders.older_than(datetime.now(UTC))
    with pytest.raises(StoreError):
        folders.write(FOLDER, IMAGES)
