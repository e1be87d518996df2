"""The rules file: what may stand in it, and what is wrong with one."""

from __future__ import annotations

import codecs
import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, get_args, get_origin, get_type_hints

from filters import repair
from filters.lexicon import Lexicon, as_text
from filters.rules import Rules
from filters.task import Task
from filters.text import fold

ROLES: Final = (
    "wanted", "window", "adjective", "beside", "elsewhere", "bone", "ignored", "intervention", "localizer",
    "bolus_tracking", "reformat", "projection", "derived", "report", "attenuation", "contrast", "no_contrast",
)  # fmt: skip
"""What a word list can be used for in `[task.words]`."""

_TASK_FIELDS: Final = {f.name: f for f in fields(Task) if f.name != "lexicon"}
_TASK_TYPES: Final = get_type_hints(Task)
_HEAD = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_.-]+)\s*=""")


class RulesError(ValueError):
    """A rules file that cannot be used. `problems` has one line for each: file line, key, what was expected."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def parse(text: str) -> Rules:
    """Read a rules file's text; RulesError with every problem at once."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = r" (a word given as bytes goes into single quotes: '\xc3\x90')" if "escape" in str(error) else ""
        raise RulesError((f"not valid TOML: {error}{hint}",)) from error
    reader = _Reader(_lines(text))
    rules = reader.rules(document)
    if reader.problems:
        raise RulesError(tuple(reader.problems))
    return rules


def _lines(text: str) -> dict[str, int]:
    """Dotted key -> line number. `[[task]]` tables are counted: `task.0.name`."""
    found: dict[str, int] = {}
    table, count = "", -1
    for number, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.match(line):
            name = head[2].replace('"', "").replace("'", "")
            if head[1] == "[[":
                count += 1
                table = f"{name}.{count}"
            else:
                table = name.replace("task.", f"task.{count}.", 1) if name.startswith("task.") else name
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            name = key[1].strip("\"'")
            found.setdefault(f"{table}.{name}" if table else name, number)
    return found


class _Reader:
    """Turns a parsed document into rules and collects what is wrong with it."""

    def __init__(self, lines: Mapping[str, int]) -> None:
        self.problems: list[str] = []
        self._lines = lines

    def rules(self, document: Mapping[str, Any]) -> Rules:
        self._known("", document, ("text", "words", "task"))
        encodings = self._encodings(self._table("text", document.get("text", {})))
        lists = self._word_lists(self._table("words", document.get("words", {})))
        tables = document.get("task", [])
        if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
            self._problem("task", "at least one [[task]] table expected")
            return Rules(())
        tasks = [self._task(f"task.{i}", table, lists, encodings) for i, table in enumerate(tables)]
        names = [task.name for task in tasks if task]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._problem(
                f"task.{len(names) - 1 - names[::-1].index(name)}.name",
                f"two tasks are called {name!r}; names must differ",
            )
        return Rules(tuple(task for task in tasks if task))

    def _problem(self, key: str, what: str) -> None:
        place = key
        while place and place not in self._lines:
            place = place.rpartition(".")[0]
        line = f"line {self._lines[place]}: " if place else ""
        self.problems.append(f"{line}{re.sub(r'^task[.][0-9]+', 'task', key)}: {what}")

    def _known(self, key: str, table: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
        for name in table:
            if name in allowed:
                continue
            squeezed = {re.sub("[^a-z]", "", a): a for a in allowed}
            near = squeezed.get(re.sub("[^a-z]", "", name.lower())) or next(
                iter(difflib.get_close_matches(name.lower(), allowed, 1, 0.6)), None
            )
            hint = f"; did you mean {near!r}?" if near else f"; known keys are {', '.join(allowed)}"
            self._problem(f"{key}.{name}" if key else name, f"unknown key{hint}")

    def _table(self, key: str, value: Any) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        self._problem(key, f"a table expected, found {value!r}")
        return {}

    def _strings(self, key: str, value: Any) -> tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value):
            return tuple(value)
        self._problem(key, f"a list of non-empty texts expected, found {value!r:.80}")
        return ()

    def _encodings(self, table: Mapping[str, Any]) -> tuple[str, ...]:
        self._known("text", table, ("encodings",))
        if "encodings" not in table:
            return repair.DEFAULT_ENCODINGS
        names = self._strings("text.encodings", table["encodings"])
        for name in names:
            try:
                codecs.lookup(name)
            except LookupError:
                near = difflib.get_close_matches(name, repair.DEFAULT_ENCODINGS, 1)
                self._problem(
                    "text.encodings",
                    f"unknown character set {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
                )
        return names

    def _word_lists(self, table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        lists: dict[str, tuple[str, ...]] = {}
        for name, languages in table.items():
            found: list[str] = []
            for language, words in self._table(f"words.{name}", languages).items():
                key = f"words.{name}.{language}"
                for word in self._strings(key, words):
                    folded = fold(as_text(word).replace("*", ""))
                    if not folded.words and not folded.rest.strip():
                        self._problem(key, f"{word!r} has no letter or digit")
                    found.append(word)
            lists[name] = tuple(found)
        return lists

    def _task(
        self, key: str, table: Mapping[str, Any], lists: Mapping[str, tuple[str, ...]], encodings: tuple[str, ...]
    ) -> Task | None:
        self._known(key, table, (*_TASK_FIELDS, "words"))
        count = len(self.problems)
        values: dict[str, Any] = {"lexicon": self._lexicon(f"{key}.words", table.get("words", {}), lists, encodings)}
        for name, field in _TASK_FIELDS.items():
            if name in table:
                values[name] = self._value(f"{key}.{name}", table[name], _TASK_TYPES[name])
            elif field.default is MISSING:
                self._problem(f"{key}.{name}", "missing")
        if len(self.problems) > count:
            return None
        values["modalities"] = frozenset(modality.strip().upper() for modality in values["modalities"])
        values["image_types_refused"] = frozenset(v.strip().upper() for v in values.get("image_types_refused", ()))
        return Task(**values)

    def _lexicon(
        self, key: str, table: Any, lists: Mapping[str, tuple[str, ...]], encodings: tuple[str, ...]
    ) -> Lexicon:
        roles = self._table(key, table)
        self._known(key, roles, ROLES)
        words: dict[str, list[str]] = {}
        for role in (role for role in roles if role in ROLES):
            for name in self._strings(f"{key}.{role}", roles[role]):
                if name not in lists:
                    near = difflib.get_close_matches(name, lists, 1)
                    self._problem(
                        f"{key}.{role}", f"no [words.{name}]" + (f"; did you mean {near[0]!r}?" if near else "")
                    )
                words.setdefault(role, []).extend(lists.get(name, ()))
        if not words.get("wanted"):
            self._problem(f"{key}.wanted", "at least one word list expected")
        self._clashes(key, words)
        return Lexicon(words, encodings)

    def _clashes(self, key: str, words: Mapping[str, list[str]]) -> None:
        seen: dict[object, tuple[str, str]] = {}
        for role, listed in words.items():
            for word in listed:
                same = (fold(as_text(word)), word.startswith("*"), word.endswith("*"))
                other, other_word = seen.setdefault(same, (role, word))
                if other != role:
                    self._problem(key, f"the word {word!r} is both {other} and {role}; take it out of one list")

    def _value(self, key: str, value: Any, kind: Any) -> Any:
        origin = get_origin(kind)
        if origin in (frozenset, tuple):
            return origin(self._strings(key, value))
        if origin is not None:
            return self._choice(key, value, get_args(kind))
        if kind is str:
            if not isinstance(value, str) or not value.strip():
                self._problem(key, f"a text expected, found {value!r}")
            return value
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float if kind is float else int)
            or not 0 <= value < 1e6
        ):
            self._problem(
                key, f"a {'number' if kind is float else 'whole number'} of 0 or more expected, found {value!r}"
            )
        return value

    def _choice(self, key: str, value: Any, choices: tuple[str, ...]) -> Any:
        if value not in choices:
            near = difflib.get_close_matches(str(value), choices, 1, 0.5)
            listed = ", ".join(f'"{choice}"' for choice in choices)
            self._problem(
                key, f"one of {listed} expected, found {value!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
        return value
