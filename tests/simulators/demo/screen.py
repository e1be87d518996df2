"""The terminal: a table that changes in place, or, where that cannot be, one line a change."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

from tests.simulators.demo.account import ABSENT, DELIVERED, FAILED, REFUSED, Row

COLOURS = {DELIVERED: "32", REFUSED: "33", FAILED: "31", ABSENT: "33", "pull_data": "36"}
WIDTHS = (20, 5, 9, 18)


class Screen:
    """Writes to ``out``; colours and changes in place on a terminal only."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self.is_terminal = out.isatty()
        self._drawn = 0
        self._shown: dict[str, Row] = {}

    def say(self, text: str = "") -> None:
        """One line that stays."""
        self._drawn = 0
        print(text, file=self._out, flush=True)

    def progress(self, text: str) -> None:
        """One line that the next one overwrites; nothing where there is no terminal."""
        if self.is_terminal:
            print(f"\r\033[K  {text}", end="", file=self._out, flush=True)

    def progress_end(self) -> None:
        if self.is_terminal:
            print("\r\033[K", end="", file=self._out, flush=True)

    def show(self, rows: Sequence[Row]) -> bool:
        """Show what has changed; whether anything has."""
        changed = [row for row in rows if self._shown.get(row.study_instance_uid) != row]
        if not changed:
            return False
        self._shown.update((row.study_instance_uid, row) for row in changed)
        size = shutil.get_terminal_size()
        if self.is_terminal and len(rows) + 3 < size.lines:
            self._redraw(rows, size.columns)
        else:
            for row in changed:
                self.say(self._line(row, size.columns if self.is_terminal else None))
        return True

    def _redraw(self, rows: Sequence[Row], columns: int) -> None:
        if self._drawn:
            print(f"\033[{self._drawn}A\033[J", end="", file=self._out)
        title = _columns(("study", "", "received", "state"))
        print(self._in_colour("1", title + "why"), file=self._out)
        for row in rows:
            print(self._line(row, columns), file=self._out)
        self._out.flush()
        self._drawn = len(rows) + 1

    def _line(self, row: Row, columns: int | None) -> str:
        left = _columns((row.name, row.modality, row.images, row.state))
        why = row.why if columns is None else _cut(row.why, columns - len(left) - 1)
        start = sum(WIDTHS[:3]) + 3
        coloured = self._in_colour(COLOURS.get(row.state, "0"), left[start:])
        return left[:start] + coloured + why

    def _in_colour(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.is_terminal else text


def _columns(texts: Sequence[str]) -> str:
    return "".join(f"{_cut(text, width):<{width}} " for text, width in zip(texts, WIDTHS, strict=True))


def _cut(text: str, width: int) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"
