"""How good the rules are on labelled series: recall, precision, and what they miss most."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from filters.rules import Rules
from filters.verdict import Verdict

COLUMNS: Final = {"instanceCount": "NumberOfSeriesRelatedInstances", "sop_class_name": "SOPClassUID"}
"""Columns of a public metadata table (NCI Imaging Data Commons) and the DICOM keywords they stand for."""

SOP_CLASSES: Final = {
    "CT Image Storage": "1.2.840.10008.5.1.4.1.1.2",
    "Enhanced CT Image Storage": "1.2.840.10008.5.1.4.1.1.2.1",
    "Legacy Converted Enhanced CT Image Storage": "1.2.840.10008.5.1.4.1.1.2.2",
}
"""UIDs of storage classes that tables give by name (PS3.6 A.1); other names are as good as a UID that no task lists."""


class ScoreError(ValueError):
    """Labelled series that cannot be read; the text says what to do."""


@dataclass
class Tally:
    """Counts of kept and refused series that were wanted or not."""

    true_positives: int = 0
    false_negatives: int = 0
    false_positives: int = 0
    true_negatives: int = 0

    def add(self, is_wanted: bool, is_kept: bool) -> None:
        """Count one series."""
        if is_wanted:
            self.true_positives += is_kept
            self.false_negatives += not is_kept
        else:
            self.false_positives += is_kept
            self.true_negatives += not is_kept

    @property
    def recall(self) -> float | None:
        """Share of the wanted series that are kept; None without any."""
        return _share(self.true_positives, self.false_negatives)

    @property
    def precision(self) -> float | None:
        """Share of the kept series that are wanted; None without any."""
        return _share(self.true_positives, self.false_positives)

    @property
    def specificity(self) -> float | None:
        """Share of the unwanted series that are refused; None without any."""
        return _share(self.true_negatives, self.false_positives)


def _share(hits: int, rest: int) -> float | None:
    return hits / (hits + rest) if hits + rest else None


@dataclass(frozen=True, slots=True)
class Scored:
    """A labelled series and its verdict."""

    row: Mapping[str, Any]
    is_wanted: bool
    verdict: Verdict


@dataclass
class Score:
    """All scored series; tallies are made by any column."""

    series: list[Scored] = field(default_factory=list)

    def tallies(self, column: str) -> dict[str, Tally]:
        """One tally for each value of the column, in order of the value."""
        found: dict[str, Tally] = {}
        for scored in self.series:
            found.setdefault(str(scored.row.get(column)), Tally()).add(scored.is_wanted, scored.verdict.keep)
        return dict(sorted(found.items()))

    def mean(self, column: str) -> tuple[float | None, float | None]:
        """Recall and specificity, each the mean over the groups that have one: small groups count like large ones."""
        tallies = self.tallies(column).values()
        return _mean(t.recall for t in tallies), _mean(t.specificity for t in tallies)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def span(text: str) -> range:
    """`10-14` as a range that holds both ends."""
    low, _, high = text.partition("-")
    return range(int(low), int(high or low) + 1)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Labelled series of a parquet file (needs pyarrow) or of JSON lines."""
    if not path.is_file():
        raise ScoreError(f"{path}: no such file")
    if path.suffix == ".parquet":
        try:
            import pyarrow.parquet
        except ImportError as error:
            hint = "reading parquet needs pyarrow (pip install pyarrow); or give JSON lines"
            raise ScoreError(f"{path}: {hint}") from error
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
        return rows
    with path.open(encoding="utf-8") as lines:
        try:
            return [json.loads(line) for line in lines if line.strip()]
        except ValueError as error:
            raise ScoreError(f"{path}: not JSON lines: {error}") from error


def header_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a header: known columns renamed, nulls left out, since a table cannot tell empty from absent."""
    header = {COLUMNS.get(key, key): value for key, value in row.items() if value is not None}
    name = header.get("SOPClassUID")
    if isinstance(name, str):
        header["SOPClassUID"] = SOP_CLASSES.get(name, name)
    return header


def score(rules: Rules, rows: Iterable[Mapping[str, Any]], label: str, unscored: range | None = None) -> Score:
    """Judge the rows whose label is 0 or 1 and whose image count is not in `unscored`."""
    result = Score()
    for row in rows:
        header = header_of(row)
        if row.get(label) not in (0, 1) or (unscored and header.get("NumberOfSeriesRelatedInstances") in unscored):
            continue
        result.series.append(Scored(row, row[label] == 1, rules.judge(header)))
    if not result.series:
        raise ScoreError(f"no row has 0 or 1 in {label!r}; name the label's column with --label")
    return result


def report(result: Score, groups: Iterable[str], misses: int) -> str:
    """A table for people."""
    total = Tally()
    for scored in result.series:
        total.add(scored.is_wanted, scored.verdict.keep)
    lines = [f"{'':32}  recall  precision  specificity  wanted  unwanted", _line("all", total)]
    lines += [_line(name, tally) for name, tally in result.tallies("Modality").items()]
    for group in groups:
        recall, specificity = result.mean(group)
        lines += [f"by {group}: mean recall {_percent(recall)}, mean specificity {_percent(specificity)}"]
        lines += [_line(name, tally) for name, tally in result.tallies(group).items()]
    lines += _misses("wanted but refused", [s for s in result.series if s.is_wanted and not s.verdict.keep], misses)
    lines += _misses("kept but unwanted", [s for s in result.series if not s.is_wanted and s.verdict.keep], misses)
    return "\n".join(lines)


def _line(name: str, tally: Tally) -> str:
    wanted, unwanted = tally.true_positives + tally.false_negatives, tally.false_positives + tally.true_negatives
    shares = f"{_percent(tally.recall):>7} {_percent(tally.precision):>10} {_percent(tally.specificity):>12}"
    return f"{name:32.32} {shares} {wanted:7} {unwanted:9}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f}"


def _misses(title: str, series: list[Scored], limit: int) -> list[str]:
    """The most frequent texts among them, numbers made alike."""
    kinds = Counter(
        " | ".join(
            re.sub(r"\d+", "#", str(s.row.get(keyword) or "–"))
            for keyword in ("Modality", "BodyPartExamined", "StudyDescription", "SeriesDescription")
        )
        + f"  [{s.verdict.rule or s.verdict.reason}]"
        for s in series
    )
    return [f"{title}: {len(series)}", *(f"{count:7}  {kind}" for kind, count in kinds.most_common(limit))]
