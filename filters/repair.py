"""Text whose bytes were read with the wrong character set, turned back.

A file whose text is GBK, Big5 … but which says ISO_IR 100, or nothing, is decoded as Latin-1: 胸 arrives as `ÐØ`.
The reverse happens too: a Latin-1 name decoded as GBK (`t髍ax`). Each plausible reading is offered, with the name of
the character set that the bytes really were in; the words decide which one is believed.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

DEFAULT_ENCODINGS: Final = (
    "utf-8", "gb18030", "big5", "cp932", "euc_kr", "euc_jp", "cp1251", "koi8_r", "iso8859_5", "cp1256", "iso8859_6",
    "iso8859_7", "iso8859_8", "cp1254", "cp1250",
)  # fmt: skip
"""Character sets in the order they are tried, by Python's names."""

WIDE: Final = ("gbk", "big5", "cp932", "euc_kr")
"""Character sets that a misconfigured reader turns foreign bytes into; what they made is taken apart again."""

LATIN: Final = frozenset({"latin-1", "utf-8", "cp1252", "cp1254", "cp1250"})
"""Character sets that can hold Latin words; in the others only words of their own script prove a repair."""

# Half-width katakana after a number is a unit (5 mm), not a misread character.
_UNIT = re.compile("[0-9][\uff61-\uff9f]")
_ESCAPE = re.compile("\x1b[$()\\-./][@-~()\\-./]?[@-~]?")
_JIS = re.compile(r"(?:\x1b?\$[@B])?((?:[!-~]{2})+?)(?:\x1b?\([BJ])")
_HZ = re.compile(r"~\{((?:[!-~]{2})+)~\}")
_SUSPECT = re.compile("[\x1b\x80-\U0010ffff]|~\\{|\\$[@B]")
_CP1252: Final = {
    ord(bytes([b]).decode("cp1252")): chr(b) for b in range(0x80, 0xA0) if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}


@dataclass(frozen=True, slots=True)
class Form:
    """One repaired reading of a value. `is_doubtful`: the text as given may be right, so more proof is asked for."""

    text: str
    encoding: str
    is_doubtful: bool = False

    @property
    def high(self) -> int:
        """Characters that are not ASCII."""
        return sum(not character.isascii() for character in self.text)


def is_suspect(text: str) -> bool:
    """True when the text has anything that a wrong character set could have left."""
    return _SUSPECT.search(text) is not None


@lru_cache(maxsize=4096)
def forms(text: str, encodings: tuple[str, ...] = DEFAULT_ENCODINGS) -> tuple[Form, ...]:
    """The repaired readings of `text`, the likeliest first; never the text itself."""
    return tuple(_forms(text, encodings)) if is_suspect(text) else ()


def _forms(text: str, encodings: tuple[str, ...]) -> Iterator[Form]:
    yield from _escaped(text)
    narrow = text.translate(_CP1252)
    if not text.isascii() and max(narrow) <= "\xff":
        yield from _from_latin(narrow, encodings)
    elif not text.isascii():
        yield from _from_wide(text, encodings)


def _escaped(text: str) -> Iterator[Form]:
    """ISO 2022 text whose escape sequences were left in (PS3.5 6.1.2.5), and HZ."""
    japanese = _JIS.sub(lambda m: _decode_high(m[1], "euc_jp"), text)
    if japanese != text:
        yield Form(_ESCAPE.sub("", japanese), "iso2022_jp")
    chinese = _HZ.sub(lambda m: _decode_high(m[1], "gb2312"), text)
    if chinese != text:
        yield Form(chinese, "hz")
    if "\x1b" in text:
        bare = _ESCAPE.sub("", text)
        yield Form(bare, "iso2022")
        if not bare.isascii() and max(bare) <= "\xff":
            yield from _from_latin(bare, ("gb18030", "euc_kr", "euc_jp"))


def bare_japanese(word: str) -> str | None:
    """The letters that are left of a Japanese word (`6;It` of 胸部) when its escape sequences are dropped, or None."""
    try:
        return word.encode("iso2022_jp").removeprefix(b"\x1b$B").removesuffix(b"\x1b(B").decode("ascii")
    except UnicodeEncodeError:
        return None


def _decode_high(seven_bit: str, encoding: str) -> str:
    return bytes(ord(c) | 0x80 for c in seven_bit).decode(encoding, "ignore")


def _from_latin(text: str, encodings: tuple[str, ...]) -> Iterator[Form]:
    raw = text.encode("latin-1")
    for encoding in encodings:
        decoded = _decode(raw, encoding, is_cut=True)
        if decoded is None or decoded == text:
            continue
        yield Form(decoded, encoding)
        if encoding == "utf-8":
            narrow = decoded.translate(_CP1252)
            if not decoded.isascii() and max(narrow) <= "\xff":
                yield from _from_latin(narrow, encodings)
            return  # valid UTF-8 with bytes above 7F does not happen by chance


def _from_wide(text: str, encodings: tuple[str, ...]) -> Iterator[Form]:
    if _UNIT.search(text):
        return
    for wrong in WIDE:
        try:
            raw = text.encode(wrong)
        except UnicodeEncodeError:
            continue
        for encoding in ("latin-1", *encodings):
            decoded = _decode(raw, encoding)
            if decoded is not None and decoded != text:
                yield Form(decoded, encoding, is_doubtful=encoding not in LATIN)


def _decode(raw: bytes, encoding: str, is_cut: bool = False) -> str | None:
    """Decode strictly; `is_cut` forgives a character cut in half at the end (LO is cut at 64, SH and CS at 16)."""
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        if not is_cut or error.start < len(raw) - 3:
            return None
    try:
        return codecs.getincrementaldecoder(encoding)().decode(raw, final=False)
    except (UnicodeDecodeError, LookupError):
        return None
