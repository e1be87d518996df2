"""What can this PACS do? Asks it in several ways, moves nothing, and says how it is best set."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from plugin.errors import SourceError
from plugin.pipeline.sweep import Sweep
from plugin.ports import Clock, SeriesAnswer, Source, StudyAnswer

DAYS_BACK = 7
"""So far back a day with studies is looked for."""
ENOUGH = frozenset({"Modality", "SeriesDescription", "BodyPartExamined", "ProtocolName"})
"""With the modality and one of the others the rules can judge a series before it is moved."""

_Answer = TypeVar("_Answer")


@dataclass(slots=True)
class Findings:
    """What came out. ``seconds`` are by kind of query; ``keys`` are "used", "ignored" or "not known"."""

    source: str
    is_alive: bool = False
    levels: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, bool] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    series_header: list[str] = field(default_factory=list)
    studies: int = 0
    cap: int | None = None
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As JSON, with the settings that are recommended."""
        return {
            "source": self.source,
            "alive": self.is_alive,
            "levels": self.levels,
            "secondsPerQuery": {kind: round(seconds, 3) for kind, seconds in self.seconds.items()},
            "counts": self.counts,
            "keys": self.keys,
            "seriesHeader": self.series_header,
            "studies": self.studies,
            "cap": self.cap,
            "notes": self.notes,
            "recommended": {self.source: recommended(self)},
        }


class Probe:
    """Asks one source at a time. ``sources`` by alias."""

    def __init__(self, sources: Mapping[str, Source], clock: Clock) -> None:
        self._sources = sources
        self._clock = clock

    def __call__(self, alias: str) -> dict[str, Any] | None:
        """What was found out and is recommended; None where there is no such source."""
        source = self._sources.get(alias)
        if source is None:
            return None
        findings = Findings(alias)
        findings.is_alive = source.is_alive()
        studies = self._studies(source, findings)
        if studies:
            self._keys(source, findings, studies)
            self._below(source, findings, studies)
        return findings.document()

    def _studies(self, source: Source, findings: Findings) -> list[StudyAnswer]:
        """The studies of the latest day that has any, and what they show of counts, UIDs and the cap."""
        for back in range(DAYS_BACK + 1):
            day = self._clock.today() - timedelta(days=back)
            query = {"StudyDate": f"{day:%Y%m%d}"}
            answers = _asked(findings, "STUDY", lambda query=query: source.find_studies(query))  # type: ignore[misc]
            if answers is None:
                return []
            mine = [answer for answer in answers if answer.study_date == day.isoformat() and answer.study_instance_uid]
            findings.keys["StudyDate"] = "ignored" if len(mine) < len([a for a in answers if a.study_date]) else "used"
            if not mine:
                continue
            findings.studies = len(answers)
            _note_oddities(findings, answers)
            findings.counts["NumberOfStudyRelatedInstances"] = all(a.number_of_instances is not None for a in mine)
            findings.counts["ModalitiesInStudy"] = all(answer.modalities for answer in mine)
            try:
                swept = Sweep(source, self._clock)(day)
            except SourceError as error:
                findings.notes.append(f"the day could not be asked for in parts: {error}")
            else:
                findings.cap = len(mine) if len(swept) > len(answers) else None
            return mine
        findings.notes.append(f"no study within {DAYS_BACK} days: nothing more could be asked")
        return []

    def _keys(self, source: Source, findings: Findings, studies: Sequence[StudyAnswer]) -> None:
        """Which keys filter: each is asked for with a value of one study, and others must not be answered."""
        one = studies[-1]
        day = one.study_date.replace("-", "")
        values = {
            "StudyInstanceUID": ({"StudyInstanceUID": one.uid_as_given}, one.study_instance_uid),
            "AccessionNumber": ({"AccessionNumber": one.accession_number}, one.accession_number),
            "PatientID": ({"PatientID": one.patient_id}, one.patient_id),
        }
        for keyword, (query, value) in values.items():
            findings.keys[keyword] = "not known"
            answers = _asked(findings, keyword, lambda query=query: source.find_studies(query)) if value else None  # type: ignore[misc]
            if answers:
                findings.keys[keyword] = (
                    "used" if all(_value(each, keyword) == value for each in answers) else "ignored"
                )
        findings.keys["StudyTime"] = "not known"
        others = {each.study_time for each in studies if each.study_time} - {one.study_time}
        if one.study_time and others:
            second = one.study_time.replace(":", "")
            query = {"StudyDate": day, "StudyTime": f"{second}-{second}"}
            answers = _asked(findings, "StudyTime", lambda: source.find_studies(query))
            if answers is not None:
                findings.keys["StudyTime"] = (
                    "ignored" if any(each.study_time in others for each in answers) else "used"
                )  # fmt: skip

    def _below(self, source: Source, findings: Findings, studies: Sequence[StudyAnswer]) -> None:
        """SERIES and IMAGE level, for one study with several images where there is one."""
        one = max(studies, key=lambda each: each.number_of_instances or 0)
        series = _asked(findings, "SERIES", lambda: source.find_series(one.uid_as_given))
        if not series:
            return
        findings.counts["NumberOfSeriesRelatedInstances"] = all(s.number_of_instances is not None for s in series)
        findings.series_header = sorted(set.intersection(*(_described(each) for each in series)))
        largest = max(series, key=lambda each: each.number_of_instances or 0)
        images = _asked(findings, "IMAGE", lambda: source.find_images(one.uid_as_given, largest.uid_as_given))
        if images is not None and largest.number_of_instances not in (None, len(images)):
            findings.notes.append(
                f"a series of {largest.number_of_instances} images lists {len(images)} at IMAGE level: "
                "its counts or its lists are not to be trusted"
            )


