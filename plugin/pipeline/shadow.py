"""A second rules file beside the live one: its differing verdicts are counted and listed, nothing is sent."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from filters import RulesFile
from plugin.domain.study import Series, Study
from plugin.logs import study_log

MOST_LISTED = 500
KEPT = "kept"


class Shadow:
    """Judges what the live rules have judged. Counts begin anew with each start and each change of the shadow file."""

    def __init__(self, rules: RulesFile) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        self._read_by = rules.current()
        self._judged = 0
        self._counts: Counter[str] = Counter()
        self._differences: deque[dict[str, Any]] = deque(maxlen=MOST_LISTED)
        self._seen: dict[str, None] = {}

    def look(self, study: Study, series: Series, header: Mapping[str, object]) -> None:
        """Note where the shadow rules would decide otherwise; ``header`` is what the live rules read."""
        rules = self._rules.current()
        verdict = rules.judge(header)
        with self._lock:
            if rules is not self._read_by:
                self._read_by, self._judged = rules, 0
                self._counts.clear()
                self._differences.clear()
                self._seen.clear()
            if series.series_instance_uid in self._seen:
                return
            self._remember(series.series_instance_uid)
            self._judged += 1
            if verdict.keep == (series.verdict == KEPT):
                return
            change = "gained" if verdict.keep else "lost"
            self._counts[change] += 1
            self._differences.append(
                {
                    "change": change,
                    "studyInstanceUID": study.study_instance_uid,
                    "accessionNumber": study.accession_number,
                    "seriesInstanceUID": series.series_instance_uid,
                    "rule": verdict.rule if change == "lost" else series.rule,
                    "live": series.reason,
                    "shadow": verdict.reason,
                    "attributes": dict(verdict.evidence),
                }
            )
        lines = study_log((*study.ids, series.series_instance_uid))
        lines.info("shadow rules: series %s would be %s: %s", series.series_instance_uid, change, verdict.reason)

    def report(self) -> dict[str, Any]:
        """Series judged, gained and lost by the shadow rules, and the newest differences."""
        with self._lock:
            return {
                "judged": self._judged,
                "gained": self._counts["gained"],
                "lost": self._counts["lost"],
                "differences": list(self._differences),
            }

    def _remember(self, uid: str) -> None:
        """A study is judged more than once on its way; each series counts once."""
        self._seen[uid] = None
        if len(self._seen) > MOST_LISTED * 100:
            self._seen.pop(next(iter(self._seen)))
