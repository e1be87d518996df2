"""What each answer of a back end means."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from dispatcher.answer import Answer, State, understood
from dispatcher.errors import PermanentError, TransientError

RETRY = (429, 503)


def answer(status: int, content: bytes = b"", retry_after: str | None = None) -> Answer:
    return understood(status, content, retry_after, RETRY, (415,))


@pytest.mark.parametrize(
    ("status", "content", "state"),
    [
        (200, b"", State.COMPLETED),
        (204, b"", State.COMPLETED),
        (201, b"<html>", State.COMPLETED),
        (200, b'{"state": "something else"}', State.COMPLETED),
        (200, b'{"state": ["completed"]}', State.COMPLETED),
        (202, b"", State.ACCEPTED),
        (200, b'{"state": "accepted"}', State.ACCEPTED),
        (202, b'{"state": "completed"}', State.COMPLETED),
        (200, b'{"state": "unsupported_series"}', State.UNSUPPORTED),
        (422, b'{"state": "unsupported_series"}', State.UNSUPPORTED),
        (415, b"", State.UNSUPPORTED),
    ],
)
def test_settling(status: int, content: bytes, state: State) -> None:
    assert answer(status, content).state is state


@pytest.mark.parametrize("status", [429, 503])
def test_try_again(status: int) -> None:
    with pytest.raises(TransientError, match=str(status)):
        answer(status)


@pytest.mark.parametrize("status", [301, 400, 404, 422, 501, 599, 999])
def test_never_again(status: int) -> None:
    with pytest.raises(PermanentError, match=f"the back end answered {status}"):
        answer(status)


def test_a_broken_back_end_settles_nothing() -> None:
    with pytest.raises(TransientError):
        answer(503, b'{"state": "completed"}')


def test_only_the_reason_is_told_on_one_short_line() -> None:
    content = b'{"detail": "DOE^JOHN", "reason": "no\\nlung ' + b"x" * 999 + b'"}'
    with pytest.raises(PermanentError) as caught:
        answer(400, content)
    assert str(caught.value).startswith("the back end answered 400 Bad Request: no lung xxx")
    assert len(str(caught.value)) < 250
    assert "DOE" not in str(caught.value)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("x", None), ("", None), (None, None), ("-1", None)])
def test_retry_after(header: str | None, seconds: float | None) -> None:
    with pytest.raises(TransientError) as caught:
        answer(503, retry_after=header)
    assert caught.value.retry_after == seconds


def test_retry_after_as_a_date() -> None:
    with pytest.raises(TransientError) as caught:
        answer(503, retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert 55 < (caught.value.retry_after or 0) <= 60
