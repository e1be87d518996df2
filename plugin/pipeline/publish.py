"""Bring the outbox of a study to the broker; the study is delivered when the broker has confirmed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from plugin.domain.study import State, Step, Study
from plugin.logs import study_log
from plugin.pipeline.driver import ForeverStep
from plugin.ports import Broker, Clock


class Publish(ForeverStep):
    """The PUBLISH step. A crash between confirm and save publishes again, with the same message_id."""

    longest_delay = timedelta(minutes=1)

    def __init__(self, broker: Broker, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock

    def begin(self, study: Study) -> Study:
        """A word on an earlier delivery that came meanwhile (completed, unsupported) does not hold up this one."""
        return study.moved(State.PULL_DATA)

    def __call__(self, study: Study) -> Study:
        for message in study.outbox:
            lines = study_log((*study.ids, str(message.body["seriesUID"])))
            lines.info("inform pacs_module %s", dict(message.body))
            self._broker.publish(message)
            lines.info("send %s to rabbitmq success", study.study_instance_uid)
        delivered = replace(study.moved(State.PULL_DATA_END), outbox=())
        return delivered.marked("delivered", self._clock.now()).then(Step.CLEAN)
