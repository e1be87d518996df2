"""When is a study in the PACS worth pulling? Pure rules on what successive polls answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from plugin.domain.study import Sighting

RADIOGRAPHS = frozenset({"DX", "DR", "CR", "RF", "OT"})
"""Radiographs come one by one and are wanted one by one: nothing is gained by waiting for their count."""


@dataclass(frozen=True, slots=True)
class StabilityRule:
    """How one source's studies are judged. ``delay`` is the age since first seen that counts as stable."""

    by_count: bool
    delay: timedelta


def seen_again(before: Sighting | None, seen: Sighting, rule: StabilityRule, is_waited_for: bool) -> Sighting:
    """What we know of the study at a source after one more poll answered ``seen``.

    Stable is: two successive polls with the same number; or, where the source gives no number or is set so, an age
    since first seen; or, for a study that is not waited for (radiographs), the first sight.
    """
    if before is None or seen.number_in_pacs != before.number_in_pacs:
        return replace(seen, is_stable=not is_waited_for)
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
