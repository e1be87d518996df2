"""The back end's HTTP side, against a real server on a free port."""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dispatcher.answer import State
from dispatcher.backend import Backend
from dispatcher.errors import PermanentError, TransientError, UnreachableError
from dispatcher.message import Message
from dispatcher.settings import BackendSettings
from tests.simulators.backend import FakeBackend, Reply, in_turn
from tests.unit.dispatcher.examples import message


@pytest.fixture
def server() -> Iterator[FakeBackend]:
    with FakeBackend() as server:
        yield server


@pytest.fixture
def a_message(tmp_path: Path) -> Callable[..., Message]:
    for number in range(3):
        (tmp_path / f"{number}.dcm").write_bytes(b"DICM" * 1000 + bytes([number]))
    return lambda **changes: Message.model_validate(message(filepath=str(tmp_path), **changes))


def backend(server: FakeBackend, **changes: Any) -> Backend:
    return Backend(BackendSettings(**{"url": server.url, "timeout_seconds": 5, **changes}))


def test_json(server: FakeBackend, a_message: Callable[..., Message]) -> None:
    settings = {
        "url": f"{server.url}/{{task}}/{{studyUID}}?a={{accessionNumber}}",
        "token": "t0ken",
        "headers": {"X-Site": "a"},
    }
    sent = a_message(accessionNumber="A/1 &", extra="kept")
    assert backend(server, **settings).post(sent, "id ü\n").state is State.COMPLETED
    (post,) = server.posts
    assert post.path == "/chest-ct/1.2.3?a=A%2F1%20%26"
    assert post.message == sent.model_dump()
    assert post.message["extra"] == "kept"
    assert (post.headers["Authorization"], post.headers["X-Site"]) == ("Bearer t0ken", "a")
    assert post.headers["Idempotency-Key"] == "id%20%C3%BC%0A"
    assert post.headers["Content-Type"] == "application/json"


def test_multipart_sends_message_and_files(
    server: FakeBackend, a_message: Callable[..., Message], tmp_path: Path
) -> None:
    (tmp_path / "0.dcm").write_bytes(bytes(3_000_000))
    backend(server, mode="multipart").post(a_message(), "id")
    (post,) = server.posts
    assert post.message == a_message().model_dump()
    assert post.files == {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert int(post.headers["Content-Length"]) == len(post.body)


def test_log_lines(server: FakeBackend, a_message: Callable[..., Message], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    backend(server, mode="multipart").post(a_message(), "id")
    folder = a_message().filepath
    assert caplog.messages == [
        f"upload_image_path file_path {folder} has file number is 3",
        f"upload_image_path file_path ----{folder}----success",
    ]


def test_json_needs_no_folder_here(server: FakeBackend, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    backend(server).post(Message.model_validate(message(filepath="/not/here")), "id")
    assert caplog.messages[0] == "upload_image_path file_path /not/here is not visible here"


@pytest.mark.parametrize(
    ("changes", "reason"), [({"filepath": "/not/here"}, "cannot be read"), ({"numberReceived": 4}, "3 of 4")]
)
def test_missing_files_are_no_delivery(
    server: FakeBackend, a_message: Callable[..., Message], changes: dict[str, Any], reason: str
) -> None:
    content = a_message().model_dump() | changes
    with pytest.raises(TransientError, match=reason):
        backend(server, mode="multipart").post(Message.model_validate(content), "id")
    assert server.posts == []


@pytest.mark.parametrize(
    ("reply", "error", "reason"),
    [
        (Reply(503, headers={"Retry-After": "9"}), TransientError, "503 Service Unavailable"),
        (Reply(400), PermanentError, "400 Bad Request"),
        (Reply(302, headers={"Location": "/x"}), PermanentError, "302 Found"),
        (Reply(is_dropped=True), TransientError, "broke"),
        (Reply(seconds=1), TransientError, "did not answer in 0.2 s"),
    ],
)
def test_refusals(
    server: FakeBackend, a_message: Callable[..., Message], reply: Reply, error: type[Exception], reason: str
) -> None:
    server.script = in_turn(reply)
    with pytest.raises(error, match=re.escape(reason)) as caught:
        backend(server, timeout_seconds=0.2).post(a_message(), "id")
    assert not isinstance(caught.value, UnreachableError)
    assert len(server.posts) == 1


def test_nobody_there(server: FakeBackend, a_message: Callable[..., Message]) -> None:
    server.stop()
    with pytest.raises(UnreachableError):
        backend(server).post(a_message(), "id")
    with pytest.raises(UnreachableError):
        Backend(BackendSettings(url="http://no-such-host.invalid/")).post(a_message(), "id")


def test_errors_hold_no_password(server: FakeBackend, a_message: Callable[..., Message]) -> None:
    server.stop()
    with pytest.raises(UnreachableError) as caught:
        backend(server, url=f"http://u:s3cret@127.0.0.1:{server.port}/").post(a_message(), "id")
    assert "s3cret" not in str(caught.value)


def test_a_long_answer_is_not_read_to_its_end(
    server: FakeBackend, a_message: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatcher.backend.LARGEST_ANSWER", 1000)
    server.script = in_turn(Reply(200, body={"state": "accepted", "more": "x" * 5_000_000}))
    assert backend(server).post(a_message(), "id").state is State.COMPLETED


def test_an_answer_without_end_is_no_answer(server: FakeBackend, a_message: Callable[..., Message]) -> None:
    server.script = in_turn(Reply(is_endless=True))
    with pytest.raises(TransientError, match=re.escape("did not answer in 0.3 s")):
        backend(server, timeout_seconds=0.3).post(a_message(), "id")


def test_sessions_are_not_shared_between_threads(server: FakeBackend, a_message: Callable[..., Message]) -> None:
    one = backend(server)
    sessions = []
    threads = [threading.Thread(target=lambda: sessions.append(one._session())) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    assert sessions[0] is not sessions[1]


def test_a_proxy_for_the_internet_is_not_used(
    server: FakeBackend, a_message: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert backend(server).post(a_message(), "id").state is State.COMPLETED
