"""A fake HTTP server for the far end of the dispatcher: records every post, answers by script.

Serves as the algorithm back end and as the gateway that is told the outcome.
"""

import email
import email.policy
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.simulators.process import LOOPBACK, free_port


@dataclass(frozen=True)
class Post:
    """One request as it came in; `files` are the parts ``files`` of a multipart body, by file name."""

    path: str
    headers: dict[str, str]
    body: bytes
    message: Any
    files: dict[str, bytes]
    received_at: float


@dataclass(frozen=True)
class Reply:
    """What to answer, after `seconds`.

    With `is_dropped` the connection is closed without an answer; with `is_endless` the body never ends, a blank every
    50 ms.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0
    is_dropped: bool = False
    is_endless: bool = False


Script = Callable[[Post], Reply]


def in_turn(*replies: Reply) -> Script:
    """Answer with these in turn, then for ever with the last."""
    left = list(replies)
    lock = threading.Lock()

    def script(_: Post) -> Reply:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return script


class FakeBackend:
    """Listens between `start` and `stop`, on the same port each time; `script` may be replaced at any moment."""

    def __init__(self, script: Script | None = None) -> None:
        self.port = free_port()
        self.script: Script = script or in_turn(Reply())
        self.posts: list[Post] = []
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def messages(self) -> list[Any]:
        """The messages of all posts so far, in order."""
        return [post.message for post in list(self.posts)]

    def start(self) -> Self:
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                backend._take(self)

            def log_message(self, *_: object) -> None:
                """Say nothing: the posts are recorded."""

        self._server = ThreadingHTTPServer((LOOPBACK, self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        message, files = _parts(handler.headers.get("Content-Type", ""), body)
        post = Post(handler.path, dict(handler.headers), body, message, files, time.time())
        with self._lock:
            self.posts.append(post)
        reply = self.script(post)
        time.sleep(reply.seconds)
        if reply.is_dropped:
            handler.close_connection = True
            return
        if reply.is_endless:
            _trickle(handler, reply.status)
            return
        content = b"" if reply.body is None else json.dumps(reply.body).encode()
        handler.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(content))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        with suppress(OSError):  # the client may have had enough
            handler.wfile.write(content)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _trickle(handler: BaseHTTPRequestHandler, status: int) -> None:
    handler.send_response(status)
    handler.end_headers()
    with suppress(OSError):  # until the client has had enough
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.05)


def _parts(content_type: str, body: bytes) -> tuple[Any, dict[str, bytes]]:
    """The JSON message, and the files, of a JSON or multipart body."""
    if not content_type.startswith("multipart/"):
        return (json.loads(body) if body else None), {}
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message: Any = None
    files: dict[str, bytes] = {}
    for part in email.message_from_bytes(head + body, policy=email.policy.HTTP).iter_parts():
        content: Any = part.get_payload(decode=True)
        if part.get_param("name", header="content-disposition") == "message":
            message = json.loads(content)
        else:
            files[str(part.get_filename())] = bytes(content)
    return message, files
