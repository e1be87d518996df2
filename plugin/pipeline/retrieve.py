"""The smallest retrieve that a source grants: the missing images, else their series, else the whole study."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping

from plugin.domain.study import Study
from plugin.errors import LevelRefusedError, SourceError
from plugin.logs import study_log
from plugin.pipeline.health import Health
from plugin.ports import ImageStore, Source

log = logging.getLogger(__name__)

_PADDING = " \0"


class Retrieve:
    """Has a study sent, or parts of it. Success is what the source says; images may come after a failure too."""

    def __init__(self, store: ImageStore, health: Health) -> None:
        self._store = store
        self._health = health

    def __call__(self, study: Study, source: Source, series: tuple[str, ...]) -> SourceError | None:
        """What went wrong, if anything, with the last of the retrieves that were tried.

        ``series``: UIDs as given by the source; empty: the whole study.
        """
        failure = None
        for attempt in self._attempts(study, source, series):
            failure = self._tried(study, source, attempt)
            if not isinstance(failure, LevelRefusedError):
                break
        return failure

    def number_stored(self, study: Study) -> int:
        """How many images of it we have."""
        stored = self._store.study(study.study_instance_uid)
        return len(stored.instances) if stored else 0

    def _attempts(self, study: Study, source: Source, series: tuple[str, ...]) -> Iterator[Callable[[], None]]:
        """From the smallest to the largest; the next one is for a source that refuses the level."""
        uid = study.sightings[source.alias].study_instance_uid
        missing = self._missing_images(study, source, series) if series and series == study.missing else {}
        if missing:
            number = sum(len(images) for images in missing.values())
            study_log(study.ids).info("only the missing images are asked for: %d", number)

            def images_only() -> None:
                for series_uid in series:
                    if series_uid in missing:
                        source.retrieve_images(uid, series_uid, sorted(missing[series_uid]))
                    else:
                        source.retrieve(uid, [series_uid])

            yield images_only
        if series:
            yield lambda: source.retrieve(uid, series)
        yield lambda: source.retrieve(uid)

    def _missing_images(self, study: Study, source: Source, series: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
        """By series: what the source lists at IMAGE level and we lack, where that is less than the series."""
        stored = self._store.study(study.study_instance_uid)
        held = {one.series_instance_uid: one for one in stored.series} if stored else {}
        missing = {}
        uid = study.sightings[source.alias].study_instance_uid
        for series_uid in series:
            mine = held.get(series_uid.strip(_PADDING))
            if mine is None or not mine.instances:
                continue
            try:
                listed = source.find_images(uid, series_uid)
            except SourceError as error:
                log.debug("no answer at IMAGE level: %s", error)
                return {}
            lacking = listed - self._store.sop_instance_uids(mine)
            if lacking and lacking != listed:
                missing[series_uid] = lacking
        return missing

    def _tried(self, study: Study, source: Source, attempt: Callable[[], None]) -> SourceError | None:
        lines = study_log(study.ids)
        started = time.monotonic()
        try:
            attempt()
        except SourceError as error:
            lines.error("orthanc move failed! %s", error)
            if not source.is_alive():
                self._health.failed(source.alias, error)
            return error
        lines.info("move: %s from %s takes: %s", study.study_instance_uid, source.alias, time.monotonic() - started)
        lines.info("move success: %s", [[study.study_instance_uid, source.alias]])
        return None