def recommended(findings: Findings) -> dict[str, Any]:
    """The settings of the source (SourceSettings, as in orthanc.json) that suit what was found."""
    settings: dict[str, Any] = {"QueryLevel": "Study", "Stability": "Count"}
    has_counts = findings.counts.get("NumberOfSeriesRelatedInstances") or "answered" in findings.levels.get("IMAGE", "")
    header = set(findings.series_header)
    if "Modality" in header and len(header & ENOUGH) > 1 and has_counts:
        settings["QueryLevel"] = "Series"
    if not (findings.counts.get("NumberOfStudyRelatedInstances") or has_counts):
        settings["Stability"] = "Delay"
    if findings.cap:
        settings["MaxAnswers"] = findings.cap
    slowest = max(findings.seconds.values(), default=0.0)
    settings["TimeoutSeconds"] = max(60, round(slowest * 10))
    return settings


def _asked(findings: Findings, kind: str, question: Callable[[], _Answer]) -> _Answer | None:
    """The answer, with its time noted; None where the source refuses or does not answer."""
    started = time.monotonic()
    try:
        answer = question()
    except SourceError as error:
        findings.levels[kind] = f"not answered: {error}"
        return None
    finally:
        findings.seconds[kind] = time.monotonic() - started
    if kind.isupper():
        findings.levels[kind] = "answered"
    return answer


def _note_oddities(findings: Findings, answers: Sequence[StudyAnswer]) -> None:
    uids = [answer.study_instance_uid for answer in answers]
    if not all(uids):
        findings.notes.append(f"{uids.count('')} answers have no StudyInstanceUID: these studies cannot be pulled")
    if len(set(uids)) < len(uids):
        findings.notes.append("studies are answered more than once")
    if any(answer.uid_as_given != answer.study_instance_uid for answer in answers):
        findings.notes.append("UIDs are padded")


def _described(series: SeriesAnswer) -> set[str]:
    return {keyword for keyword, value in series.header.items() if value not in ("", None, [])}


def _value(answer: StudyAnswer, keyword: str) -> str:
    return {
        "StudyInstanceUID": answer.study_instance_uid,
        "AccessionNumber": answer.accession_number,
        "PatientID": answer.patient_id,
    }[keyword]
