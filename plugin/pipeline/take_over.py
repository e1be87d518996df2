"""Go on with the studies of a gateway that is silent."""

from __future__ import annotations

import logging
from collections.abc import Collection

from plugin.domain.holding import adopted, alive, taken_over
from plugin.domain.study import Study
from plugin.logs import study_log
from plugin.ports import Clock, ImageStore, Record

log = logging.getLogger(__name__)


class TakeOver:
    """Runs every few seconds in each gateway; ``gateway`` is our own name, ``sources`` what we can pull from."""

    def __init__(self, record: Record, store: ImageStore, clock: Clock, gateway: str, sources: Collection[str]) -> None:
        self._record = record
        self._store = store
        self._clock = clock
        self._gateway = gateway
        self._sources = sources
        self._waiting: frozenset[str] = frozenset()

    def __call__(self) -> int:
        """How many studies were taken over. Raises StoreError, RecordError."""
        gateways = alive(self._record.leases(), self._clock.now()) | {self._gateway}
        orphans = self._record.held_elsewhere(gateways)
        if not orphans:
            self._waiting = frozenset()
            return 0
        ours = set(self._store.study_uids())
        studies = [self._record.update(uid, lambda study: self._next(study, gateways, ours)) for uid in orphans]
        waiting = [study for study in studies if study is not None and study.holder not in ("", *gateways)]
        self._tell(waiting)
        taken = len(orphans) - len(waiting)
        if taken:
            log.warning("%d studies of a gateway that is silent are taken over", taken)
        return taken

    def _next(self, study: Study, gateways: Collection[str], ours: Collection[str]) -> Study:
        if study.holder in ("", *gateways):
            return study
        if study.study_instance_uid in ours:
            return adopted(study, self._gateway)
        return taken_over(study, self._sources, self._clock.now())

    def _tell(self, waiting: Collection[Study]) -> None:
        """Once for each study that waits for its gateway."""
        for study in waiting:
            if study.study_instance_uid not in self._waiting:
                study_log(study.ids).warning(
                    "%s was sent to the gateway %s, which is silent: it waits for it",
                    study.study_instance_uid, study.holder,
                )  # fmt: skip
        self._waiting = frozenset(study.study_instance_uid for study in waiting)
