"""The algorithm back end over HTTP: one post a try."""

import json
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

from dispatcher.answer import Answer, understood
from dispatcher.errors import PermanentError, TransientError, UnreachableError
from dispatcher.logs import StudyLog, study_log
from dispatcher.message import Message
from dispatcher.multipart import Multipart
from dispatcher.settings import URL_KEYS, BackendSettings

LARGEST_ANSWER = 1 << 20

Body = bytes | Multipart


class Backend:
    """Posts messages; may be used from several threads, each has a session of its own."""

    def __init__(self, settings: BackendSettings) -> None:
        self._settings = settings
        self._local = threading.local()

    def post(self, message: Message, message_id: str) -> Answer:
        """One try; the answer when the back end took the study, whatever it makes of it.

        :raises UnreachableError: nobody listens there.
        :raises TransientError: no answer in time, a broken connection, a status of ``retry_statuses``, files missing.
        :raises PermanentError: any other refusal.
        """
        log = study_log(message.ids)
        try:
            body, content_type = self._body(message, log)
            response, content = self._sent(message, body, content_type, message_id)
        except (requests.RequestException, HTTPError) as error:
            raise self._mapped(error) from error
        except OSError as error:
            raise TransientError(f"the hand-over folder cannot be read ({type(error).__name__})") from error
        answer = understood(
            response.status_code,
            content,
            response.headers.get("Retry-After"),
            self._settings.retry_statuses,
            self._settings.unsupported_statuses,
        )
        log.info("upload_image_path file_path ----%s----success", message.filepath)
        return answer

    def _body(self, message: Message, log: StudyLog) -> tuple[Body, str]:
        """The body and its content type. Only a back end that is sent the files needs them to be visible here."""
        content = message.model_dump(mode="json")
        folder = Path(message.filepath)
        if self._settings.mode == "json":
            number = sum(1 for _ in folder.iterdir()) if folder.is_dir() else None
            log.info("upload_image_path file_path %s %s", folder, _number(number))
            return json.dumps(content).encode(), "application/json"
        files = sorted(file for file in folder.iterdir() if file.is_file())
        log.info("upload_image_path file_path %s %s", folder, _number(len(files)))
        if len(files) < message.numberReceived:
            raise TransientError(f"the hand-over folder holds {len(files)} of {message.numberReceived} images")
        parts = Multipart(content, files)
        return parts, parts.content_type

    def _sent(
        self, message: Message, body: Body, content_type: str, message_id: str
    ) -> tuple[requests.Response, bytes]:
        """The response and what of its body matters, within ``timeout_seconds`` from the end of the sending."""
        url = self._settings.url.format_map({key: quote(str(getattr(message, key)), safe="") for key in URL_KEYS})
        with self._session().post(
            url,
            data=body,
            headers={"Content-Type": content_type, "Idempotency-Key": quote(message_id, safe=":")},
            timeout=(self._settings.connect_timeout_seconds, self._settings.timeout_seconds),
            allow_redirects=False,
            stream=True,
        ) as response:
            return response, self._content(response)

    def _content(self, response: requests.Response) -> bytes:
        """The answer's body, cut where it is longer than any that we understand: then the status alone counts."""
        deadline = time.monotonic() + self._settings.timeout_seconds
        content = b""
        while len(content) <= LARGEST_ANSWER and (chunk := response.raw.read1(1 << 16, decode_content=True)):
            content += chunk
            if time.monotonic() > deadline:
                raise requests.ReadTimeout
        return content

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # neither a proxy meant for the internet nor a .netrc entry
            session.headers.update({name: value.get_secret_value() for name, value in self._settings.headers.items()})
            if self._settings.token is not None:
                session.headers["Authorization"] = f"Bearer {self._settings.token.get_secret_value()}"
            if self._settings.ca_file is not None:
                session.verify = str(self._settings.ca_file)
            self._local.session = session
        return session

    def _mapped(self, error: requests.RequestException | HTTPError) -> TransientError | PermanentError:
        """Our error for one of requests or urllib3; never its text, which may hold the URL and with it a password."""
        cause: Any = error.args[0] if error.args else None
        refused = isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
        if isinstance(error, requests.ConnectTimeout) or refused:
            return UnreachableError("the back end is unreachable")
        if isinstance(error, requests.Timeout | ReadTimeoutError):
            return TransientError(f"the back end did not answer in {self._settings.timeout_seconds:g} s")
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
            return PermanentError(f"backend.url or backend.headers cannot be used ({type(error).__name__})")
        return TransientError(f"the connection to the back end broke ({type(error).__name__})")


def _number(files: int | None) -> str:
    return "is not visible here" if files is None else f"has file number is {files}"
