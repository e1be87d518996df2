"""Recall and precision on real metadata; `pytest tests/bench/filters -s` prints what docs/filters.md quotes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from filters import Rules, load_rules
from filters.schema import build
from filters.score import Score, Tally, score

from . import dev


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [row for row in dev.dev_rows() if dev.is_scored(row)]


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules(dev.RULES_FILE)


def merge(result: Score) -> dict[str, Tally]:
    found: dict[str, Tally] = defaultdict(Tally)
    for scored in result.series:
        found["CT" if scored.row["Modality"] == "CT" else "CR+DX"].add(scored.is_wanted, scored.verdict.keep)
    return found


def check(
    name: str, result: Score, ct: tuple[float, float], xr: tuple[float, float], mean: tuple[float, float]
) -> None:
    """Print, then compare: recall and precision for CT and CR+DX, mean recall and specificity over collections (%)."""
    tallies, means = merge(result), result.mean("collection_id")
    figures = {
        "CT": (tallies["CT"].recall, tallies["CT"].precision),
        "CR+DX": (tallies["CR+DX"].recall, tallies["CR+DX"].precision),
        "mean": means,
    }
    for key, (recall, other) in figures.items():
        assert recall is not None
        assert other is not None
        print(f"\n{name} {key}: {100 * recall:.2f} / {100 * other:.2f}", end="")
    for key, (low, other_low) in {"CT": ct, "CR+DX": xr, "mean": mean}.items():
        recall, other = figures[key]
        assert 100 * (recall or 0) >= low, key
        assert 100 * (other or 0) >= other_low, key


def test_development_collections(rows: list[dict[str, Any]], rules: Rules) -> None:
    check("all collections", score(rules, rows, dev.LABEL), (95, 99.5), (99.9, 99.9), (96, 99.5))


def test_without_the_words_of_the_collection(rows: list[dict[str, Any]], rules: Rules) -> None:
    """Each collection is judged by rules that lack every word which, of all collections, only it has."""
    alone = dev.words_of_one_collection(rules, rows)
    result = Score()
    for collection in sorted({row["collection_id"] for row in rows}):
        own = [row for row in rows if row["collection_id"] == collection]
        result.series += score(dev.rules_without(alone[collection]), own, dev.LABEL).series
    check("left out", result, (94.5, 98.5), (99.5, 99.5), (95, 99))


def test_body_part_as_evidence_beats_the_veto(rows: list[dict[str, Any]], rules: Rules) -> None:
    """The default of the switch is what measures best."""
    document = dev.document()
    for task in document["task"]:
        task["body_part_examined"] = "veto"
    veto = score(build(document), rows, dev.LABEL)
    check("veto", veto, (0, 0), (0, 0), (0, 0))
    evidence = merge(score(rules, rows, dev.LABEL))
    for name, tally in merge(veto).items():
        assert (tally.recall or 0) < (evidence[name].recall or 0)
        assert (tally.precision or 0) < (evidence[name].precision or 0)
