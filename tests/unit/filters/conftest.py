"""The shipped rules, and variants of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from filters import Rules, load_rules
from filters.schema import parse

RULES_FILE = Path(__file__).resolve().parents[3] / "config" / "filters.toml"


@pytest.fixture(scope="session")
def rules() -> Rules:
    return load_rules(RULES_FILE)


@pytest.fixture(scope="session")
def changed() -> Callable[..., Rules]:
    """The shipped rules with texts replaced: `changed(("min_instances = 10", "min_instances = 0"))`."""

    def change(*pairs: tuple[str, str]) -> Rules:
        text = RULES_FILE.read_text("utf-8")
        for old, new in pairs:
            assert old in text, f"{old!r} is not in the shipped file"
            text = text.replace(old, new, 1)
        return parse(text)

    return change
