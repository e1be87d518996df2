"""What is wrong with a rules file, said so that it can be mended: line, key, what was expected, what was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final

_TABLE: Final = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_.-]+)\s*=""")


class RulesError(ValueError):
    """A rules file that cannot be used. `problems` has one text for each, with the line in the file."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Problems:
    """Collects problems by dotted key and knows the line of each; `[[task]]` tables are numbered: `task.0.name`."""

    def __init__(self, text: str) -> None:
        self.found: list[str] = []
        self._lines = _lines(text)

    def add(self, key: str, what: str) -> None:
        """Note a problem under the key; its line is that of the nearest table when the key itself is missing."""
        place = key
        while place and place not in self._lines:
            place = place.rpartition(".")[0]
        line = f"line {self._lines[place]}: " if place else ""
        self.found.append(f"{line}{re.sub(r'^task[.][0-9]+', 'task', key)}: {what}")


def _lines(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    table, count = "", -1
    for number, line in enumerate(text.splitlines(), 1):
        if head := _TABLE.match(line):
            table = head[2].replace('"', "").replace("'", "")
            if head[1] == "[[":
                count += 1
                table = f"{table}.{count}"
            elif table.startswith("task."):
                table = f"task.{count}.{table.removeprefix('task.')}"
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            name = key[1].strip("\"'")
            found.setdefault(f"{table}.{name}" if table else name, number)
    return found


def did_you_mean(name: object, allowed: Iterable[str]) -> str:
    """A hint to add to a message, or "". Case and underscores do not count: `MinInstances` means `min_instances`."""
    plain = {re.sub("[^a-z0-9]", "", choice.lower()): choice for choice in allowed}
    near = difflib.get_close_matches(re.sub("[^a-z0-9]", "", str(name).lower()), plain, 1, 0.6)
    return f"; did you mean {plain[near[0]]!r}?" if near else ""
