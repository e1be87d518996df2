"""All tasks of a rules file, and the verdict on a series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from filters.header import Header
from filters.task import RULES, Task
from filters.verdict import Verdict

_DEPTH = {"body_part_examined": 0, "region": 0} | {rule.name: place for place, rule in enumerate(RULES, 1)}


@dataclass(frozen=True)
class Rules:
    """Tasks in the order of the file; the first that keeps a series wins. Immutable, so threads may share it."""

    tasks: tuple[Task, ...]

    @cached_property
    def enabled_modalities(self) -> frozenset[str]:
        """Modalities that some task takes, for `ModalitiesInStudy` at STUDY level."""
        return frozenset().union(*(task.modalities for task in self.tasks))

    @cached_property
    def _by_modality(self) -> dict[str, tuple[Task, ...]]:
        return {m: tuple(t for t in self.tasks if m in t.modalities) for m in self.enabled_modalities}

    def task(self, name: str) -> Task:
        """The task with this name; KeyError when there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def judge(self, header: Mapping[str, object]) -> Verdict:
        """Decide on a series by its attributes, keyed by DICOM keyword (`filters.header.READ`); others are ignored.

        Any value may be absent, empty or of the wrong type: this never raises. Of several tasks that refuse, the one
        whose rules got furthest gives the reason.
        """
        values = Header(header)
        modality = values.text("Modality").upper()
        tasks = self._by_modality.get(modality)
        if tasks is None:
            reason = f"filter because Modality {modality}"
            return Verdict(False, None, "modality", reason, values.evidence(), bool(modality) or values.has("Modality"))
        refusals = []
        for task in tasks:
            verdict = task.judge(values)
            if verdict.keep:
                return verdict
            refusals.append(verdict)
        return max(refusals, key=lambda refusal: _DEPTH[refusal.rule or "region"])
