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
from dispatcher.errors import LedgerError, TransientError
from dispatcher.ledger import Ledger, Report
from dispatcher.logs import study_log
from dispatcher.settings import GatewaySettings

ACTIONS = {State.COMPLETED: "completed", State.UNSUPPORTED: "unsupported"}
FORGET_EVERY_SECONDS = 3600
IDLE_SECONDS = 1.0

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

    def tell(self, report: Report) -> str:
        """Tell it once; the text says how it took it. 409 is an answer: the state has no such move any more.

        :raises TransientError: anything else that fails.
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
        if 200 <= status < 300:
            return f"the gateway knows that it is {report.state.value}"
        if status == HTTPStatus.CONFLICT:
            return f"the gateway has moved on, {report.state.value} no longer applies"
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
            study_log(report.ids).info("%s", self._gateway.tell(report))
            self._ledger.settle_report(report)
        except LedgerError:
            raise
        except TransientError as error:
            if report.tries + 1 >= self._settings.max_tries:
                self._give_up(report, error)
            else:
                self._later(report, error)
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
