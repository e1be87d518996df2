"""Everything between "the images are here" and "the message is in the outbox": count, judge, write the folder.

Idempotent: after a crash anywhere in it, it is simply done again. The verdicts and the outgoing messages are saved in
the one write that ends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from filters import RulesFile
from plugin.domain.completeness import judged as judged_completeness
from plugin.domain.completeness import repull_delay
from plugin.domain.delivery import Origin, Parcel, packed, previous
from plugin.domain.study import Delivery, Outgoing, Series, State, Step, Study
from plugin.errors import PermanentError
from plugin.logs import study_log
from plugin.pipeline.driver import ForeverStep
from plugin.pipeline.select import KEPT, Select
from plugin.pipeline.verify import Comparison, Verify
from plugin.ports import Clock, HandOver, ImageStore, StoredStudy

SETTLING = timedelta(seconds=2)
"""Images that still come in this long after the last one are waited for: some PACS report success before they send."""
NEXT_LOOK = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """What the settings say about deliveries."""

    max_repulls: int
    resend_only_thicker_series: bool


class Deliver(ForeverStep):
    """The DELIVER step."""

    def __init__(
        self,
        verify: Verify,
        select: Select,
        store: ImageStore,
        hand_over: HandOver,
        rules: RulesFile,
        clock: Clock,
        policy: DeliveryPolicy,
    ) -> None:
        self._verify = verify
        self._select = select
        self._store = store
        self._hand_over = hand_over
        self._rules = rules
        self._clock = clock
        self._policy = policy

    def begin(self, study: Study) -> Study:
        return study.moved(State.PULL_DATA)

    def __call__(self, study: Study) -> Study:
        now = self._clock.now()
        stored = self._store.study(study.study_instance_uid) or StoredStudy((), study.study_instance_uid, {}, (), True)
        number = len(stored.instances)
        if number != study.number_received or "received" not in study.timeline:
            study = replace(study, number_received=number).marked("received", now)
        rules = self._rules.current()
        comparison = self._verify(study, _received(stored))
        headers = self._select.headers(study, stored, comparison)
        series = self._select.judge(study, rules, comparison.counts, headers)
        short = _short(series, comparison, study)
        repulls = study.completeness.repulls
        completeness = judged_completeness(_expected(series, comparison), number, short, repulls)
        study = replace(study, series=series, completeness=completeness)
        if short and (later := self._asked_again(study, short, comparison)) is not None:
            return later
        if not number:
            raise PermanentError("the PACS sends no image of this study")
        self._tell_counts(study)
        settled = max(number, comparison.expected or 0, study.number_in_pacs or 0)
        study = replace(
            study.marked("verified", now),
            missing=(),
            decided=digest(stored.instances),
            # A series named by a doctor settles nothing: the study's own delivery, if there was none, is still to come.
            settled_number=study.settled_number or 0 if study.wanted_series else settled,
        )
        parcels = self._select.parcels(rules, study, stored)
        if short and not parcels:
            raise PermanentError("the PACS sends no image of a wanted series")
        return self._handed_over(study, parcels)

    def _asked_again(self, study: Study, short: Sequence[str], comparison: Comparison) -> Study | None:
        """The study, waiting for more images or for a re-pull; None where nothing more is to be hoped for."""
        now = self._clock.now()
        if timedelta(0) <= now - study.timeline["received"] < SETTLING:
            return study.then(Step.DELIVER, now + NEXT_LOOK)
        repulls = study.completeness.repulls
        if not study.sources or repulls >= self._policy.max_repulls:
            return None
        missing = tuple(comparison.answers[uid].uid_as_given for uid in short if uid in comparison.answers)
        delay = repull_delay(repulls)
        lines = study_log(study.ids)
        for uid in short:
            one = next((each for each in study.series if each.series_instance_uid == uid), None)
            if one is not None:
                lines.warning(
                    "completeness check failed: series %s in pacs is %s,  we have only %d",
                    uid, one.number_in_pacs, one.number_received,
                )  # fmt: skip
        lines.warning("re-pull %d of %d in %s", repulls + 1, self._policy.max_repulls, delay)
        completeness = replace(study.completeness, repulls=repulls + 1)
        return replace(study, missing=missing, completeness=completeness).then(Step.PULL, now + delay)

    def _handed_over(self, study: Study, parcels: Sequence[Parcel]) -> Study:
        """The study with its folders written and its messages in the outbox; or settled without any."""
        self._tell_refusals(study)
        packages = [self._packed(study, parcel) for parcel in parcels if self._is_news(study, parcel)]
        study = _with_parcels(replace(study, is_manual=False, wanted_series=()), parcels, packages)
        if study.outbox:
            return study.then(Step.PUBLISH)
        if study.deliveries:
            return study.moved(State.PULL_DATA_END).then(Step.CLEAN)
        study_log(study.ids).info("%s %s %s study is filtered out", *study.ids)
        return study.moved(State.UNSUPPORTED_SERIES).then(Step.CLEAN)

    def _is_news(self, study: Study, parcel: Parcel) -> bool:
        """Whether to deliver: the first time, by hand, or thicker than what was delivered last."""
        last = previous(study, parcel)
        if last is None:
            return True
        lines = study_log((*study.ids, parcel.series_instance_uid))
        is_thicker = parcel.number_received > last.number_received
        if not (is_thicker or study.is_manual or not self._policy.resend_only_thicker_series):
            lines.info("notinform %s has no more instances this time", study.study_instance_uid)
            return False
        lines.info(
            "reinform %s last is %d;now %s %s is %d",
            study.study_instance_uid,
            last.number_received,
            parcel.last_update,
            parcel.series_instance_uid,
            parcel.number_received,
        )
        return True

    def _packed(self, study: Study, parcel: Parcel) -> tuple[Delivery, Outgoing]:
        folder = self._hand_over.write(parcel.folder, parcel.instances)
        ae_title, address = self._store.sender(parcel.instances[0])
        return packed(study, parcel, Origin(ae_title, address, folder.seconds), folder.path, study.revision + 1)

    @staticmethod
    def _tell_counts(study: Study) -> None:
        for series in study.series:
            if series.verdict != KEPT or series.number_in_pacs is None:
                continue
            lines = study_log((*study.ids, series.series_instance_uid))
            numbers = (series.series_instance_uid, series.number_in_pacs, series.number_received)
            if series.number_received >= series.number_in_pacs:
                lines.info("completeness check success: series %s in pacs is %d,  we have %d too", *numbers)
            else:
                lines.error("incomplete, delivered all the same: series %s in pacs is %d,  we have only %d", *numbers)

    @staticmethod
    def _tell_refusals(study: Study) -> None:
        for series in study.series:
            if series.verdict != KEPT:
                lines = study_log((*study.ids, series.series_instance_uid))
                lines.info("%s %s %s %s %s", *study.ids, series.series_instance_uid, series.reason)


def digest(instances: Iterable[str]) -> str:
    """A short name for a set of images."""
    return hashlib.sha256("\n".join(sorted(instances)).encode()).hexdigest()[:32]


def _received(stored: StoredStudy) -> dict[str, int]:
    received: dict[str, int] = {}
    for series in stored.series:
        received[series.series_instance_uid] = received.get(series.series_instance_uid, 0) + len(series.instances)
    return received


def _short(series: Sequence[Series], comparison: Comparison, study: Study) -> list[str]:
    """The wanted series that lack images; where the PACS has no counts by series, the study speaks for all of them."""
    by_series = {count.series_instance_uid: count for count in comparison.counts}
    wanted = [one.series_instance_uid for one in series if one.verdict == KEPT and one.series_instance_uid in by_series]
    short = [uid for uid in wanted if by_series[uid].is_short]
    has_counts = all(by_series[uid].in_pacs is not None for uid in wanted) and bool(comparison.answers)
    received = sum(count.received for count in comparison.counts)
    is_study_short = received < comparison.expected if comparison.expected is not None else not study.is_retrieve_ok
    if not short and (not received or (is_study_short and not has_counts)):
        return wanted or [study.study_instance_uid]
    return short


def _expected(series: Sequence[Series], comparison: Comparison) -> int | None:
    """The images that are to be here: all of the study but the refused series of which none came."""
    if comparison.expected is None:
        return None
    left_out = (one for one in series if one.verdict != KEPT and not one.number_received)
    return comparison.expected - sum(one.number_in_pacs or 0 for one in left_out)


def _with_parcels(study: Study, parcels: Sequence[Parcel], packages: Sequence[tuple[Delivery, Outgoing]]) -> Study:
    """What the parcels say of the study. A message that still waits for its confirm goes on waiting."""
    delivered = {one.series_instance_uid: one.number_received for parcel in parcels for one in parcel.series}
    ranking = {uid: why for parcel in parcels for uid, why in parcel.ranking.items()}
    series = tuple(
        replace(
            one,
            number_delivered=delivered.get(one.series_instance_uid, one.number_delivered),
            reason="; ".join(filter(None, (one.reason, ranking.get(one.series_instance_uid)))),
        )
        for one in study.series
    )
    return replace(
        study,
        series=series,
        deliveries=(*study.deliveries, *(delivery for delivery, _ in packages)),
        outbox=(*study.outbox, *(outgoing for _, outgoing in packages)),
    )
