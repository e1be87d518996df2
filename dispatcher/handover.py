"""One try of one message: is it a repeat, post it, enter it in the ledger; and what to do when that fails."""

import threading
import time

from dispatcher.backend import Backend
from dispatcher.backoff import back_off
from dispatcher.errors import LedgerError, PermanentError, TransientError, UnreachableError
from dispatcher.jobs import HANDED_OVER, Job, Jobs
from dispatcher.ledger import Ledger
from dispatcher.logs import StudyLog, study_log
from dispatcher.settings import BackendSettings

LEDGER_RETRY_SECONDS = 5.0


class Handover:
    """What the worker threads run on each job."""

    def __init__(
        self, jobs: Jobs, backend: Backend, ledger: Ledger, settings: BackendSettings, is_reported: bool
    ) -> None:
        self._jobs = jobs
        self._backend = backend
        self._ledger = ledger
        self._settings = settings
        self._is_reported = is_reported
        self._is_ledger_down = False

    def attempt(self, job: Job) -> None:
        """Try once; the job is then settled or put back for later."""
        log = study_log(job.message.ids)
        try:
            if job.answer is None and self._ledger.has(job.message_id):
                log.info("message %s is a repeat of one that was accepted, dropped", job.message_id)
                self._jobs.settle(job)
                return
            if job.answer is None:
                self._announce(job, log)
                job.answer = self._backend.post(job.message, job.message_id)
            self._ledger.record(job.message_id, job.message, job.answer, self._is_reported)
            self._is_ledger_down = False
        except LedgerError as error:
            self._wait_for_ledger(job, error, log)
        except PermanentError as error:
            self._jobs.settle(job, str(error))
        except TransientError as error:
            self.failed(job, error)
        else:
            log.info("back end says %s%s", job.answer.state, f": {job.answer.reason}" if job.answer.reason else "")
            self._jobs.settle(job)

    def failed(self, job: Job, error: TransientError) -> None:
        """Put the job back with back-off, or give it up when it has had its tries."""
        limits = self._settings
        log = study_log(job.message.ids)
        now = time.monotonic()
        if isinstance(error, UnreachableError):
            job.unreachable_since = job.unreachable_since or now
            job.unreachable_tries += 1
            failures, is_over = job.unreachable_tries, now - job.unreachable_since >= limits.unreachable_seconds
            count = f"unreachable for {now - job.unreachable_since:.0f} of {limits.unreachable_seconds:g} s"
        else:
            job.unreachable_since, job.unreachable_tries = None, 0
            job.tries += 1
            failures, is_over = job.tries, job.tries >= limits.max_tries
            count = f"try {job.tries} of {limits.max_tries}"
        if is_over:
            self._jobs.settle(job, f"{error} ({count})")
            return
        seconds = back_off(failures, limits.first_delay_seconds, limits.max_delay_seconds)
        if error.retry_after is not None:
            seconds = max(seconds, min(error.retry_after, limits.max_delay_seconds))
        log.warning("send_to_backend failed, %s, again in %.1f s: %s", count, seconds, error)
        self._jobs.later(job, seconds)

    def _announce(self, job: Job, log: StudyLog) -> None:
        """The first lines about a message, once."""
        if job.tries or job.unreachable_tries:
            return
        message = job.message
        log.info("send_to_backend %d get message %s", threading.get_ident(), message.known())
        revision, is_loading = self._jobs.other_revision(job)
        accepted = self._ledger.last_revision(message)
        if revision <= accepted < message.revision:
            revision, is_loading = accepted, HANDED_OVER
        if revision:
            log.info("%s exists, last isloading is %d, we receive a new one, calc again", message.studyUID, is_loading)

    def _wait_for_ledger(self, job: Job, error: LedgerError, log: StudyLog) -> None:
        """Nothing is posted that could not be entered; what was posted is entered as soon as possible."""
        if not self._is_ledger_down:
            log.error("%s; messages wait", error)
        self._is_ledger_down = True
        self._jobs.later(job, LEDGER_RETRY_SECONDS)
