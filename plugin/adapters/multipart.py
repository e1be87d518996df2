"""The parts of a ``multipart/related`` answer (RFC 2387), one at a time, while it still comes in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
LONGEST_HEADER = 1 << 16
LONGEST_PART = 1 << 31
"""Bytes of one image; what is longer is no image."""


class MultipartError(Exception):
    """The answer is no multipart, or breaks off within a part."""


def parts(content_type: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The body of each part. Raises MultipartError."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise MultipartError(f"expected multipart/related with a boundary, found {content_type[:80]!r}")
    reader = _Reader(chunks, b"\r\n--" + match[1].encode())
    reader.until_boundary(LONGEST_HEADER)
    while reader.has_part():
        reader.until(b"\r\n\r\n", LONGEST_HEADER)
        yield reader.until_boundary(LONGEST_PART)


class _Reader:
    def __init__(self, chunks: Iterable[bytes], delimiter: bytes) -> None:
        self._chunks = iter(chunks)
        self._delimiter = delimiter
        self._buffer = bytearray(b"\r\n")  # so that the first boundary looks like the others

    def has_part(self) -> bool:
        """After a boundary: whether a part follows."""
        while len(self._buffer) < 2:
            self._more()
        return not self._buffer.startswith(b"--")

    def until_boundary(self, limit: int) -> bytes:
        return self.until(self._delimiter, limit)

    def until(self, mark: bytes, limit: int) -> bytes:
        """Everything before the next ``mark``, which is taken away too."""
        searched = 0
        while (place := self._buffer.find(mark, searched)) < 0:
            searched = max(0, len(self._buffer) - len(mark))
            if searched > limit:
                raise MultipartError(f"a part longer than {limit} bytes")
            self._more()
        found = bytes(self._buffer[:place])
        del self._buffer[: place + len(mark)]
        return found

    def _more(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise MultipartError("it ends within a part")
        self._buffer += chunk
