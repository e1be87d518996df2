"""docs/filters.md explains every rule with an example that holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from filters import Rules
from filters.schema import CONTRAST_ROLES, KIND_ROLES, REGION_ROLES
from filters.task import RULES

from .conftest import RULES_FILE

PAGE = (RULES_FILE.parent.parent / "docs" / "filters.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE))
EXAMPLE = re.compile(r"(?:```toml\n(.*?)\n```\n)?```json\n(.*?)\n```\n```text\n(.*?)\n```", re.DOTALL)
EXAMPLES = [(rule, *example) for rule, section in SECTIONS.items() for example in EXAMPLE.findall(section)]


def test_every_rule_is_explained_in_order() -> None:
    assert list(SECTIONS) == ["modality", "body_part_examined", "region", *(rule.name for rule in RULES)]
    assert {rule for rule, *_ in EXAMPLES} == set(SECTIONS)


@pytest.mark.parametrize(("rule", "setting", "header", "reason"), EXAMPLES)
def test_examples(changed: Callable[..., Rules], rule: str, setting: str, header: str, reason: str) -> None:
    pairs = []
    if setting:
        line = re.search(rf"^{setting.split()[0]} = .*$", RULES_FILE.read_text("utf-8"), re.MULTILINE)
        assert line is not None
        pairs.append((line[0], setting))
        assert changed().judge(json.loads(header)).keep, "the setting makes the difference"
    verdict = changed(*pairs).judge(json.loads(header))
    assert (verdict.rule, verdict.reason) == (rule, reason)


def test_every_key_of_the_rules_file_is_explained() -> None:
    text = RULES_FILE.read_text("utf-8")
    keys = set(re.findall(r"^(\w+) = ", text.split("# ── words: the chest")[0], re.MULTILINE))
    assert {key for key in keys if f"`{key}" not in PAGE and f"{key}`" not in PAGE and f"{key} =" not in PAGE} <= {
        "encodings",
        "sop_classes",
        *CONTRAST_ROLES,
        *KIND_ROLES,
    }
    assert all(f"`{role}`" in PAGE for role in REGION_ROLES)
