"""Words with a meaning, looked up in a text in time that does not grow with their number.

A word list has a role (`chest`, `elsewhere`, `localizer` …). Where several words fit at one place the longest wins and
uses the place up: `thoracic spine` is spine, and `thoracic` in it is not read again. A star at an end stands for more
letters: `thorac*`, `*thorax`. Words in scripts other than Latin match inside other characters.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from filters import repair
from filters.text import MAX_LENGTH, fold

_BYTES = re.compile(
    r"""^b?(['"]?)((?:\\x[0-9a-fA-F]{2}|[ -\[\]-~])*\\x[0-9a-fA-F]{2}(?:\\x[0-9a-fA-F]{2}|[ -\[\]-~])*)\1$"""
)
_PROOF = 4
"""Letters that a Latin word needs to prove that a repair is right."""

_HIGH_LATIN = re.compile("^[\x80-\xff]+$")


@dataclass(frozen=True, slots=True)
class Hit:
    """A word found: its role, the word as the list has it, its place and length in the text's words or characters.

    `encoding` names the character set that the text had to be repaired to, or is None.
    """

    role: str
    word: str
    start: int
    length: int
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one text says: its hits in order, Latin words first."""

    hits: tuple[Hit, ...] = ()

    def first(self, role: str) -> Hit | None:
        """The first hit with this role."""
        return next((hit for hit in self.hits if hit.role == role), None)


@dataclass(frozen=True, slots=True)
class _Entry:
    role: str
    word: str
    parts: tuple[str, ...]

    def fits(self, words: tuple[str, ...], at: int) -> bool:
        """True when the words after the first, which the index has matched, fit too."""
        if at + len(self.parts) > len(words):
            return False
        return all(_part_fits(part, words[at + i]) for i, part in enumerate(self.parts) if i)


def _part_fits(part: str, word: str) -> bool:
    return word.startswith(part[:-1]) if part.endswith("*") else word == part


def as_text(word: str) -> str:
    r"""A word as text: bytes copied from a log (`b'\xc3\x90\xc3\x98'`) are decoded as UTF-8, else as Latin-1."""
    match = _BYTES.match(word.strip())
    if match is None:
        return word
    raw: bytes = ast.literal_eval('b"' + match[2].replace('"', '\\"') + '"')
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


class Lexicon:
    """Words by role. Immutable once built, so threads may share it."""

    def __init__(
        self, roles: Mapping[str, Iterable[str]], encodings: tuple[str, ...] = repair.DEFAULT_ENCODINGS
    ) -> None:
        self._encodings = encodings
        self._exact: dict[str, list[_Entry]] = {}
        self._prefixes: dict[str, list[_Entry]] = {}
        self._suffixes: dict[str, list[_Entry]] = {}
        self._characters: dict[str, list[tuple[str, str, str]]] = {}
        self._raw: dict[str, list[tuple[str, str, str]]] = {}
        for role, words in roles.items():
            for word in words:
                self._add(role, word)
        self._finish()
        self.read = lru_cache(maxsize=8192)(self._read)

    def _add(self, role: str, word: str) -> None:
        text = as_text(word)
        if _HIGH_LATIN.match(text):
            self._raw.setdefault(text[0], []).append((text, role, word))
            return
        folded = fold(text.replace("*", ""))
        characters = folded.rest.strip()
        if not characters.isascii():
            self._characters.setdefault(characters[0], []).append((characters, role, word))
            return
        parts = list(folded.words)
        if not parts:
            return
        entry_parts = self._stems(text, parts)
        entry = _Entry(role, word, tuple(entry_parts))
        head = parts[0]
        if text.startswith("*"):
            self._suffixes.setdefault(head, []).append(entry)
        elif entry_parts[0].endswith("*"):
            self._prefixes.setdefault(head, []).append(entry)
        else:
            self._exact.setdefault(head, []).append(entry)

    @staticmethod
    def _stems(text: str, parts: list[str]) -> list[str]:
        """Put the stars back on the words they stood on."""
        pieces = [piece for piece in re.split(r"[\s_./,()+-]+", text.strip()) if piece.strip("*")]
        if len(pieces) == len(parts):
            return [part + "*" if piece.endswith("*") else part for part, piece in zip(parts, pieces, strict=True)]
        return [*parts[:-1], parts[-1] + "*"] if text.endswith("*") else parts

    def _finish(self) -> None:
        for index in (self._exact, self._prefixes, self._suffixes):
            for entries in index.values():
                entries.sort(key=lambda entry: -len(entry.parts))
        for table in (self._characters, self._raw):
            for words in table.values():
                words.sort(key=lambda item: -len(item[0]))
        self._prefix_lengths = sorted({len(stem) for stem in self._prefixes}, reverse=True)
        self._suffix_lengths = sorted({len(stem) for stem in self._suffixes}, reverse=True)
        self._candidates = lru_cache(maxsize=16384)(self._look_up)

    def _look_up(self, word: str) -> tuple[_Entry, ...]:
        """Entries whose first word fits, the most specific first: more words, then exact, then the longer stem."""
        found = list(self._exact.get(word, ()))
        size = len(word)
        for length in self._prefix_lengths:
            if length <= size and (entries := self._prefixes.get(word[:length])):
                found += entries
        for length in self._suffix_lengths:
            if length <= size and (entries := self._suffixes.get(word[size - length :])):
                found += entries
        found.sort(key=lambda entry: -len(entry.parts))
        return tuple(found)

    def _read(self, text: str) -> Reading:
        """Read a text as given and, where its bytes may have been misread, the repaired form that explains most of it."""
        text = text[:MAX_LENGTH]
        folded = fold(text)
        words, characters = self._word_hits(folded.words), self._character_hits(folded.rest)
        if not repair.is_suspect(text) or characters:
            return Reading(tuple(words + characters))
        best = max(self._repaired(text, frozenset(folded.words)), key=_weight, default=[])
        return Reading(tuple(words + (best or self._raw_hits(text))))

    def _repaired(self, text: str, known: frozenset[str]) -> Iterator[list[Hit]]:
        """The new hits of each repaired form. Short Latin words prove nothing; nor does one character of a rare kind."""
        for form in repair.forms(text, self._encodings):
            folded = fold(form.text)
            hits = self._character_hits(folded.rest, form.encoding)
            if form.encoding in repair.LATIN:
                hits += [
                    hit
                    for hit in self._word_hits(folded.words, form.encoding)
                    if len(hit.word) >= _PROOF and folded.words[hit.start] not in known
                ]
            if not form.is_doubtful or _weight(hits) >= sum(not c.isascii() for c in form.text) or _longest(hits) > 1:
                yield hits

    def _word_hits(self, words: tuple[str, ...], encoding: str | None = None) -> list[Hit]:
        hits = []
        at = 0
        while at < len(words):
            step = 1
            for entry in self._candidates(words[at]):
                if len(entry.parts) == 1 or entry.fits(words, at):
                    step = len(entry.parts)
                    hits.append(Hit(entry.role, entry.word, at, step, encoding))
                    break
            at += step
        return hits

    def _character_hits(self, text: str, encoding: str | None = None) -> list[Hit]:
        hits = []
        at = 0
        while at < len(text):
            step = 1
            for characters, role, word in self._characters.get(text[at], ()):
                if text.startswith(characters, at):
                    step = len(characters)
                    hits.append(Hit(role, word, at, step, encoding))
                    break
            at += step
        return hits

    def _raw_hits(self, text: str) -> list[Hit]:
        """Words given as misread text (`ÐØ`): matched in the text as given, before any folding."""
        hits = []
        at = 0
        while at < len(text):
            step = 1
            for characters, role, word in self._raw.get(text[at], ()):
                if text.startswith(characters, at):
                    step = len(characters)
                    hits.append(Hit(role, word, at, step, None))
                    break
            at += step
        return hits


def _weight(hits: list[Hit]) -> int:
    return sum(hit.length for hit in hits)


def _longest(hits: list[Hit]) -> int:
    return max((hit.length for hit in hits), default=0)
