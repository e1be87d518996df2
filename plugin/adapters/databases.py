"""The record by its URL."""

from __future__ import annotations

from pathlib import Path

from plugin.adapters.mongo_record import MongoRecord
from plugin.adapters.sqlite_record import SqliteRecord

SQLITE = "sqlite:///"


def open_record(url: str, root: Path) -> SqliteRecord | MongoRecord:
    """The record that ``Database.Url`` names, a relative path taken from ``root``; not connected yet.

    Raises ConfigError where the URL cannot be read.
    """
    if url.startswith(SQLITE):
        return SqliteRecord(root.joinpath(url.removeprefix(SQLITE)).absolute())
    return MongoRecord(url)
