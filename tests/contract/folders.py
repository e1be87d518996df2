"""An Orthanc storage of plain files, for the hand-over folder to take images from."""

from __future__ import annotations

from pathlib import Path

from tests.fakes import FakeStore


class FileStore(FakeStore):
    """Holds a file for any instance asked for. ``has_files``: they can be reached by path, and so be linked."""

    def __init__(self, directory: Path, has_files: bool = True) -> None:
        super().__init__()
        self.directory = directory
        self.has_files = has_files
        self.copied: list[str] = []
        directory.mkdir()

    def file(self, instance: str) -> Path:
        file = self.directory / instance
        if not file.exists():
            file.write_text(f"DICM {instance}")
        return file

    def attachment(self, instance: str) -> Path | None:
        return self.file(instance) if self.has_files else None

    def copy(self, instance: str, to: Path) -> None:
        self.copied.append(instance)
        to.write_bytes(self.file(instance).read_bytes())
