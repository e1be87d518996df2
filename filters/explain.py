"""How a verdict comes about: for each task every rule in order, what it read and what it said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from filters.header import Header
from filters.lexicon import Reading
from filters.region import ORDER, SERIES_TEXTS, VETO_ORDER, hear
from filters.rules import Rules
from filters.task import RULES, Task


def read_series(values: Sequence[str]) -> dict[str, object]:
    """`KEY=VALUE` arguments as a header."""
    return {key: value for key, _, value in (item.partition("=") for item in values)}


def explain(rules: Rules, values: Mapping[str, object]) -> str:
    """A text for people; the last line is the verdict."""
    header = Header(values)
    modality = header.text("Modality").upper()
    lines = [f"modality: {modality or '(absent)'}; enabled are {', '.join(sorted(rules.enabled_modalities))}"]
    for task in rules.tasks:
        if modality in task.modalities:
            lines += _task(task, header)
    verdict = rules.judge(values)
    lines.append(f"verdict: {'keep' if verdict.keep else 'refuse'}, task {verdict.task}, rule {verdict.rule}")
    if not verdict.keep and not verdict.is_certain:
        lines.append("    not certain: attributes that are absent here could still turn it")
    return "\n".join([*lines, f"    {verdict.reason}"])


def _task(task: Task, header: Header) -> list[str]:
    lines = [f"task {task.name}", f"  region (BodyPartExamined as {task.body_part_examined})"]
    for keyword in VETO_ORDER if task.body_part_examined == "veto" else ORDER:
        text = header.text(keyword)
        reading = task.region_words.read(text)
        said, _ = hear(task.region_words, text, keyword in SERIES_TEXTS)
        lines.append(f"    {keyword} {_shown(header, keyword)}: {said or 'says nothing'}{_hits(reading)}")
    for rule in RULES:
        reason = rule.check(task, header)
        read = ", ".join(f"{keyword} {_shown(header, keyword)}" for keyword in rule.keywords)
        lines.append(f"  {rule.name}: {'passes' if reason is None else 'refuses: ' + reason}  [{read}]")
    return lines


def _shown(header: Header, keyword: str) -> str:
    return repr(header.text(keyword)) if header.has(keyword) else "(absent)"


def _hits(reading: Reading) -> str:
    found = [
        f"{hit.word!r} is {hit.role}" + (f" in repaired text ({hit.encoding})" if hit.encoding else "")
        for hit in reading.hits
    ]
    return f" ({'; '.join(found)})" if found else ""
