"""Tells the gateway what became of a study.

``POST {gateway}/pacs-pull/studies/{StudyInstanceUID}/completed`` or ``…/unsupported``.
"""

import logging
import threading
import time
from http import HTTPStatus
from urllib.parse import quote

import requests

from dispatcher.answer import State
from dispatcher.backoff import back_off
from dispatcher.errors import ConflictError, LedgerError, TransientError
from dispatcher.ledger import Ledger, Report
from dispatcher.logs import study_log
from dispatcher.settings import GatewaySettings

ACTIONS = {State.COMPLETED: "completed", State.UNSUPPORTED: "unsupported"}
FORGET_EVERY_SECONDS = 3600
IDLE_SECONDS = 1.0
CONFLICT_TRIES = 6
"""A quick back end is done before the gateway has saved that it published: a conflict is worth a few tries, no more."""

log = logging.getLogger(__name__)


class Gateway:
    """The gateway's REST API; used by one thread."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._session = requests.Session()
        self._session.trust_env = False
        if settings.username:
            self._session.auth = (settings.username, settings.password.get_secret_value())
        if settings.ca_file is not None:
            self._session.verify = str(settings.ca_file)

    def tell(self, report: Report) -> None:
        """Tell it once.

        :raises ConflictError: the study's state does not allow it. :raises TransientError: anything else that fails.
        """
        study = quote(report.ids[2], safe="")
        try:
            response = self._session.post(
                f"{self._settings.url}/pacs-pull/studies/{study}/{ACTIONS[report.state]}",
                json={
                    "messageId": report.message_id,
                    "task": report.task,
                    "revision": report.revision,
                    "reason": report.reason,
                },
                timeout=self._settings.timeout_seconds,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise TransientError(f"the gateway cannot be reached ({type(error).__name__})") from error
        status = response.status_code
        if status == HTTPStatus.CONFLICT:
            raise ConflictError("the gateway answered 409, the study's state does not allow it")
        if not 200 <= status < 300:
            raise TransientError(f"the gateway answered {status}")


class Reporter:
    """One thread that tells the gateway what waits in the ledger, with bounded tries, and keeps the ledger short."""

    def __init__(
        self, ledger: Ledger, gateway: Gateway, settings: GatewaySettings, keep_days: float, stop: threading.Event
    ) -> None:
        self._ledger = ledger
        self._gateway = gateway
        self._settings = settings
        self._keep_days = keep_days
        self._stop = stop
        self._forget_at = 0.0
        self._is_ledger_down = False

    def run(self) -> None:
        """Until stopped."""
        while not self._stop.is_set():
            try:
                did_something = self._step()
                self._is_ledger_down = False
            except LedgerError as error:
                did_something = False
                if not self._is_ledger_down:
                    log.error("reports wait: %s", error)
                self._is_ledger_down = True
            if not did_something:
                self._stop.wait(IDLE_SECONDS)

    def _step(self) -> bool:
        """Tell one report; False when none is due."""
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_EVERY_SECONDS
            self._ledger.forget(self._keep_days)
        report = self._ledger.due_report()
        if report is None:
            return False
        try:
            self._gateway.tell(report)
        except TransientError as error:
            limit = CONFLICT_TRIES if isinstance(error, ConflictError) else self._settings.max_tries
            if report.tries + 1 >= min(limit, self._settings.max_tries):
                self._give_up(report, error)
            else:
                self._later(report, error)
        else:
            self._ledger.settle_report(report)
            study_log(report.ids).info("the gateway knows that it is %s", report.state.value)
        return True

    def _later(self, report: Report, error: TransientError) -> None:
        tries = report.tries + 1
        seconds = back_off(tries, self._settings.first_delay_seconds, self._settings.max_delay_seconds)
        study_log(report.ids).warning(
            "report %s, try %d of %d failed, again in %.1f s: %s",
            report.state.value,
            tries,
            self._settings.max_tries,
            seconds,
            error,
        )
        self._ledger.postpone_report(report, seconds)

    def _give_up(self, report: Report, error: Exception) -> None:
        study_log(report.ids).error("report %s given up: %s", report.state.value, error)
        self._ledger.settle_report(report)
