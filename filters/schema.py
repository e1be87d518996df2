"""The rules file: what may stand in it, read into rules."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, get_args, get_origin, get_type_hints

from filters import repair, volume
from filters.lexicon import Lexicon, as_text
from filters.problems import Problems, RulesError, did_you_mean
from filters.rules import Rules
from filters.task import Task
from filters.text import fold

REGION_ROLES: Final = ("wanted", "window", "adjective", "beside", "elsewhere", "bone", "ignored")
KIND_ROLES: Final = (*volume.KINDS, "attenuation")
CONTRAST_ROLES: Final = ("contrast", "no_contrast")
"""What a word list can be used for in `[task.words]`: where the series is, what it is, and if it has contrast."""

_FAMILIES: Final = {"region_words": REGION_ROLES, "kind_words": KIND_ROLES, "contrast_words": CONTRAST_ROLES}
_TASK_FIELDS: Final = {field.name: field for field in fields(Task) if field.name not in _FAMILIES}
_TASK_TYPES: Final = get_type_hints(Task)


def parse(text: str) -> Rules:
    """Read a rules file's text; RulesError with every problem at once."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = r" (a word given as bytes goes into single quotes: '\xc3\x90')" if "escape" in str(error) else ""
        what = str(error).replace("at end of document", f"at line {len(text.splitlines())}, the end")
        raise RulesError((f"not valid TOML: {what}{hint}",)) from error
    return build(document, text)


def build(document: Mapping[str, Any], text: str = "") -> Rules:
    """Rules from a parsed document; the text is only for the lines of problems."""
    problems = Problems(text)
    rules = _Reader(problems).rules(document)
    if problems.found:
        raise RulesError(tuple(problems.found))
    return rules


class _Reader:
    """Turns a parsed document into rules and notes what is wrong with it."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._encodings: tuple[str, ...] = repair.DEFAULT_ENCODINGS
        self._lists: dict[str, tuple[str, ...]] = {}

    def rules(self, document: Mapping[str, Any]) -> Rules:
        self._known("", document, ("text", "words", "task"))
        self._read_encodings(self._table("text", document.get("text", {})))
        self._read_words(self._table("words", document.get("words", {})))
        tables = document.get("task", [])
        if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
            self._problems.add("task", "at least one [[task]] table expected")
            return Rules(())
        names = [table.get("name") for table in tables]
        for place, name in enumerate(names):
            if name in names[:place]:
                self._problems.add(f"task.{place}.name", f"another task is called {name!r} too; names must differ")
        tasks = [self._task(f"task.{place}", table) for place, table in enumerate(tables)]
        return Rules(tuple(task for task in tasks if task is not None))

    def _read_encodings(self, table: Mapping[str, Any]) -> None:
        self._known("text", table, ("encodings",))
        if "encodings" not in table:
            return
        self._encodings = self._strings("text.encodings", table["encodings"])
        for name in self._encodings:
            try:
                "a".encode(name)
            except (LookupError, UnicodeError):
                hint = did_you_mean(name, repair.DEFAULT_ENCODINGS)
                self._problems.add("text.encodings", f"a character set known to Python expected, found {name!r}{hint}")

    def _read_words(self, table: Mapping[str, Any]) -> None:
        for name, languages in table.items():
            words: list[str] = []
            for language, listed in self._table(f"words.{name}", languages).items():
                words += self._strings(f"words.{name}.{language}", listed)
                for word in words:
                    folded = fold(as_text(word))
                    if not folded.words and not folded.rest.strip():
                        self._problems.add(f"words.{name}.{language}", f"a letter or digit expected in {word!r}")
            self._lists[name] = tuple(words)

    def _task(self, key: str, table: Mapping[str, Any]) -> Task | None:
        before = len(self._problems.found)
        self._known(key, table, (*_TASK_FIELDS, "words"))
        values: dict[str, Any] = self._lexicons(f"{key}.words", table.get("words", {}))
        for name, field in _TASK_FIELDS.items():
            if name in table:
                values[name] = self._value(f"{key}.{name}", table[name], _TASK_TYPES[name])
            elif field.default is MISSING:
                self._problems.add(f"{key}.{name}", "missing")
        if len(self._problems.found) > before:
            return None
        for name in ("modalities", "image_types_refused"):
            values[name] = frozenset(value.strip().upper() for value in values.get(name, ()))
        return Task(**values)

    def _lexicons(self, key: str, value: Any) -> dict[str, Lexicon]:
        roles = self._table(key, value)
        self._known(key, roles, tuple(role for family in _FAMILIES.values() for role in family))
        if not roles.get("wanted"):
            self._problems.add(f"{key}.wanted", "at least one word list expected")
        return {
            name: Lexicon(self._words(key, {role: roles[role] for role in family if role in roles}), self._encodings)
            for name, family in _FAMILIES.items()
        }

    def _words(self, key: str, roles: Mapping[str, Any]) -> dict[str, list[str]]:
        words: dict[str, list[str]] = {}
        seen: dict[object, tuple[str, str]] = {}
        for role, names in roles.items():
            for name in self._strings(f"{key}.{role}", names):
                if name not in self._lists:
                    self._problems.add(f"{key}.{role}", f"no [words.{name}]{did_you_mean(name, self._lists)}")
                for word in self._lists.get(name, ()):
                    words.setdefault(role, []).append(word)
                    meaning, other = seen.setdefault(_same(word), (role, name))
                    if meaning != role:
                        what = f"{word!r} is in [words.{other}] too: it would mean both {meaning!r} and {role!r}"
                        self._problems.add(f"words.{name}", f"{what}; take it out of one of them")
        return words

    def _known(self, key: str, table: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
        for name in table:
            if name not in allowed:
                hint = did_you_mean(name, allowed) or f"; known keys are {', '.join(allowed)}"
                self._problems.add(f"{key}.{name}" if key else name, f"unknown key{hint}")

    def _table(self, key: str, value: Any) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        self._problems.add(key, f"a table expected, found {value!r:.80}")
        return {}

    def _strings(self, key: str, value: Any) -> tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value):
            return tuple(value)
        self._problems.add(key, f"a list of non-empty texts expected, found {value!r:.80}")
        return ()

    def _value(self, key: str, value: Any, kind: Any) -> Any:
        origin = get_origin(kind)
        if origin in (frozenset, tuple):
            return origin(self._strings(key, value))
        if origin is not None:
            return self._choice(key, value, get_args(kind))
        if kind is str:
            is_right, expected = isinstance(value, str) and bool(value.strip()), "a text"
        else:
            is_number = isinstance(value, int | float if kind is float else int) and not isinstance(value, bool)
            is_right = is_number and 0 <= value < 1e6
            expected = "a number of 0 or more" if kind is float else "a whole number of 0 or more"
        if not is_right:
            self._problems.add(key, f"{expected} expected, found {value!r:.80}")
        return value

    def _choice(self, key: str, value: Any, choices: tuple[str, ...]) -> Any:
        if value not in choices:
            listed = " or ".join(f'"{choice}"' for choice in choices)
            self._problems.add(key, f"{listed} expected, found {value!r:.80}{did_you_mean(value, choices)}")
        return value


def _same(word: str) -> object:
    """Equal for words that match alike."""
    return fold(as_text(word)), word.startswith("*"), word.endswith("*")
