"""A doctor waits: ask the sources now, and pull what they have before anything else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from plugin.domain.priority import MANUAL
from plugin.domain.study import Sighting, Step, Study, queued_for_pull
from plugin.errors import SourceError
from plugin.logs import study_log
from plugin.pipeline.find import found_study
from plugin.pipeline.health import Health
from plugin.ports import Clock, Record, SeriesAnswer, Source, StudyAnswer

log = logging.getLogger(__name__)

PROMPT_SECONDS = 5.0
"""Once a source has found something, the others are waited for no longer than this from the question."""
ORDER = ("StudyInstanceUID", "AccessionNumber", "PatientID")
"""Of the keys given, these are asked in turn until one finds something."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the sources answered: by StudyInstanceUID and source; and why a source could not be asked."""

    answers: Mapping[str, Mapping[str, StudyAnswer]] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)


class Request:
    """Finds by hand, and pulls by hand. ``wake`` tells the pullers that there is something to do."""

    def __init__(
        self, sources: Mapping[str, Source], record: Record, health: Health, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._sources = sources
        self._record = record
        self._health = health
        self._clock = clock
        self._wake = wake

    def find(self, wanted: Mapping[str, str]) -> Found:
        """Ask all sources at the same time, without a date. ``wanted``: DICOM keyword to value."""
        found = Found()
        for keyword in ORDER:
            if wanted.get(keyword):
                found = self._asked({keyword: wanted[keyword]})
                if found.answers:
                    break
        return found

    def pull(self, wanted: Mapping[str, str]) -> tuple[list[Study], Found]:
        """Find, record and queue above everything automatic; the records as they are now.

        ``SeriesInstanceUID`` or ``SeriesNumber`` in ``wanted`` names the one series that is to be delivered as it is.
        """
        log.info("manual_find_move %s", dict(wanted))
        found = self.find(wanted)
        studies = [self._queued(uid, answers, wanted) for uid, answers in found.answers.items()]
        self._wake()
        return [study for study in studies if study is not None], found

    def _asked(self, query: Mapping[str, str]) -> Found:
        answers: dict[str, dict[str, StudyAnswer]] = {}
        silent: dict[str, str] = {}
        pool = ThreadPoolExecutor(max_workers=max(len(self._sources), 1), thread_name_prefix="manual find")
        asked = {alias: pool.submit(source.find_studies, query) for alias, source in self._sources.items()}
        pool.shutdown(wait=False)
        done, late = wait(asked.values(), PROMPT_SECONDS)
        if late and not any(future.exception() is None and any(_matching(future.result(), query)) for future in done):
            wait(late)
        for alias, future in asked.items():
            if not future.done():
                silent[alias] = f"no answer within {PROMPT_SECONDS:g} s"
                continue
            try:
                for answer in _matching(future.result(), query):
                    answers.setdefault(answer.study_instance_uid, {})[alias] = answer
            except SourceError as error:
                silent[alias] = str(error)
        return Found(answers, silent)

    def _queued(self, uid: str, answers: Mapping[str, StudyAnswer], wanted: Mapping[str, str]) -> Study | None:
        now = self._clock.now()
        first = next(iter(answers.values()))
        series = self._series(answers, wanted)
        if series is None:
            return None
        study_log((first.patient_id, first.accession_number, uid)).info(
            "pull data manually. study_uid=%s, study_date=%s", uid, first.study_date
        )
        sightings = {
            alias: Sighting(answer.uid_as_given, answer.number_of_instances, now, is_stable=True)
            for alias, answer in answers.items()
        }

        def change(study: Study) -> Study:
            asked = replace(
                study, sightings={**study.sightings, **sightings}, priority=MANUAL, is_manual=True, wanted_series=series
            )
            if study.lease is not None or study.next_step in (Step.DELIVER, Step.PUBLISH):
                return replace(asked, rank=MANUAL)
            return queued_for_pull(asked, now, MANUAL)

        self._record.insert(found_study(first, first.modalities, now))
        return self._record.update(uid, change)

    def _series(self, answers: Mapping[str, StudyAnswer], wanted: Mapping[str, str]) -> tuple[str, ...] | None:
        """The UIDs of the series asked for by name; empty: the study; None: the study has no such series."""
        keys = {key: value for key in ("SeriesInstanceUID", "SeriesNumber") if (value := wanted.get(key, "").strip())}
        if not keys:
            return ()
        alias, answer = next(iter(answers.items()))
        found = [
            series.series_instance_uid
            for series in self._sources[alias].find_series(answer.uid_as_given)
            if all(_series_values(series)[key] == value for key, value in keys.items())
        ]
        return tuple(found) or None


def _series_values(series: SeriesAnswer) -> dict[str, str]:
    number = str(series.header.get("SeriesNumber", "")).strip()
    return {"SeriesInstanceUID": series.series_instance_uid, "SeriesNumber": number}


def _matching(answers: list[StudyAnswer], query: Mapping[str, str]) -> Iterator[StudyAnswer]:
    """Only what was asked for: a PACS may ignore the key and answer its whole archive."""
    for answer in answers:
        values = {
            "StudyInstanceUID": answer.study_instance_uid,
            "AccessionNumber": answer.accession_number,
            "PatientID": answer.patient_id,
        }
        if answer.study_instance_uid and all(values[keyword] == value for keyword, value in query.items()):
            yield answer
