"""What a change of rules would do to the series that the study record holds."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from filters.rules import Rules
from filters.verdict import Verdict

_SQLITE: Final = "sqlite:///"


class RecordError(ValueError):
    """A study record that cannot be read; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A series on which two rules files differ."""

    series_instance_uid: str
    old: Verdict
    new: Verdict


@dataclass(frozen=True, slots=True)
class Replay:
    """The outcome: how many series were judged, and those gained, lost, or given to another task."""

    judged: int
    differences: tuple[Difference, ...]


def read(record: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Series of the record, as UID and header: `sqlite:///path`, or a file of JSON lines with a study on each."""
    documents = _sqlite(record.removeprefix(_SQLITE)) if record.startswith(_SQLITE) else _json_lines(record)
    for document in documents:
        listed = document.get("series")
        for series in listed if isinstance(listed, list) else [document]:
            if isinstance(series, dict):
                yield _series(series)


def _sqlite(path: str) -> Iterator[dict[str, Any]]:
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=10)) as connection:
            for (text,) in connection.execute("SELECT doc FROM study_info_list"):
                yield json.loads(text)
    except (sqlite3.Error, ValueError) as error:
        hint = "expected is the SQLite file of Database.Url, with table study_info_list"
        raise RecordError(f"{path}: {error}; {hint}") from error


def _json_lines(path: str) -> Iterator[dict[str, Any]]:
    if "://" in path:
        command = "mongoexport --collection study_info_list --out studies.jsonl"
        raise RecordError(f"only SQLite and JSON lines are read here; export the record first: {command}")
    try:
        with Path(path).open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    document = json.loads(line)
                    if isinstance(document, dict):
                        yield document
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: {error}; expected are JSON lines, one study or series on each") from error


def _series(series: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    attributes = series.get("attributes")
    header = dict(attributes) if isinstance(attributes, dict) else dict(series)
    header.setdefault("Modality", series.get("modality"))
    counts = (series.get("numberReceived"), series.get("numberInPacs"))
    count = next((count for count in counts if count), None)
    if count is not None:
        header["NumberOfSeriesRelatedInstances"] = count
    return str(series.get("seriesInstanceUID") or series.get("SeriesInstanceUID") or ""), header


def replay(old: Rules, new: Rules, series: Iterable[tuple[str, dict[str, Any]]]) -> Replay:
    """Judge every series by both rules."""
    judged, differences = 0, []
    for series_instance_uid, header in series:
        judged += 1
        before, after = old.judge(header), new.judge(header)
        if (before.keep, before.keep and before.task) != (after.keep, after.keep and after.task):
            differences.append(Difference(series_instance_uid, before, after))
    return Replay(judged, tuple(differences))


def report(outcome: Replay) -> str:
    """A text for people: counts first, then each series."""
    kinds = Counter(_kind(difference) for difference in outcome.differences)
    counts = ", ".join(f"{kinds[kind]} {kind}" for kind in ("gained", "lost", "moved"))
    lines = [f"judged {outcome.judged} series: {counts}"]
    for difference in sorted(outcome.differences, key=lambda d: (_kind(d), d.series_instance_uid)):
        lines.append(f"{_kind(difference)} {difference.series_instance_uid} {_texts(difference)}")
        lines += [f"    old: {difference.old.reason}", f"    new: {difference.new.reason}"]
    return "\n".join(lines)


def _kind(difference: Difference) -> str:
    if difference.old.keep and difference.new.keep:
        return "moved"
    return "gained" if difference.new.keep else "lost"


def _texts(difference: Difference) -> str:
    keywords = ("Modality", "BodyPartExamined", "StudyDescription", "SeriesDescription")
    return " | ".join(str(difference.new.evidence.get(keyword) or "–") for keyword in keywords)
