"""The answer for one series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Verdict:
    """Kept or not, by which task and rule, and why.

    `task` is the task that keeps the series or whose refusal came last; None when no task takes the modality.
    `rule` is the stable name of the rule that refused (docs/filters.md), None when kept. `reason` is for people and for
    the log. `evidence` holds the attribute values that were read, ready for JSON, never a patient's name or birth date.
    `is_certain` is False when attributes that were absent could still turn a refusal.
    """

    keep: bool
    task: str | None
    rule: str | None
    reason: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    is_certain: bool = True
