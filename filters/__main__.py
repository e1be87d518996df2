"""The rules from the command line, without Orthanc.

python -m filters [--rules FILE] < series.jsonl       one verdict for each line
python -m filters explain [KEY=VALUE ...]             which rule read what, in order, for one series
python -m filters score FILE.parquet|FILE.jsonl       recall and precision against labels
python -m filters replay --old A.toml --new B.toml    series gained and lost by a change of rules
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from filters import explain, replay, score
from filters.problems import RulesError
from filters.rules import Rules
from filters.rules_file import load_rules

DEFAULT_RULES = Path(__file__).resolve().parent.parent / "config" / "filters.toml"


class NotASeriesError(ValueError):
    """A line of input that is not a JSON object."""


def parse_line(raw: bytes) -> dict[str, Any]:
    """One JSON object. Bytes that are not UTF-8 are read as Latin-1, which the rules know how to repair."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    try:
        found = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise NotASeriesError(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise NotASeriesError(f"a JSON object expected, found {type(found).__name__}")
    return found


def judge_lines(rules: Rules, lines: Iterable[bytes], out: IO[bytes]) -> int:
    """Answer each line with one line; returns how many were not JSON objects."""
    errors = 0
    for number, raw in enumerate(lines, 1):
        try:
            answer = parse_line(raw)
        except NotASeriesError as error:
            errors += 1
            answer = {"error": f"line {number}: {error}"}
        else:
            verdict = rules.judge(answer)
            answer |= {"keep": verdict.keep, "task": verdict.task, "rule": verdict.rule, "reason": verdict.reason}
        # A lone surrogate cannot be written as UTF-8; backslashreplace makes it the JSON escape that it came as.
        out.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
    out.flush()
    return errors


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 when some line was not a JSON object, or 2 when rules or input cannot be read."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except RulesError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
    except (NotASeriesError, score.ScoreError, replay.RecordError) as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:
        return 0
    return 2


def _run(options: argparse.Namespace) -> int:
    match options.command:
        case "explain":
            header = explain.read_series(options.values) if options.values else parse_line(sys.stdin.buffer.readline())
            print(explain.explain(load_rules(options.rules), header))
        case "score":
            rows = score.read_rows(options.file)
            result = score.score(load_rules(options.rules), rows, options.label, options.unscored)
            print(score.report(result, options.group, options.misses))
        case "replay":
            differences = replay.replay(load_rules(options.old), load_rules(options.new), replay.read(options.record))
            print(replay.report(differences))
        case _:
            return 1 if judge_lines(load_rules(options.rules), sys.stdin.buffer, sys.stdout.buffer) else 0
    return 0


def _parser() -> argparse.ArgumentParser:
    rules = argparse.ArgumentParser(add_help=False)
    rules.add_argument("--rules", type=Path, default=DEFAULT_RULES, help="rules file (config/filters.toml)")
    same = argparse.ArgumentParser(add_help=False)
    # Without a default, or a command would undo the --rules given before it.
    same.add_argument("--rules", type=Path, default=argparse.SUPPRESS, help="rules file (config/filters.toml)")
    parser = argparse.ArgumentParser(
        "python -m filters", description=__doc__, parents=[rules], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command")
    command = commands.add_parser("explain", parents=[same], help="which rule read what, for one series")
    command.add_argument("values", nargs="*", metavar="KEY=VALUE", help="attributes; else one JSON line from stdin")
    command = commands.add_parser("score", parents=[same], help="recall and precision against labels")
    command.add_argument("file", type=Path, help="parquet (needs pyarrow) or JSON lines")
    command.add_argument("--label", default="target_suitable", help="column with 1, 0 or null (target_suitable)")
    command.add_argument("--group", action="append", default=[], help="column to score by group; may be repeated")
    command.add_argument("--unscored", type=score.span, default=None, metavar="10-14", help="image counts left out")
    command.add_argument("--misses", type=int, default=20, help="how many of the most frequent misses to list (20)")
    command = commands.add_parser("replay", help="series gained and lost by a change of rules")
    command.add_argument("--old", type=Path, default=DEFAULT_RULES, help="rules in force (config/filters.toml)")
    command.add_argument("--new", type=Path, required=True, help="rules to try")
    command.add_argument("--record", required=True, help="sqlite:///path of the study record, or JSON lines")
    return parser


if __name__ == "__main__":
    sys.exit(main())
