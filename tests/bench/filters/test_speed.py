"""Verdicts a second on one core, and that ten times the words do not cost ten times the time."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from filters import Rules, load_rules
from filters.schema import build

from . import dev

STUDIES = (
    "CT CHEST W CONTRAST",
    "CT ABDOMEN AND PELVIS",
    "XR HAND 3 VIEWS",
    "Thorax^04_CAP (Adult)",
    "胸部平扫",
    "111",
    "ÐØ²¿",
)
SERIES = ("5.0 B30f", "LUNG 1.25MM", "Scout", "AXIAL", "CHEST PA", "COR 3MM", "Recon 2: ABD/PEL 2.5", "Body 1.0 CE")
PARTS = ("CHEST", "ABDOMEN", "", "HAND", "CHESTABDPELVIS")


def headers(count: int, is_unique: bool) -> list[dict[str, Any]]:
    """Series as a PACS has them; with `is_unique` no two texts are alike, so that no cache helps."""
    kinds = itertools.cycle(itertools.product(STUDIES[: -3 if is_unique else None], SERIES, PARTS))
    return [
        {
            "Modality": "CT" if number % 3 else "DX",
            "StudyDescription": f"{study} {number}" if is_unique else study,
            "SeriesDescription": f"{series} {number}" if is_unique else series,
            "ProtocolName": f"{number % 9}.{number} {study}" if is_unique else study,
            "BodyPartExamined": part,
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "SliceThickness": "1.25",
            "NumberOfSeriesRelatedInstances": number % 400,
        }
        for number, (study, series, part) in zip(range(count), kinds, strict=False)
    ]


def seconds(rules: Rules, series: list[dict[str, Any]]) -> float:
    start = time.process_time()
    for header in series:
        rules.judge(header)
    return time.process_time() - start


@pytest.mark.parametrize("is_unique", [False, True])
def test_verdicts_a_second(is_unique: bool) -> None:
    series = headers(20_000, is_unique)
    best = min(seconds(load_rules(dev.RULES_FILE), series) for _ in range(3))
    print(f"\n{'unique' if is_unique else 'repeated'} texts: {len(series) / best:,.0f} verdicts a second", end="")
    assert len(series) / best >= 20_000


def test_ten_times_the_words() -> None:
    """Nine invented words for each real one, half of them sharing their first word, as phrases do."""
    document = dev.document()
    total = sum(len(words) for languages in document["words"].values() for words in languages.values())
    invented = [f"w{_letters(i)}" if i % 2 else f"ct {_letters(i)} zq*" for i in range(9 * total)]
    document["words"]["chest"]["site"] = invented
    series = headers(10_000, is_unique=True)
    once = min(seconds(load_rules(dev.RULES_FILE), series) for _ in range(3))
    ten = min(seconds(build(document), series) for _ in range(3))
    print(f"\n{total} words: {once:.2f} s, {10 * total} words: {ten:.2f} s", end="")
    assert ten < 2 * once


def _letters(number: int) -> str:
    return "".join("bcdfghjklm"[int(digit)] for digit in f"{number:05}")
