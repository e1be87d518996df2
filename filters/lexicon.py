"""Words with a meaning, looked up in a text in time that does not grow with their number.

A word list has a role (`wanted`, `elsewhere`, `localizer` …). Where several words fit at one place the longest wins and
uses the place up: `thoracic spine` is spine, and `thoracic` in it is not read again. A star at an end stands for more
letters: `thorac*`, `*thorax`. Words in scripts other than Latin match inside other characters.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from filters import repair
from filters.text import MAX_LENGTH, fold

PROOF: Final = 4
"""Letters that a Latin word needs to prove that a repair is right."""

_BYTE: Final = r"\\x[0-9a-fA-F]{2}"
_PLAIN: Final = r"[ -\[\]-~]"
_BYTES: Final = re.compile(f"""^b?(['"]?)((?:{_PLAIN}|{_BYTE})*{_BYTE}(?:{_PLAIN}|{_BYTE})*)\\1$""")
_HIGH_LATIN: Final = re.compile("^[\x80-\xff]+$")
_BETWEEN: Final = re.compile(r"[\s_./,()+-]+")


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


class _Node:
    """A place in the tree of phrases; `entry` is the role and word that end here."""

    __slots__ = ("entry", "exact", "prefixes", "suffixes")

    def __init__(self) -> None:
        self.entry: tuple[str, str] | None = None
        self.exact: dict[str, _Node] = {}
        self.prefixes: dict[str, _Node] = {}
        self.suffixes: dict[str, _Node] = {}

    def grow(self, part: str) -> _Node:
        """The child for a part of a phrase, with its star: `lung`, `screen*`, `*thorax`."""
        if part.startswith("*"):
            return self.suffixes.setdefault(part[1:], _Node())
        if part.endswith("*"):
            return self.prefixes.setdefault(part[:-1], _Node())
        return self.exact.setdefault(part, _Node())

    def children(self, word: str) -> tuple[_Node, ...]:
        """Children that a word of a text leads to, the most specific first: exact, longest beginning, longest end."""
        found = [self.exact[word]] if word in self.exact else []
        if word[0] <= "9":
            return tuple(found)  # stars stand for letters: 5* has no use, and most words that differ are numbers
        if self.prefixes:
            stems = (word[:end] for end in range(len(word), 0, -1))
            found += [self.prefixes[stem] for stem in stems if stem in self.prefixes]
        if self.suffixes:
            stems = (word[start:] for start in range(len(word)))
            found += [self.suffixes[stem] for stem in stems if stem in self.suffixes]
        return tuple(found)

    def longest(self, words: tuple[str, ...], at: int) -> tuple[int, tuple[str, str]] | None:
        """End and entry of the longest phrase that goes on from here."""
        best = (at, self.entry) if self.entry is not None else None
        if at < len(words) and (self.exact or self.prefixes or self.suffixes):
            for child in self.children(words[at]):
                found = child.longest(words, at + 1)
                if found is not None and (best is None or found[0] > best[0]):
                    best = found
        return best


class _Table:
    """Words that match inside other characters, the longest first at each place."""

    def __init__(self, words: Iterable[tuple[str, str, str]]) -> None:
        self._words: dict[str, list[tuple[str, str, str]]] = {}
        for characters, role, word in sorted(words, key=lambda item: -len(item[0])):
            self._words.setdefault(characters[0], []).append((characters, role, word))
        self.first = re.compile(f"[{re.escape(''.join(self._words))}]" if self._words else r"(?!)")

    def hits(self, text: str, encoding: str | None = None) -> list[Hit]:
        hits = []
        found = self.first.search(text)
        while found is not None:
            at = found.start()
            step = 1
            for characters, role, word in self._words[text[at]]:
                if text.startswith(characters, at):
                    step = len(characters)
                    hits.append(Hit(role, word, at, step, encoding))
                    break
            found = self.first.search(text, at + step)
        return hits


class Lexicon:
    """Words by role. Immutable once built, so threads may share it."""

    def __init__(
        self, roles: Mapping[str, Iterable[str]], encodings: tuple[str, ...] = repair.DEFAULT_ENCODINGS
    ) -> None:
        self._encodings = encodings
        self._root = _Node()
        characters: list[tuple[str, str, str]] = []
        misread: list[tuple[str, str, str]] = []
        for role, words in roles.items():
            for word in words:
                text = as_text(word)
                folded = fold(text)
                if _HIGH_LATIN.match(text):
                    misread.append((text, role, word))
                elif not folded.rest.isascii():
                    characters.append((folded.rest.strip(), role, word))
                else:
                    self._grow(role, word, _parts(text, folded.words))
        self._characters, self._misread = _Table(characters), _Table(misread)
        self._bare = {repair.bare_japanese(word): (word, role, name) for word, role, name in characters}
        self.read = lru_cache(maxsize=8192)(self._read)
        self._children = lru_cache(maxsize=8192)(self._root.children)

    def _grow(self, role: str, word: str, parts: list[str]) -> None:
        node = self._root
        for part in parts:
            node = node.grow(part)
        if parts and node.entry is None:
            node.entry = (role, word)

    def _read(self, text: str) -> Reading:
        """Read a text as given and, where bytes may have been misread, the repaired form that explains most of it."""
        text = text[:MAX_LENGTH]
        folded = fold(text)
        words, characters = self._word_hits(folded.words), self._characters.hits(folded.rest)
        if not words and text in self._bare:
            word, role, name = self._bare[text]
            return Reading((Hit(role, name, 0, len(word), "iso2022_jp"),))
        if characters or not repair.is_suspect(text):
            return Reading(tuple(words + characters))
        best = max(self._repaired(text, frozenset(folded.words)), key=_weight, default=[])
        return Reading(tuple(words + (best or self._misread.hits(text))))

    def _repaired(self, text: str, known: frozenset[str]) -> Iterator[list[Hit]]:
        """The new hits of each repaired form that has proof: known characters, or Latin words of some length."""
        for form in repair.forms(text, self._encodings):
            is_latin = form.encoding in repair.LATIN
            if not is_latin and self._characters.first.search(form.text.lower()) is None:
                continue
            folded = fold(form.text)
            hits = self._characters.hits(folded.rest, form.encoding)
            if is_latin:
                latin = self._word_hits(folded.words, form.encoding)
                hits += [hit for hit in latin if len(hit.word) >= PROOF and folded.words[hit.start] not in known]
            # What a wrong wide character set made may be good text by itself: one known character is no proof there.
            if not form.is_doubtful or _weight(hits) >= form.high or any(hit.length > 1 for hit in hits):
                yield hits

    def _word_hits(self, words: tuple[str, ...], encoding: str | None = None) -> list[Hit]:
        hits = []
        at = 0
        while at < len(words):
            end, best = at + 1, None
            for child in self._children(words[at]):
                found = child.longest(words, at + 1)
                if found is not None and (best is None or found[0] > end):
                    end, best = found
            if best is not None:
                hits.append(Hit(best[0], best[1], at, end - at, encoding))
            at = end
        return hits


def _parts(text: str, words: tuple[str, ...]) -> list[str]:
    """The words of a phrase with the stars put back where they stood."""
    pieces = [piece for piece in _BETWEEN.split(text.strip()) if piece.strip("*")]
    parts = list(words)
    if len(pieces) == len(parts):
        parts = [part + "*" if piece.endswith("*") else part for part, piece in zip(parts, pieces, strict=True)]
    elif parts and text.endswith("*"):
        parts[-1] += "*"
    if parts and text.startswith("*"):
        parts[0] = "*" + parts[0].rstrip("*")
    return parts


def _weight(hits: list[Hit]) -> int:
    return sum(hit.length for hit in hits)


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
