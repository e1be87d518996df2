"""Are all images here? Counts received against counts in the PACS, series by series where the PACS gives them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from plugin.domain.study import Completeness

REPULL_INTERVALS = (timedelta(seconds=2), timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30))
"""The wait before each re-pull; the last one repeats."""


@dataclass(frozen=True, slots=True)
class Count:
    """Images of one series: in the PACS (None: it gives no count) and received."""

    series_instance_uid: str
    in_pacs: int | None
    received: int

    @property
    def is_short(self) -> bool:
        """Whether the PACS has more images than we; without a count, whether we have none at all."""
        return self.received < (1 if self.in_pacs is None else self.in_pacs)


def compare(in_pacs: Mapping[str, int | None], received: Mapping[str, int]) -> list[Count]:
    """One Count for each series that either side knows, the PACS's order first."""
    uids = [*in_pacs, *(uid for uid in received if uid not in in_pacs)]
    return [Count(uid, in_pacs.get(uid), received.get(uid, 0)) for uid in uids]


def judged(expected: int | None, received: int, short: Collection[str], repulls: int) -> Completeness:
    """The verdict on the study; ``short`` names the series that are known to lack images."""
    if expected is None:
        status = "incomplete" if short else "unknown"
    else:
        status = "complete" if received >= expected and not short else "incomplete"
    return Completeness(status, expected, received, repulls)


def repull_delay(repulls: int) -> timedelta:
    """The wait before re-pull number ``repulls`` (0 is the first)."""
    return REPULL_INTERVALS[min(repulls, len(REPULL_INTERVALS) - 1)]
