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
from plugin.errors import SourceError
from plugin.logs import study_log
from plugin.pipeline.count import counted_series, total
from plugin.pipeline.sweep import Sweep
from plugin.ports import Clock, Record, Source, StudyAnswer

log = logging.getLogger(__name__)

FORGET = timedelta(days=1)
LOOK_AGAIN = timedelta(minutes=10)
"""How long an answer that says nothing of counts or modalities is taken to mean what it meant before."""


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
        max_answers: int = 0,
    ) -> None:
        self._source = source
        self._record = record
        self._rules = rules
        self._clock = clock
        self._cross_days = cross_days
        self._rule = rule
        self._sweep = Sweep(source, clock, max_answers)
        self._quiet: dict[str, tuple[StudyAnswer, datetime]] = {}
        self._read_by = rules.current()

    def __call__(self) -> int:
        """The number of studies queued for the pull. Raises SourceError, RecordError."""
        self._forget()
        today = self._clock.today()
        try:
            ready = sum(self._poll(today + timedelta(days=offset)) for offset in self._cross_days)
        except BaseException:
            self._quiet.clear()  # some answers of this poll were not looked into: the next one does
            raise
        if ready:
            log.info("num: stable study %d finded", ready)
            log.info("send move study. amount is %d", ready)
        return ready

    def _forget(self) -> None:
        """Answers that asked for nothing are looked at again when their time is up, or under new rules."""
        now = self._clock.now()
        is_same = self._rules.current() is self._read_by
        self._read_by = self._rules.current()
        self._quiet = {uid: known for uid, known in self._quiet.items() if is_same and now < known[1]}

    def _poll(self, day: date) -> int:
        log.info("find %s study list", day)
        answers = self._usable(self._sweep(day), day)
        log.info("find %s study list from pacs is %d", day, len(answers))
        now = self._clock.now()
        fresh = [self._completed(answer) for answer in answers if not self._is_quiet(answer, now)]
        new = [answer for answer in fresh if self._record.get(answer.study_instance_uid) is None]
        unwanted = {answer.study_instance_uid for answer in new if not self._is_wanted(answer)}
        log.info("study not in local db is %d", len(new))
        log.info("study from pacs after modality filter left %d", len(new) - len(unwanted))
        wanted = [answer for answer in new if answer.study_instance_uid not in unwanted]
        log.info("actually add new number: %d", sum(self._add(answer) for answer in wanted))
        return sum(self._see(answer) for answer in fresh if answer.study_instance_uid not in unwanted)

    def _is_quiet(self, answer: StudyAnswer, now: datetime) -> bool:
        """Whether the same answer asked for nothing before; if not, it is taken as quiet until it turns out otherwise.

        An answer without a count cannot show that the study has grown, so that one is looked into now and then.
        """
        uid = answer.study_instance_uid
        if uid in self._quiet and self._quiet[uid][0] == answer:
            return True
        is_telling = answer.number_of_instances is not None and bool(answer.modalities)
        self._quiet[uid] = (answer, now + (FORGET if is_telling else LOOK_AGAIN))
        return False

    def _completed(self, answer: StudyAnswer) -> StudyAnswer:
        """The answer with what a poor PACS does not say at STUDY level, asked for at SERIES level."""
        needs_number = answer.number_of_instances is None and self._rule.by_count
        if answer.modalities and not needs_number:
            return answer
        try:
            series = counted_series(self._source, answer.uid_as_given)
        except SourceError as error:
            log.warning("%s says too little of %s: %s", self._source.alias, answer.study_instance_uid, error)
            return answer
        modalities = dict.fromkeys(str(one.header["Modality"]) for one in series if one.header.get("Modality"))
        return replace(
            answer,
            modalities=answer.modalities or tuple(modalities),
            number_of_instances=total(series) if needs_number else answer.number_of_instances,
        )

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

    def _see(self, answer: StudyAnswer) -> bool:
        """Whether the study has become ready by this answer."""
        seen = Sighting(answer.uid_as_given, answer.number_of_instances, self._clock.now())
        is_waited = is_waited_for(self._modalities(answer))
        before: list[Study] = []

        def change(study: Study) -> Study:
            before[:] = [study]
            known = study if study.modalities else with_modalities(study, answer, self._modalities(answer))
            return observed(known, self._source.alias, seen, self._rule, is_waited)

        study = self._record.update(answer.study_instance_uid, change)
        if study is None or study.next_step is not None or not study.sightings[self._source.alias].is_stable:
            self._quiet.pop(answer.study_instance_uid, None)
        is_ready = study is not None and study.next_step is Step.PULL and before[0].next_step is None
        if study is not None and is_ready:
            study_log(study.ids).info(
                "patientID %s accessionNumber %s studyuid %s is stable: instances num: %s",
                *study.ids,
                answer.number_of_instances,
            )
        return is_ready


def with_modalities(study: Study, answer: StudyAnswer, enabled: Sequence[str]) -> Study:
    """The study with its modalities as answered; the first that some task takes stands for it."""
    return replace(study, modalities=answer.modalities, modality=next(iter([*enabled, *answer.modalities]), ""))


def found_study(answer: StudyAnswer, enabled: Sequence[str], at: datetime) -> Study:
    """The record of a study that is seen for the first time; ``enabled`` are its modalities that some task takes."""
    study = Study(
        study_instance_uid=answer.study_instance_uid,
        accession_number=answer.accession_number,
        patient_id=answer.patient_id,
        study_date=answer.study_date,
        study_time=answer.study_time,
        study_description=answer.study_description,
        timeline={"found": at},
    )
    return with_modalities(study, answer, enabled)


def observed(study: Study, alias: str, seen: Sighting, rule: StabilityRule, is_waited: bool) -> Study:
    """The study after a source answered it again; queued for the pull when it is stable and has something to get."""
    at = seen.first_seen_at
    if study.state is State.META_ONLY:
        sighting = seen_again(study.sightings.get(alias), seen, rule, is_waited, study.timeline.get("found"))
    else:
        is_doubted = study.completeness.status == "incomplete"  # it has claimed more than it sent
        sighting = seen_again(study.sightings.get(alias), seen, rule, is_waited or is_doubted)
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
