"""A ``multipart/form-data`` body that is read from disk while it is sent: a CT of 1000 images never lies in memory."""

import json
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dispatcher.errors import TransientError

CHUNK = 1 << 20


class Multipart:
    """The message as part ``message`` (JSON), then each file as part ``files`` (``application/dicom``).

    Its length is known beforehand, so that back ends without chunked transfer can read it. A file that cannot be read
    while it is sent raises `TransientError`.
    """

    def __init__(self, message: dict[str, Any], files: Sequence[Path]) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._start = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="message"\r\n'
            f"Content-Type: application/json\r\n\r\n{json.dumps(message)}"
        ).encode()
        self._end = f"\r\n--{boundary}--\r\n".encode()
        self._parts = [(_head(boundary, file), file, file.stat().st_size) for file in files]

    def __len__(self) -> int:
        return len(self._start) + sum(len(head) + size for head, _, size in self._parts) + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        yield self._start
        for head, file, size in self._parts:
            yield head
            yield from _content(file, size)
        yield self._end


def _head(boundary: str, file: Path) -> bytes:
    name = file.name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return (
        f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        "Content-Type: application/dicom\r\n\r\n"
    ).encode()


def _content(file: Path, size: int) -> Iterator[bytes]:
    left = size
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(min(CHUNK, left)):
                left -= len(chunk)
                yield chunk
    except OSError as error:
        raise TransientError(f"a file of the hand-over folder cannot be read ({type(error).__name__})") from error
    if left:
        raise TransientError("a file of the hand-over folder became shorter while it was sent")
