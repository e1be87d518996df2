"""Delete a settled study from Orthanc, if it still holds exactly the images that the decision was made on."""

from __future__ import annotations

from plugin.domain.study import Step, Study
from plugin.logs import study_log
from plugin.pipeline.deliver import digest
from plugin.pipeline.driver import ForeverStep
from plugin.ports import Clock, ImageStore


class Clean(ForeverStep):
    """The CLEAN step."""

    def __init__(self, store: ImageStore, clock: Clock, delete_after_send: bool) -> None:
        self._store = store
        self._clock = clock
        self._delete_after_send = delete_after_send

    def __call__(self, study: Study) -> Study:
        if not self._delete_after_send:
            return study.then(None)
        stored = self._store.study(study.study_instance_uid)
        if stored is None:
            return study.then(None)
        if digest(stored.instances) != study.decided:
            study_log(study.ids).warning("images came in since the delivery was decided: the study stays in Orthanc")
            return study.then(Step.DELIVER if stored.is_orthanc_stable else None)
        self._store.delete(stored)
        study_log(study.ids).info("deleted from Orthanc: %s", study.study_instance_uid)
        return study.marked("deleted", self._clock.now()).then(None)
