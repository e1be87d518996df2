"""A source's series with their counts, by whatever level it answers: SERIES first, then IMAGE."""

from __future__ import annotations

import logging
from dataclasses import replace

from plugin.errors import SourceError
from plugin.ports import SeriesAnswer, Source

log = logging.getLogger(__name__)


def counted_series(source: Source, uid_as_given: str) -> list[SeriesAnswer]:
    """The series of a study; one that comes without NumberOfSeriesRelatedInstances is counted image by image.

    Where IMAGE level is not answered either, the number stays None. Raises SourceError where SERIES level is not.
    """
    series = source.find_series(uid_as_given)
    try:
        return [_counted(source, uid_as_given, one) for one in series]
    except SourceError as error:
        log.debug("no answer at IMAGE level: %s", error)
        return series


def total(series: list[SeriesAnswer]) -> int | None:
    """The sum of the counts; None where there are no series or one of them has no count."""
    numbers = [one.number_of_instances for one in series]
    return None if not numbers or None in numbers else sum(number or 0 for number in numbers)


def _counted(source: Source, uid_as_given: str, series: SeriesAnswer) -> SeriesAnswer:
    if series.number_of_instances is not None:
        return series
    uids = source.find_images(uid_as_given, series.uid_as_given)
    return replace(series, number_of_instances=len(uids) or None)
