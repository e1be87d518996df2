"""Ask one source for the studies of the day, record them, and queue those that are ready to be pulled."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from filters import RulesFile
from plugin.domain.priority import NORMAL
from plugin.domain.stability import StabilityRule, has_grown, is_waited_for, seen_again
from plugin.domain.study import SETTLED, Sighting, State, Step, Study, queued_for_pull
from plugin.logs import study_log
from plugin.ports import Clock, Record, Source, StudyAnswer

log = logging.getLogger(__name__)


class Find:
    """One poll of one source for each call."""

    def __init__(
        self,
        source: Source,
        record: Record,
        rules: RulesFile,
        clock: Clock,
        cross_days: Sequence[int],
        rule: StabilityRule,
    ) -> None:
        self._source = source
        self._record = record
        self._rules = rules
        self._clock = clock
        self._cross_days = cross_days
        self._rule = rule
        self._quiet: dict[str, StudyAnswer] = {}
        self._read_by = rules.current()

    def __call__(self) -> int:
        """The number of studies queued for the pull. Raises SourceError, RecordError."""
        self._forget_if_rules_changed()
        today = self._clock.today()
        days = [today + timedelta(days=offset) for offset in self._cross_days]
        quiet: dict[str, StudyAnswer] = {}
        ready = sum(self._poll(day, quiet) for day in days)
        self._quiet = quiet
        if ready:
            log.info("num: stable study %d finded", ready)
            log.info("send move study. amount is %d", ready)
        return ready

    def _forget_if_rules_changed(self) -> None:
        """Answers that asked for nothing under the old rules are looked at again under new ones."""
        if self._rules.current() is not self._read_by:
            self._read_by = self._rules.current()
            self._quiet = {}

    def _poll(self, day: date, quiet: dict[str, StudyAnswer]) -> int:
        query = {"StudyDate": f"{day:%Y%m%d}"}
        log.info("find %s study list", day)
        log.info("orthanc find query is %s", query)
        answers = self._usable(self._source.find_studies(query), day)
        log.info("find %s study list from pacs is %d", day, len(answers))
        fresh = [answer for answer in answers if self._quiet.get(answer.study_instance_uid) != answer]
        quiet.update((answer.study_instance_uid, answer) for answer in answers)
        known = {answer.study_instance_uid: self._record.get(answer.study_instance_uid) for answer in fresh}
        new = [answer for answer in fresh if known[answer.study_instance_uid] is None]
        wanted = [answer for answer in new if self._is_wanted(answer)]
        log.info("study not in local db is %d", len(new))
        log.info("study from pacs after modality filter left %d", len(wanted))
        log.info("actually add new number: %d", sum(self._add(answer) for answer in wanted))
        seen = [*wanted, *(answer for answer in fresh if known[answer.study_instance_uid] is not None)]
        return sum(self._see(answer, quiet) for answer in seen)

    def _usable(self, answers: Iterable[StudyAnswer], day: date) -> list[StudyAnswer]:
        """Answers with a UID and of the day asked for, each study once: a PACS may ignore keys or repeat itself."""
        usable: dict[str, StudyAnswer] = {}
        strays = 0
        for answer in answers:
            if not answer.study_instance_uid:
                study_log((answer.patient_id, answer.accession_number)).warning(
                    "%s answered a study without StudyInstanceUID: skipped", self._source.alias
                )
            elif answer.study_date != day.isoformat():
                strays += 1
            else:
                usable.setdefault(answer.study_instance_uid, answer)
        if strays:
            log.warning("%s answered %d studies of other days than %s: dropped", self._source.alias, strays, day)
        return list(usable.values())

    def _modalities(self, answer: StudyAnswer) -> list[str]:
        enabled = self._rules.current().enabled_modalities
        return [modality for modality in answer.modalities if modality in enabled]

    def _is_wanted(self, answer: StudyAnswer) -> bool:
        """ModalitiesInStudy *contains* an enabled one; a PACS that does not tell cannot be filtered by it."""
        return not answer.modalities or bool(self._modalities(answer))

    def _add(self, answer: StudyAnswer) -> bool:
        return self._record.insert(found_study(answer, self._modalities(answer), self._clock.now()))

    def _see(self, answer: StudyAnswer, quiet: dict[str, StudyAnswer]) -> bool:
        """Whether the study has become ready by this answer."""
        number = self._number(answer)
        seen = Sighting(answer.uid_as_given, number, self._clock.now())
        is_waited = is_waited_for(self._modalities(answer))
        before: list[Study] = []

        def change(study: Study) -> Study:
            before[:] = [study]
            return observed(study, self._source.alias, seen, self._rule, is_waited)

        study = self._record.update(answer.study_instance_uid, change)
        if study is None or study.next_step is not None or not study.sightings[self._source.alias].is_stable:
            quiet.pop(answer.study_instance_uid, None)
        is_ready = study is not None and study.next_step is Step.PULL and before[0].next_step is None
        if study is not None and is_ready:
            study_log(study.ids).info(
                "patientID %s accessionNumber %s studyuid %s is stable: instances num: %s", *study.ids, number
            )
        return is_ready

    def _number(self, answer: StudyAnswer) -> int | None:
        """The study's count, or the sum of its series' counts where the PACS gives only those."""
        if answer.number_of_instances is not None or not self._rule.by_count:
            return answer.number_of_instances
        numbers = [series.number_of_instances for series in self._source.find_series(answer.uid_as_given)]
        return None if not numbers or None in numbers else sum(number or 0 for number in numbers)


def found_study(answer: StudyAnswer, enabled: Sequence[str], at: datetime) -> Study:
    """The record of a study that is seen for the first time; ``enabled`` are its modalities that some task takes."""
    return Study(
        study_instance_uid=answer.study_instance_uid,
        accession_number=answer.accession_number,
        patient_id=answer.patient_id,
        study_date=answer.study_date,
        study_time=answer.study_time,
        modality=next(iter([*enabled, *answer.modalities]), ""),
        modalities=answer.modalities,
        study_description=answer.study_description,
        timeline={"found": at},
    )


def observed(study: Study, alias: str, seen: Sighting, rule: StabilityRule, is_waited: bool) -> Study:
    """The study after a source answered it again; queued for the pull when it is stable and has something to get."""
    at = seen.first_seen_at
    sighting = seen_again(study.sightings.get(alias), seen, rule, is_waited)
    sightings = {**study.sightings, alias: sighting}
    numbers = [each.number_in_pacs for each in sightings.values() if each.number_in_pacs is not None]
    study = replace(study, sightings=sightings, number_in_pacs=max(numbers, default=None))
    is_idle = study.next_step is None and study.lease is None
    is_due = study.state is State.META_ONLY or (
        study.state in SETTLED and has_grown(sighting.number_in_pacs, study.settled_number)
    )
    if sighting.is_stable and is_idle and is_due:
        return queued_for_pull(study.marked("stable", at), at, NORMAL)
    return study
