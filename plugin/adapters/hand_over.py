"""The hand-over folder: one file an image, named by Orthanc's instance id, whole before anyone is told of it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError

from plugin.errors import StoreError
from plugin.ports import Folder, ImageStore

SUFFIX = ".dcm"
ASIDE = ".part-"
"""Folders that begin so are being written, or were when the power went; nobody is told of them."""
_OURS = re.compile(rf"({re.escape(ASIDE)})?[0-9a-f]{{8}}(-[0-9a-f]{{8}}){{4}}")
"""Named by a resource id. The directory may be one that others use too: nothing else in it is ever removed."""


class HandOverFolder:
    """The HandOver port on a directory. Hard links where Orthanc's storage is on the same file system, else copies."""

    def __init__(self, directory: Path, store: ImageStore) -> None:
        self._directory = directory
        self._store = store

    def present(self, folder: str) -> frozenset[str]:
        try:
            return frozenset(file.stem for file in (self._directory / folder).iterdir() if file.suffix == SUFFIX)
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise StoreError(f"the hand-over folder {folder} cannot be read: {error.strerror}") from error

    def write(self, folder: str, instances: Iterable[str]) -> Folder:
        aside, final = self._directory / f"{ASIDE}{folder}", self._directory / folder
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            arrivals = [self._put(instance, aside / f"{instance}{SUFFIX}") for instance in instances]
            _sync(aside)
            _put_in_place(aside, final)
            _sync(self._directory)
        except OSError as error:
            raise StoreError(f"the hand-over folder {final} cannot be written: {error.strerror}") from error
        known = [arrival for arrival in arrivals if arrival is not None]
        seconds = max(known) - min(known) if known and len(known) == len(arrivals) else None
        return Folder(str(final), None if seconds is None else round(seconds, 3))

    def older_than(self, at: datetime) -> list[str]:
        try:
            folders = [folder for folder in self._directory.iterdir() if _OURS.fullmatch(folder.name)]
            return [str(folder) for folder in folders if folder.stat().st_mtime < at.timestamp()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"the hand-over folder {self._directory} cannot be read: {error.strerror}") from error

    def is_half_written(self, path: str) -> bool:
        return Path(path).name.startswith(ASIDE)

    def study_of(self, path: str) -> str | None:
        try:
            file = next(Path(path).glob(f"*{SUFFIX}"), None)
            if file is None:
                return None
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["StudyInstanceUID"])
        except (OSError, InvalidDicomError):
            return None
        return str(header.get("StudyInstanceUID", "")) or None

    def remove(self, path: str) -> None:
        folder = Path(path)
        if folder.parent == self._directory and _OURS.fullmatch(folder.name):
            shutil.rmtree(folder, ignore_errors=True)

    def _put(self, instance: str, to: Path) -> float | None:
        """One image; the time at which it came in (POSIX), where its file tells."""
        attachment = self._store.attachment(instance)
        if attachment is not None:
            try:
                os.link(attachment, to)
            except OSError:
                pass  # another file system, or one without links: copied below
            else:
                return to.stat().st_mtime
        self._store.copy(instance, to)
        _sync(to)
        return None


def _put_in_place(aside: Path, final: Path) -> None:
    """Rename the whole folder; where an earlier delivery left one, add to it file by file (each one whole)."""
    if not final.exists():
        aside.rename(final)
        return
    for file in aside.iterdir():
        file.replace(final / file.name)
    _sync(final)
    shutil.rmtree(aside)  # rename() leaves the name of a file that is there already as another link to it


def _sync(path: Path) -> None:
    """Have a file, or a folder's list of names, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
