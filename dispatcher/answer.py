"""What an answer of the back end means. Pure; the contract is told in ``docs/consuming.md``."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from dispatcher.errors import PermanentError, TransientError

LONGEST_REASON = 200


class State(StrEnum):
    """What the back end made of a study."""

    ACCEPTED = "accepted"
    """It works on it, and tells the gateway itself when it is done."""
    COMPLETED = "completed"
    UNSUPPORTED = "unsupported_series"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that settles the message; ``reason`` is the back end's own words, which hold no name of a patient."""

    state: State
    reason: str = ""


def understood(
    status: int, content: bytes, retry_after: str | None, retry: Collection[int], unsupported: Collection[int]
) -> Answer:
    """The answer for a status, a body and a ``Retry-After`` header.

    A JSON object with ``state`` says it itself, unless the status is 500 or more. Without one, 202 is accepted, any
    other 2xx completed.

    :raises TransientError: for the statuses in ``retry``. :raises PermanentError: for all others.
    """
    said = _object(content)
    reason = " ".join(str(said.get("reason") or "").split())[:LONGEST_REASON]
    state = said.get("state")
    if status < 500 and state in list(State):
        return Answer(State(state), reason)
    if status in unsupported:
        return Answer(State.UNSUPPORTED, reason)
    if status == HTTPStatus.ACCEPTED:
        return Answer(State.ACCEPTED, reason)
    if 200 <= status < 300:
        return Answer(State.COMPLETED, reason)
    text = f"the back end answered {status} {_phrase(status)}{f': {reason}' if reason else ''}"
    if status in retry:
        raise TransientError(text, _seconds(retry_after))
    raise PermanentError(text)


def _object(content: bytes) -> dict[str, Any]:
    """The JSON object in an answer; an empty one where it is something else."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(unknown status)"


def _seconds(retry_after: str | None) -> float | None:
    """``Retry-After`` as seconds from now: a number or an HTTP date; None for anything else."""
    if not retry_after:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max((at.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0)
