"""The labelled public metadata that the rules are measured on, beside the checkout; never copied into it."""

from __future__ import annotations

import os
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from filters import Rules
from filters.schema import build
from filters.score import header_of, read_rows

ROOT = Path(__file__).resolve().parents[3]
RULES_FILE = ROOT / "config" / "filters.toml"
LABEL = "target_suitable"
UNSCORED = range(10, 15)
"""Image counts at which the label (15 images) and the default `min_instances` (10) differ."""


def dev_rows() -> list[dict[str, Any]]:
    """All labelled series; skips the test where they are not at hand."""
    shared = Path(os.environ.get("PACS_PULL_SHARED", ROOT.parent / "shared"))
    file = shared / "bench" / "idc" / "dev.parquet"
    if not file.is_file():
        pytest.skip(f"the labelled metadata is not here: {file} (PACS_PULL_SHARED names another folder)")
    pytest.importorskip("pyarrow")
    return read_rows(file)


def is_scored(row: Mapping[str, Any]) -> bool:
    return row[LABEL] in (0, 1) and row["instanceCount"] not in UNSCORED


def document() -> dict[str, Any]:
    return tomllib.loads(RULES_FILE.read_text("utf-8"))


def words_of_one_collection(rules: Rules, rows: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Words of the lists that occur in one collection only, by collection."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        header = header_of(row)
        for task in rules.tasks:
            if header["Modality"] not in task.modalities:
                continue
            for keyword in ("SeriesDescription", "StudyDescription", "BodyPartExamined"):
                for lexicon in (task.region_words, task.kind_words):
                    for hit in lexicon.read(header.get(keyword, "")).hits:
                        found[hit.word].add(row["collection_id"])
    by_collection: dict[str, set[str]] = defaultdict(set)
    for word, collections in found.items():
        if len(collections) == 1:
            by_collection[next(iter(collections))].add(word)
    return by_collection


def rules_without(words: set[str]) -> Rules:
    """The shipped rules as they were if nobody had thought of these words."""
    cut = document()
    for languages in cut["words"].values():
        for language, listed in languages.items():
            languages[language] = [word for word in listed if word not in words]
    return build(cut)
