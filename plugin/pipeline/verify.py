"""How many images the PACS has, series by series, against how many we have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from plugin.domain.completeness import Count, compare
from plugin.domain.study import Study
from plugin.errors import SourceError
from plugin.logs import study_log
from plugin.pipeline.count import counted_series, total
from plugin.pipeline.health import Health
from plugin.ports import SeriesAnswer, Source

PATIENCE = 3
"""Failed rounds over all sources before the count of the last poll is taken instead."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts of each series that the PACS or we know, and of the study (``expected`` None: the PACS gives no counts).

    ``answers`` is what the PACS said of each series, by UID.
    """

    counts: tuple[Count, ...]
    expected: int | None
    answers: Mapping[str, SeriesAnswer] = field(default_factory=dict)


class Verify:
    """Asks the sources that hold the study; one that gives no series falls back to its count for the study."""

    def __init__(self, sources: Mapping[str, Source], health: Health) -> None:
        self._sources = sources
        self._health = health

    def __call__(self, study: Study, received: Mapping[str, int]) -> Comparison:
        """Compare with what we have (images by SeriesInstanceUID).

        While none of the study's sources can be asked it raises SourceError; after some tries the count of the last
        poll has to do, so that a source which is gone for long keeps nothing back.
        """
        aliases = sorted(
            (alias for alias in study.sources if alias in self._sources), key=self._health.is_up, reverse=True
        )
        if not aliases:
            return _by_study(received, None)
        error = SourceError("no source can be asked")
        for alias in aliases:
            try:
                return self._compared(study, self._sources[alias], received)
            except SourceError as failure:
                error = failure
        if study.failures >= PATIENCE:
            study_log(study.ids).warning("counting by the last poll: %s", error)
            return _by_study(received, study.number_in_pacs)
        raise error

    def _compared(self, study: Study, source: Source, received: Mapping[str, int]) -> Comparison:
        uid = study.sightings[source.alias].study_instance_uid
        try:
            found = counted_series(source, uid)
        except SourceError as error:
            study_log(study.ids).warning("no answer at SERIES level, counting by study: %s", error)
            found = []
        answers = {answer.series_instance_uid: answer for answer in found if answer.series_instance_uid}
        numbers = {key: answer.number_of_instances for key, answer in answers.items()}
        expected = total(list(answers.values()))
        if expected is None:
            expected = self._number_of_study(study, source, uid)
        return Comparison(tuple(compare(numbers, received)), expected, answers)

    @staticmethod
    def _number_of_study(study: Study, source: Source, uid: str) -> int | None:
        for answer in source.find_studies({"StudyInstanceUID": uid}):
            if answer.study_instance_uid == study.study_instance_uid:
                return answer.number_of_instances
        return study.number_in_pacs


def _by_study(received: Mapping[str, int], expected: int | None) -> Comparison:
    return Comparison(tuple(compare({}, received)), expected)
