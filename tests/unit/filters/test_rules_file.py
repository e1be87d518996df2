"""Reading, refusing and reloading the rules file."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from filters import Rules, RulesError, RulesFile, load_rules
from filters.schema import parse

from .conftest import RULES_FILE

SMALL = """
[words.chest]
en = ["chest"]
site = []

[words.head]
en = ["head"]

[[task]]
name = "chest"
modalities = ["CT"]
routing_key = "chest"
deliver = "Thickest"
[task.words]
wanted = ["chest"]
elsewhere = ["head"]

[[task]]
name = "head"
modalities = ["ct"]
routing_key = "head"
deliver = "All"
min_instances = 5
[task.words]
wanted = ["head"]
"""


def problems(text: str) -> str:
    with pytest.raises(RulesError) as caught:
        parse(text)
    return "\n".join(caught.value.problems)


def test_shipped_tasks(rules: Rules) -> None:
    assert [(t.name, t.routing_key, t.deliver) for t in rules.tasks] == [
        ("chest-ct", "chest-ct", "Thickest"),
        ("chest-dx", "chest-dx", "Study"),
    ]
    assert rules.enabled_modalities == {"CT", "DX", "DR", "CR"}
    assert rules.task("chest-dx").modalities == {"DX", "DR", "CR"}
    with pytest.raises(KeyError):
        rules.task("head")


def test_first_task_that_keeps_wins_and_the_furthest_refusal_is_told() -> None:
    rules = parse(SMALL)
    assert rules.judge({"Modality": "CT", "SeriesDescription": "CHEST HEAD"}).task == "chest"
    assert rules.judge({"Modality": "CT", "SeriesDescription": "HEAD"}).task == "head"
    refused = rules.judge({"Modality": "CT", "SeriesDescription": "HEAD", "NumberOfSeriesRelatedInstances": 2})
    assert (refused.task, refused.reason) == ("head", "filter because instance nums 2 < 5")


def test_a_site_word_is_one_line() -> None:
    header = {"Modality": "CT", "SeriesDescription": "BRUSTRAUM 1.0"}
    assert not parse(SMALL).judge(header).keep
    assert parse(SMALL.replace("site = []", 'site = ["brustraum"]')).judge(header).keep
    assert parse(SMALL.replace("site = []", 'site = ["brust*"]')).judge(header).keep
    assert parse(SMALL.replace("site = []", 'site = ["*raum"]')).judge(header).keep
    assert not parse(SMALL.replace("site = []", 'site = ["brust"]')).judge(header).keep


def test_a_word_may_be_bytes_from_a_log() -> None:
    rules = parse(SMALL.replace("site = []", r"""site = ['b"\xc3\x90\xc3\x98"']"""))
    assert rules.judge({"Modality": "CT", "SeriesDescription": "ÐØ"}).keep


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "min_instances = 5",
            "MinInstances = 5",
            "line 23: task.MinInstances: unknown key; did you mean 'min_instances'?",
        ),
        (
            "min_instances = 5",
            "min_instances = '5'",
            "line 23: task.min_instances: a whole number of 0 or more expected, found '5'",
        ),
        ("min_instances = 5", "min_instances = true", "a whole number of 0 or more expected, found True"),
        ("min_instances = 5", "max_slice_thickness = nan", "a number of 0 or more expected, found nan"),
        ("min_instances = 5", "kernels_wanted = [5]", "a list of non-empty texts expected, found [5]"),
        ('deliver = "All"', 'deliver = "all"', "found 'all'; did you mean 'All'?"),
        ('routing_key = "head"', "routing_key = ''", "task.routing_key: a text expected, found ''"),
        ('routing_key = "head"', "", "line 18: task.routing_key: missing"),
        (
            'name = "head"',
            'name = "chest"',
            "line 19: task.name: another task is called 'chest' too; names must differ",
        ),
        ('wanted = ["head"]', 'wanted = ["haed"]', "line 25: task.words.wanted: no [words.haed]; did you mean 'head'?"),
        ('wanted = ["head"]', 'elsewhere = ["head"]', "task.words.wanted: at least one word list expected"),
        ('wanted = ["head"]', 'wantd = ["head"]', "task.words.wantd: unknown key; did you mean 'wanted'?"),
        ('en = ["head"]', 'en = ["chest"]', "line 6: words.head: 'chest' is in [words.chest] too"),
        ('en = ["head"]', 'en = "head"', "line 7: words.head.en: a list of non-empty texts expected, found 'head'"),
        ('en = ["head"]', 'en = ["--"]', "line 7: words.head.en: a letter or digit expected in '--'"),
        ("[words.head]", "[words]\nhead = 5\n[words.other]", "words.head: a table expected, found 5"),
        ("[words.head]", '[text]\nencodings = ["gb18300"]\n[words.head]', "found 'gb18300'; did you mean 'gb18030'?"),
        ("[words.head]", '[text]\nencodings = ["hex"]\n[words.head]', "a character set known to Python expected"),
        ("[words.head]", "[txet]\n[words.head]", "line 6: txet: unknown key; did you mean 'text'?"),
        ("[words.head]", "[zzz]\n[words.head]", "zzz: unknown key; known keys are text, words, task"),
        ("[words.head]", "[words.head", "not valid TOML: "),
        ("[words.head]", "[words.tail]\nx = ", "not valid TOML: Invalid value (at line 7"),
        ("site = []", 'site = ["\\xc3"]', r"a word given as bytes goes into single quotes"),
    ],
)
def test_problems_say_line_key_and_what_was_expected(old: str, new: str, expected: str) -> None:
    assert old in SMALL
    assert expected in problems(SMALL[::-1].replace(old[::-1], new[::-1], 1)[::-1])


def test_all_problems_at_once() -> None:
    text = SMALL.replace('deliver = "Thickest"', 'deliver = "Fattest"').replace(
        "min_instances = 5", "min_instances = -1"
    )
    assert len(problems(text).splitlines()) == 2


@pytest.mark.parametrize("text", ["", "task = 5", "[[words]]", "task = [5]"])
def test_no_task(text: str) -> None:
    assert "[[task]]" in problems(text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="cannot be read"):
        load_rules(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_bytes("胸".encode("gb18030"))
    with pytest.raises(RulesError, match="save the file as UTF-8"):
        load_rules(bad)
    bad.write_text("x = ")
    with pytest.raises(RulesError, match=r"bad\.toml: not valid TOML.*line 1"):
        RulesFile(bad)


def test_encodings_can_be_left_to_the_default() -> None:
    assert parse("[text]\n" + SMALL).tasks


def test_reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    monkeypatch.setattr("filters.rules_file.time.monotonic", lambda: now)
    caplog.set_level(logging.INFO, "filters")
    path = tmp_path / "filters.toml"
    path.write_text(SMALL)
    file = RulesFile(path)
    first = file.current()
    path.write_text(SMALL.replace('name = "head"', 'name = "kopf"'))
    assert file.current() is first, "the file is looked at once a second at most"
    now += 2
    second = file.current()
    assert [task.name for task in second.tasks] == ["chest", "kopf"]
    path.write_text(SMALL.replace("min_instances = 5", "min_instances = 'five'"))
    for _ in range(3):
        now += 2
        assert file.current() is second
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "line 23: task.min_instances" in errors[0]
    path.unlink()
    now += 2
    assert file.current() is second
    path.write_text(SMALL)
    now += 2
    assert [task.name for task in file.current().tasks] == ["chest", "head"]


def test_same_size_and_other_time_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("filters.rules_file.time.monotonic", lambda: now)
    path = tmp_path / "filters.toml"
    path.write_text(SMALL)
    file = RulesFile(path)
    path.write_text(SMALL.replace("= 5", "= 6"))
    os.utime(path, ns=(1, 1))
    now += 2
    assert file.current().task("head").min_instances == 6


def test_shipped_file_has_a_site_line_for_the_lists_that_sites_change() -> None:
    text = RULES_FILE.read_text("utf-8")
    for name in ("chest", "chest_ct", "chest_dx", "elsewhere", "ignored", "localizer", "reformat"):
        assert f"[words.{name}]\nsite = []" in text
