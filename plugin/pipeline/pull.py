"""Have a study sent to us by one of the sources that hold it."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from filters import RulesFile
from plugin.domain.stability import is_waited_for
from plugin.domain.study import State, Step, Study
from plugin.errors import LevelRefusedError, SourceError, TransientError
from plugin.logs import study_log
from plugin.pipeline.driver import ForeverStep
from plugin.pipeline.health import Health
from plugin.pipeline.pace import Pace
from plugin.pipeline.retrieve import Retrieve
from plugin.ports import Clock, ImageStore, Source

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PullSource:
    """A source with what is set for pulling from it."""

    source: Source
    is_series_level: bool
    max_concurrent_retrieves: int
    max_tries: int
    pace: Pace | None = None


class Slots:
    """Who may retrieve from which source now: each source takes so many studies at a time.

    ``choosing`` is held from the look at the free ones to the reservation.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.choosing = threading.Lock()
        self._lock = threading.Lock()
        self._sizes = dict(sizes)
        self._held: dict[str, str] = {}

    def free(self) -> list[str]:
        """The sources that can be given one more retrieve."""
        with self._lock:
            return [alias for alias in self._sizes if self._is_free(alias)]

    def take(self, study_instance_uid: str, alias: str) -> bool:
        """Hold a slot of the source for the study, instead of any it held before."""
        with self._lock:
            if self._held.get(study_instance_uid) == alias:
                return True
            if not self._is_free(alias):
                return False
            self._held[study_instance_uid] = alias
            return True

    def held(self, study_instance_uid: str) -> str | None:
        """The source whose slot the study holds."""
        return self._held.get(study_instance_uid)

    def give_back(self, study_instance_uid: str) -> None:
        with self._lock:
            self._held.pop(study_instance_uid, None)

    def _is_free(self, alias: str) -> bool:
        return list(self._held.values()).count(alias) < self._sizes[alias]


class Pull(ForeverStep):
    """The PULL step. C-MOVE's own success is not believed: the next step counts."""

    def __init__(
        self,
        sources: Mapping[str, PullSource],
        slots: Slots,
        health: Health,
        store: ImageStore,
        rules: RulesFile,
        clock: Clock,
    ) -> None:
        self._sources = sources
        self._slots = slots
        self._health = health
        self._retrieve = Retrieve(store, health)
        self._rules = rules
        self._clock = clock

    def begin(self, study: Study) -> Study:
        begun = replace(study.moved(State.PULL_DATA), tries=study.tries + 1)
        return begun.marked("pullStarted", self._clock.now())

    def most_failures(self, study: Study) -> int | None:
        return max((self._sources[alias].max_tries for alias in study.sources if alias in self._sources), default=1)

    def failed(self, study: Study) -> Study:
        """Any gateway may try next; a re-pull belongs to the one that has the rest."""
        holder = study.holder if study.completeness.repulls else ""
        return replace(study.moved(State.META_ONLY), holder=holder)

    def __call__(self, study: Study) -> Study:
        """Try the sources that hold the study until one sends something: the reserved one, then healthy ones."""
        uid = study.study_instance_uid
        aliases = [alias for alias in study.sources if alias in self._sources]
        random.shuffle(aliases)
        aliases.sort(key=lambda alias: (alias != self._slots.held(uid), not self._health.is_up(alias)))
        error: TransientError = SourceError("no source that holds the study is set any more")
        try:
            for alias in aliases:
                if not self._slots.take(uid, alias):
                    error = SourceError(f"{alias} is busy with other retrieves")
                    continue
                try:
                    return self._pulled(study, self._sources[alias])
                except SourceError as failure:
                    error = failure
            raise error
        finally:
            self._slots.give_back(uid)

    def _pulled(self, study: Study, entry: PullSource) -> Study:
        series = self._wanted_series(study, entry)
        if series is None:
            settled = replace(study.moved(State.UNSUPPORTED_SERIES), settled_number=study.number_in_pacs)
            study_log(study.ids).info("%s %s %s study is filtered out", *study.ids)
            return settled.then(Step.CLEAN)
        had = self._retrieve.number_stored(study)
        failure = self._retrieve(study, entry.source, series)
        if entry.pace is not None:
            entry.pace.brought(self._retrieve.number_stored(study) - had)
        # One image that it cannot send fails each move: a source that answers and has no more leaves it to the counts.
        is_over = had > 0 and self._health.is_up(entry.source.alias)
        if failure is not None and self._retrieve.number_stored(study) <= had and not is_over:
            raise failure
        return replace(study, is_retrieve_ok=failure is None).then(Step.DELIVER)

    def _wanted_series(self, study: Study, entry: PullSource) -> tuple[str, ...] | None:
        """The series to move; empty: the whole study; None: nothing in it is wanted."""
        if study.missing or study.wanted_series:
            return study.missing or study.wanted_series
        if not entry.is_series_level or study.is_manual or not is_waited_for([study.modality]):
            return ()
        rules = self._rules.current()
        try:
            answers = entry.source.find_series(study.sightings[entry.source.alias].study_instance_uid)
        except LevelRefusedError:
            answers = []
        if not answers:
            return ()  # a study without series cannot be: this source does not answer at SERIES level
        wanted = []
        for series in answers:
            header = {"StudyDescription": study.study_description, **series.header}
            if series.number_of_instances is not None:
                header["NumberOfSeriesRelatedInstances"] = series.number_of_instances
            verdict = rules.judge(header)
            if verdict.keep or not verdict.is_certain:
                wanted.append(series.uid_as_given)
            else:
                lines = study_log((*study.ids, series.series_instance_uid))
                lines.info("%s %s %s %s %s", *study.ids, series.series_instance_uid, verdict.reason)
        return tuple(wanted) or None
