"""Copy a record from one database to another, and prove that both hold the same: ``make migrate FROM=… TO=…``.

Studies are copied in the order of their UIDs and compared one by one. A copy that was interrupted goes on with
``--resume``: what is there and equal stays. No gateway may be at work on either record meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from plugin.adapters.databases import open_record
from plugin.domain.holding import alive
from plugin.domain.study import Study
from plugin.errors import PacsPullError, PermanentError
from plugin.ports import Record

ROOT = Path(__file__).resolve().parents[1]
BATCH = 500
TELL_EACH = 50_000


@dataclass(frozen=True, slots=True)
class Copied:
    """How many studies were written, and how many both records hold now."""

    written: int
    number: int


def migrate(source: Record, target: Record, now: datetime, resume: bool, tell: Callable[[str], None]) -> Copied:
    """Copy all studies, then compare. Raises PermanentError where that must not be, or did not work; RecordError."""
    for record, name in ((source, "FROM"), (target, "TO")):
        if gateways := alive(record.leases(), now):
            raise PermanentError(f"{', '.join(sorted(gateways))} works on {name} (or did a minute ago): stop it first")
    there = sum(target.number_of().values())
    if there and not resume:
        raise PermanentError(
            f"TO holds {there} studies already. RESUME=1 goes on with an interrupted copy: "
            "studies that differ are replaced by those of FROM"
        )
    written = 0
    batch: list[Study] = []
    for number, (ours, theirs) in enumerate(_side_by_side(source, target), start=1):
        if ours is not None and ours != theirs:
            batch.append(ours)
        if len(batch) == BATCH:
            written += _put(target, batch)
        if number % TELL_EACH == 0:
            tell(f"{number} studies")
    written += _put(target, batch)
    return Copied(written, _verified(source, target))


def _put(target: Record, batch: list[Study]) -> int:
    number = len(batch)
    target.put(batch)
    batch.clear()
    return number


def _verified(source: Record, target: Record) -> int:
    number = 0
    for ours, theirs in _side_by_side(source, target):
        if ours is None and theirs is not None:
            raise PermanentError(f"TO holds {theirs.study_instance_uid}, which FROM does not: it is of another record")
        if ours is not None and ours != theirs:
            raise PermanentError(f"{ours.study_instance_uid} is not the same in TO: copy again with RESUME=1")
        number += 1
    counts = [dict(sorted(record.number_of().items())) for record in (source, target)]
    if counts[0] != counts[1] or sum(counts[0].values()) != number:
        raise PermanentError(f"the counts by state differ: FROM {counts[0]}, TO {counts[1]}")
    return number


def _side_by_side(source: Record, target: Record) -> Iterator[tuple[Study | None, Study | None]]:
    """The studies of both in the order of their UIDs; None where one of them has no such study."""
    ours, theirs = source.all(), target.all()
    left, right = next(ours, None), next(theirs, None)
    while left is not None or right is not None:
        first = min(study.study_instance_uid for study in (left, right) if study is not None)
        mine = left if left is not None and left.study_instance_uid == first else None
        other = right if right is not None and right.study_instance_uid == first else None
        yield mine, other
        left = next(ours, None) if mine is not None else left
        right = next(theirs, None) if other is not None else right


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make migrate", description="Copy a record to another database.")
    parser.add_argument("source", metavar="FROM", help="sqlite:///path or mongodb://host/database")
    parser.add_argument("target", metavar="TO", help="the same")
    parser.add_argument("--resume", action="store_true", help="TO holds an interrupted copy")
    given = parser.parse_args(arguments)
    try:
        records = [open_record(url, ROOT) for url in (given.source, given.target)]
        copied = migrate(records[0], records[1], datetime.now(UTC), given.resume, print)
    except PacsPullError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{copied.written} studies copied; both records hold the same {copied.number} studies")
    return 0


if __name__ == "__main__":
    sys.exit(main())
