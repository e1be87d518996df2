"""A line a change without a terminal; a table in place on one."""

import io

import pytest

from tests.simulators.demo.account import Row
from tests.simulators.demo.screen import Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def row(uid: str, state: str, why: str = "because") -> Row:
    return Row(uid, f"A{uid}", "CT", "0/12", state, why, False)


def test_only_changes_are_told_and_without_colours() -> None:
    out = io.StringIO()
    screen = Screen(out)
    assert screen.show([row("1", "meta_only"), row("2", "meta_only")])
    assert not screen.show([row("1", "meta_only"), row("2", "meta_only")])
    assert screen.show([row("1", "pull_data"), row("2", "meta_only")])
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[2].split() == ["A1", "CT", "0/12", "pull_data", "because"]
    assert "\033" not in out.getvalue()


def test_a_terminal_is_drawn_over_and_long_reasons_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    out = Terminal()
    screen = Screen(out)
    screen.show([row("1", "meta_only", "x" * 200)])
    assert "\033[2A" not in out.getvalue()
    screen.show([row("1", "pull_data_end")])
    assert "\033[2A\033[J" in out.getvalue()
    assert "\033[32m" in out.getvalue()
    assert "x…" in out.getvalue()
    assert "x" * 60 not in out.getvalue()


def test_more_rows_than_lines_are_told_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "10")
    out = Terminal()
    screen = Screen(out)
    screen.show([row(str(number), "meta_only") for number in range(30)])
    screen.show([row(str(number), "pull_data" if number == 3 else "meta_only") for number in range(30)])
    assert "\033[J" not in out.getvalue()
    assert len(out.getvalue().splitlines()) == 31
