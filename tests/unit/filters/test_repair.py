"""Chest words whose bytes were read with the wrong character set, and what must not pass for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from filters import Rules, repair
from filters.lexicon import Lexicon, as_text

CHINESE_JAPANESE = ("胸", "肺", "胸部", "肺部", "胸部平扫")
READ_AS_LATIN = [
    *((word, code) for word in CHINESE_JAPANESE[:4] for code in ("gb18030", "big5", "cp932", "euc_jp", "utf-8")),
    *((word, code) for word in ("흉부", "폐", "가슴", "종격동") for code in ("euc_kr", "utf-8")),
    *(
        (word, code)
        for word in ("грудной клетки", "ОГК", "легких")
        for code in ("cp1251", "koi8_r", "iso8859_5", "utf-8")
    ),
    *((word, code) for word in ("صدر", "الصدر", "رئة") for code in ("cp1256", "iso8859_6", "utf-8")),
    ("θώρακας", "iso8859_7"),
    ("חזה", "iso8859_8"),
    ("tórax", "utf-8"),
    ("TÓRAX", "utf-8"),
    ("Göğüs", "cp1254"),
    ("śródpiersie", "cp1250"),
]

READ_AS_OTHER = """倠|禽|ﾐﾘ|煎|로|ｷﾎ|倠窒|禽꼬|로꼬|ｯﾝ|ｪﾍ|ね|鑳搁儴|鑲洪儴|嫻|攛|嫻晹|痘|琴|痘婶|떻|핵|蠕何|企|啊娇
頋夒秬|沭箐|且漳|余阍|t髍ax|T覴AX|PULM肙|hrudn韐|pl韈e|G鲳黶|G中躍|akci餰r|p硊ca|ÐžÐ“Ðš|ãðóäí|ÇÒÕÄÎ
ÓàãÔÝ|ÎÃÊ|ïçë|¾³º|ëåãêèõ|ÕÏÑ|ÇäÕÏÑ|ÑÆÉ"""

NOT_CHEST = """ÐØ×µ|ÐØ¹Ç|¯Ý´Õ|¯Ý°©|èƒ¸æ¤Ž|èƒ¸éª¨|¿ä·Î|¿ä·ÎÁ¶¿µ|ðø|5ﾐﾘ|CT 5ﾐﾘ|企業|조영제로|로봇|핵의학|企划
Hôpital Général|Röntgen Hüfte|Schädel|Größe 5 µm|±0,5|è|§|°|??²¿|B?cken"""


def judge(rules: Rules, text: object, modality: str = "CT") -> bool:
    return rules.judge({"Modality": modality, "SeriesDescription": text}).keep


@pytest.mark.parametrize(("word", "code"), READ_AS_LATIN)
def test_read_as_latin(rules: Rules, word: str, code: str) -> None:
    raw = word.encode(code)
    for modality in ("CT", "DX"):
        assert judge(rules, raw.decode("latin-1"), modality)
        assert judge(rules, f"CT {raw.decode('latin-1')} 1.0mm", modality)
        assert judge(rules, raw, modality), "bytes as they came"


@pytest.mark.parametrize(("word", "code"), READ_AS_LATIN)
def test_read_as_windows_1252(rules: Rules, word: str, code: str) -> None:
    try:
        text = word.encode(code).decode("cp1252")
    except UnicodeDecodeError:
        return  # bytes that Windows-1252 does not define are lost for good
    assert judge(rules, text)


@pytest.mark.parametrize("text", [text for line in READ_AS_OTHER.splitlines() for text in line.split("|")])
def test_read_as_something_else(rules: Rules, text: str) -> None:
    assert judge(rules, text)
    assert judge(rules, text, "DX")


@pytest.mark.parametrize("text", [text for line in NOT_CHEST.splitlines() for text in line.split("|")])
def test_not_chest(rules: Rules, text: str) -> None:
    assert not judge(rules, text)
    assert not judge(rules, text, "DX")


@pytest.mark.parametrize(
    "text", ["\x1b$B6;It\x1b(B", "$B6;It(B", "~{PX2?~}", "\x1b$)AÐØ²¿", "\x1b$)CÈäºÎ", "CT \x1b$B6;It\x1b(B 1.0"]
)
def test_escapes_left_in_the_text(rules: Rules, text: str) -> None:
    assert judge(rules, text)


@pytest.mark.parametrize("text", ["6;", "GY", "6;It"])
def test_escapes_dropped(rules: Rules, text: str) -> None:
    """Only a whole value can be taken for Japanese without its escapes."""
    assert judge(rules, text)
    assert not judge(rules, f"{text} 5.0")
    assert not judge(rules, f"ABD {text}")


def test_utf8_encoded_twice_and_cut_characters(rules: Rules) -> None:
    assert judge(rules, "胸部".encode().decode("latin-1").encode().decode("latin-1"))
    assert judge(rules, "胸部".encode("gb18030").decode("latin-1")[:-1])
    assert judge(rules, "胸部".encode().decode("latin-1")[:-1])


def test_repaired_text_says_so(rules: Rules) -> None:
    verdict = rules.judge({"Modality": "CT", "SeriesDescription": "ÐØ²¿"})
    assert verdict.reason == "kept: SeriesDescription has '胸部', found in repaired text (gb18030)"
    verdict = rules.judge({"Modality": "CT", "StudyDescription": "CHEST", "SeriesDescription": "¹Ú×´"})
    assert verdict.reason == "filter because SeriesDescription ¹Ú×´ (reformat: 冠状 in repaired text (gb18030))"


def test_text_as_given_is_believed_first(rules: Rules) -> None:
    verdict = rules.judge({"Modality": "CT", "SeriesDescription": "胸部"})
    assert "repaired" not in verdict.reason


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (r"b'\xc3\x90\xc3\x98'", "ÐØ"),
        (r'b"\xc3\x90\xc3\x98"', "ÐØ"),
        (r"\xc3\x90\xc3\x98", "ÐØ"),
        (r"b'\xd0\xd8'", "ÐØ"),
        (r"b'CT \xc3\x90\xc3\x98'", "CT ÐØ"),
        ("thorax*", "thorax*"),
        ("b'chest'", "b'chest'"),
    ],
)
def test_words_as_bytes(word: str, text: str) -> None:
    assert as_text(word) == text


def test_word_given_as_misread_text_needs_no_repair() -> None:
    lexicon = Lexicon({"wanted": [r"b'\xc3\x90\xc3\x98'"]}, encodings=())
    assert [hit.role for hit in lexicon.read("CT ÐØ 1.0").hits] == ["wanted"]
    assert not lexicon.read("CT ðø 1.0").hits


def test_site_without_korean_devices(changed: Callable[..., Rules]) -> None:
    rules = changed(('"euc_kr", ', ""))
    assert not judge(rules, "흉부".encode("euc_kr").decode("latin-1"))
    assert judge(rules, "胸部".encode("gb18030").decode("latin-1"))


def test_ascii_is_not_repaired() -> None:
    assert repair.forms("CT CHEST 1.0", repair.DEFAULT_ENCODINGS) == ()
    assert not repair.is_suspect("CT CHEST $1 {2}")


def test_unknown_encoding_is_no_form() -> None:
    assert all(form.text for form in repair.forms("\x1b$)AÐØ²¿", ("gb18030",)))
