"""Judge each series of a study, and make the parcels that go out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from filters import Candidate, Rules, Task
from plugin.domain.completeness import Count
from plugin.domain.delivery import Parcel
from plugin.domain.study import Series, Study
from plugin.logs import study_log
from plugin.pipeline.shadow import Shadow
from plugin.pipeline.verify import Comparison
from plugin.ports import HandOver, ImageStore, StoredSeries, StoredStudy

KEPT = "kept"
REFUSED = "refused"


class Select:
    """Reads one image of each series; the rules decide. ``shadow`` sees what they read, and decides nothing."""

    def __init__(self, store: ImageStore, hand_over: HandOver, shadow: Shadow | None = None) -> None:
        self._store = store
        self._hand_over = hand_over
        self._shadow = shadow

    def headers(self, study: Study, stored: StoredStudy, comparison: Comparison) -> dict[str, dict[str, object]]:
        """The header of each series by UID: of its first received image, else as the PACS answered."""
        headers: dict[str, dict[str, object]] = {}
        for uid, answer in comparison.answers.items():
            headers[uid] = {"StudyDescription": study.study_description, **answer.header}
        for series in stored.series:
            if series.instances:
                headers[series.series_instance_uid] = dict(self._store.header(series.instances[0]))
        return headers

    def judge(
        self, study: Study, rules: Rules, counts: Iterable[Count], headers: Mapping[str, Mapping[str, object]]
    ) -> tuple[Series, ...]:
        """Each series with its verdict, and those delivered earlier that nobody holds any more."""
        earlier = {one.series_instance_uid: one for one in study.series if one.number_delivered}
        series = []
        for count in counts:
            before = earlier.pop(count.series_instance_uid, None)
            delivered = before.number_delivered if before else 0
            header = {
                **headers.get(count.series_instance_uid, {}),
                "NumberOfSeriesRelatedInstances": max(count.received, count.in_pacs or 0, delivered),
            }
            series.append(judged(study, rules, count, header, delivered))
            if self._shadow is not None:
                self._shadow.look(study, series[-1], header)
        return (*series, *earlier.values())

    def parcels(self, rules: Rules, study: Study, stored: StoredStudy) -> list[Parcel]:
        """What goes out, task by task. What an earlier delivery left in a hand-over folder counts with it."""
        held = {one.series_instance_uid: one for one in stored.series}
        parcels: list[Parcel] = []
        for task in rules.tasks:
            mine = [one for one in study.series if one.task == task.name and one.verdict == KEPT]
            here = [one for one in mine if one.series_instance_uid in held]
            if not here:
                continue
            if task.deliver == "Study":
                parcels.append(self._whole_study(task, mine, stored, held))
                continue
            here = [self._with_earlier(one, held[one.series_instance_uid]) for one in here]
            if task.deliver == "All" or study.wanted_series:
                parcels += [_one_series(task, one, held, is_one_of_many=True) for one in here]
            else:
                parcels.append(_thickest(study, task, here, held))
        return parcels

    def _with_earlier(self, series: Series, stored: StoredSeries) -> Series:
        """The series, counted together with what an earlier delivery left in its folder (images that came in parts)."""
        number = len(self._hand_over.present(stored.resource_id).union(stored.instances))
        return replace(series, number_received=number)

    def _whole_study(
        self, task: Task, series: Sequence[Series], stored: StoredStudy, held: Mapping[str, StoredSeries]
    ) -> Parcel:
        """All series of the task: those that are here, and those that an earlier delivery left in the folder."""
        gone = len(self._hand_over.present(stored.resource_ids[0]) - set(stored.instances))
        numbers: dict[str, int] = {}
        for one in sorted(series, key=lambda one: one.series_instance_uid in held):
            uid = one.series_instance_uid
            left = min(one.number_delivered, gone)
            gone -= left
            numbers[uid] = left + (len(held[uid].instances) if uid in held else 0)
        counted = [
            replace(one, number_received=numbers[one.series_instance_uid])
            for one in series
            if numbers[one.series_instance_uid]
        ]
        here = [held[one.series_instance_uid] for one in counted if one.series_instance_uid in held]
        instances = tuple(instance for one in here for instance in one.instances)
        latest = max(one.last_update for one in here)
        return Parcel(task.name, task.routing_key, stored.resource_ids[0], tuple(counted), instances, False, latest)


def judged(study: Study, rules: Rules, count: Count, header: Mapping[str, object], delivered: int = 0) -> Series:
    """One series with its verdict and what the rule read; ``delivered``: its images that were handed over before."""
    verdict = rules.judge(header)
    series = Series(
        series_instance_uid=count.series_instance_uid,
        modality=str(header.get("Modality") or ""),
        number_in_pacs=count.in_pacs,
        number_received=count.received,
        verdict=KEPT if verdict.keep else REFUSED,
        rule=verdict.rule,
        reason=verdict.reason,
        task=verdict.task,
        number_delivered=delivered,
        attributes=dict(verdict.evidence),
    )
    return _as_asked(study, rules, series) if study.wanted_series else series


def _as_asked(study: Study, rules: Rules, series: Series) -> Series:
    """A doctor who named series gets those, as they are, and no other."""
    if series.series_instance_uid not in study.wanted_series:
        return replace(series, verdict=REFUSED, rule="not_asked_for", reason="another series was asked for by hand")
    taking = [task.name for task in rules.tasks if series.modality in task.modalities]
    task = next(iter([*taking, *(task.name for task in rules.tasks)]))
    return replace(series, verdict=KEPT, rule=None, reason="asked for by hand", task=task)


def _thickest(study: Study, task: Task, kept: list[Series], held: Mapping[str, StoredSeries]) -> Parcel:
    by_uid = {series.series_instance_uid: series for series in kept}
    ranked = task.rank([Candidate(uid, one.number_received, one.attributes) for uid, one in by_uid.items()])
    first = by_uid[ranked[0].candidate.series_instance_uid]
    study_log((*study.ids, first.series_instance_uid)).info(
        "study %s thickest series is %s, instances num is %d",
        study.study_instance_uid,
        first.series_instance_uid,
        first.number_received,
    )
    ranking = {one.candidate.series_instance_uid: one.why for one in ranked}
    return replace(_one_series(task, first, held), ranking=ranking)


def _one_series(task: Task, series: Series, held: Mapping[str, StoredSeries], is_one_of_many: bool = False) -> Parcel:
    stored = held[series.series_instance_uid]
    return Parcel(
        task.name, task.routing_key, stored.resource_id, (series,), stored.instances, is_one_of_many, stored.last_update
    )
