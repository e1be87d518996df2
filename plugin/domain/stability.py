"""When is a study in the PACS worth pulling? Pure rules on what successive polls answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from plugin.domain.study import Sighting

RADIOGRAPHS = frozenset({"DX", "DR", "CR", "RF", "OT"})
"""Radiographs come one by one and are wanted one by one: nothing is gained by waiting for their count."""

PATIENCE = 12
"""A count that never stands still is waited for so many delays: an hour by default."""


@dataclass(frozen=True, slots=True)
class StabilityRule:
    """How one source's studies are judged. ``delay`` is the age since first seen that counts as stable."""

    by_count: bool
    delay: timedelta

    @property
    def patience(self) -> timedelta:
        """The longest wait for a count to stand still: some PACS never answer the same number twice."""
        return PATIENCE * self.delay


def seen_again(
    before: Sighting | None,
    seen: Sighting,
    rule: StabilityRule,
    is_waited_for: bool,
    waiting_since: datetime | None = None,
) -> Sighting:
    """What we know of the study at a source after one more poll answered ``seen``.

    Stable is: two successive polls with the same number; or, where the source gives no number or is set so, an age
    since first seen; or, for a study that is not waited for (radiographs), the first sight; or, whatever the numbers
    are, the rule's patience since ``waiting_since`` (None: it has no end).
    """
    if before is not None and not rule.by_count and not before.is_stable:
        is_old = seen.first_seen_at - before.first_seen_at >= rule.delay
        return replace(seen, first_seen_at=before.first_seen_at, is_stable=is_old or not is_waited_for)
    if before is None or seen.number_in_pacs != before.number_in_pacs:
        is_too_long = waiting_since is not None and seen.first_seen_at - waiting_since >= rule.patience
        return replace(seen, is_stable=not is_waited_for or is_too_long)
    if before.is_stable or not is_waited_for:
        return replace(before, is_stable=True)
    if rule.by_count and seen.number_in_pacs is not None:
        return replace(before, is_stable=True)
    return replace(before, is_stable=seen.first_seen_at - before.first_seen_at >= rule.delay)


def is_waited_for(modalities: Collection[str]) -> bool:
    """Whether the count must stand still before the pull: so it is unless all wanted modalities are radiographs."""
    return not (modalities and RADIOGRAPHS.issuperset(modalities))


def has_grown(number: int | None, settled: int | None) -> bool:
    """Whether the PACS now has more images than when the study was last settled."""
    return number is not None and settled is not None and number > settled
