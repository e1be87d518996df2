"""Text as rules compare it: folded, and cut into words.

Latin text is compared word by word, scripts without spaces between words (and Cyrillic, Arabic, Hebrew, Greek, Thai,
whose inflections glue to the stem) character by character. So a folded text has two views: `words` of ASCII letters or
digits, and `rest`, the folded text with single spaces for everything that separates words.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_LENGTH = 10240
"""Characters of a value that are read: the limit of LT, the longest VR in use here (PS3.5 table 6.2-1)."""

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# C+ and C- are words of their own: with and without contrast. C-A-P is not.
_WORD = re.compile(r"(?<![a-z0-9])c(?:\+|-(?![a-z]))|[a-z]+|[0-9]+")
_SEPARATORS = re.compile(r"[\W_]+")
# Letters that NFD does not split, and Arabic letters that Persian keyboards write differently.
_BY_HAND = {
    "ł": "l", "ı": "i", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h",
    "ي": "ی", "ى": "ی", "ك": "ک", "أ": "ا", "إ": "ا", "آ": "ا",
}  # fmt: skip
# Zero-width characters, soft hyphen, byte order mark, Arabic tatweel and vowel signs, Hebrew points.
_DROPPED = re.compile("[\u00ad\u0640\u064b-\u0652\u0591-\u05c7\u200b-\u200f\u202a-\u202e\u2060\ufeff]")


class _FoldTable(dict[int, str]):
    """Character -> character without accent, filled as characters are met."""

    def __missing__(self, code_point: int) -> str:
        character = chr(code_point)
        folded = _BY_HAND.get(character)
        if folded is None:
            base = unicodedata.normalize("NFD", character)[0]
            # Accents go from letters only: Hangul syllables and voiced kana decompose too and must stay whole.
            folded = character if ord(base) > 0x1000 else base
        if len(self) < 0x4000:
            self[code_point] = folded
        return folded


_FOLD = _FoldTable()


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in both views; `rest` is empty for pure ASCII, where it would say nothing that `words` does not."""

    words: tuple[str, ...]
    rest: str


def fold(text: str) -> Folded:
    """Fold case, accents, width and separators, and split glued words (`ThoraxRoutine`, `CHEST2VIEWS`)."""
    if text.isascii():
        return Folded(tuple(_WORD.findall(_CAMEL.sub(" ", text).lower())), "")
    split = _CAMEL.sub(" ", unicodedata.normalize("NFKC", text))
    folded = _DROPPED.sub("", split).casefold().translate(_FOLD)
    return Folded(tuple(_WORD.findall(folded)), _SEPARATORS.sub(" ", folded))
