"""No input crashes a verdict."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from filters import Candidate, Rules
from filters.header import READ


class Hostile:
    """An object whose every text or iteration raises."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __iter__(self) -> Any:
        raise RuntimeError("no items")


WORDS = st.sampled_from(
    ["CHEST", "LUNG", "胸部", "ÐØ²¿", "\x1b$B6;", "~{PX2?~}", "ABD", "5ﾐﾘ", "t髍ax", "MPR", "\ud800", "\0"]
)
TEXTS = st.text() | st.lists(WORDS).map("".join) | st.text(st.characters(max_codepoint=255))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary() | st.builds(Hostile) | st.decimals(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
HEADERS = st.fixed_dictionaries(
    {"Modality": st.sampled_from(["CT", "DX", " ct ", "CR"]) | ANYTHING},
    optional={keyword: TEXTS | ANYTHING for keyword in READ if keyword != "Modality"},
)


@given(HEADERS)
@example({"Modality": "CT", "NumberOfSeriesRelatedInstances": 10**400, "NumberOfFrames": 10**400})
@example({"Modality": "CT", "SliceThickness": float("nan"), "BodyPartExamined": "CHEST"})
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_header_gets_a_verdict(rules: Rules, header: dict[str, object]) -> None:
    verdict = rules.judge(header)
    assert isinstance(verdict.keep, bool)
    assert verdict.reason
    assert verdict.keep == (verdict.rule is None)
    json.dumps(verdict.evidence, allow_nan=False)
    assert rules.judge(header) == verdict


@given(st.lists(st.tuples(st.text(), st.integers(), HEADERS), max_size=5))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_header_is_ranked(rules: Rules, found: list[tuple[str, int, dict[str, object]]]) -> None:
    candidates = [Candidate(*item) for item in found]
    assert len(rules.task("chest-ct").rank(candidates)) == len(candidates)


@given(TEXTS.map(lambda text: text.replace("^", " ")))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_chest_is_found_in_any_company(rules: Rules, text: str) -> None:
    """Whatever else a radiograph's series name holds, a chest word of its own counts (after a caret stands the part
    that is more specific: there another region would)."""
    assert rules.judge({"Modality": "DX", "SeriesDescription": f"胸部 {text}"}).keep
