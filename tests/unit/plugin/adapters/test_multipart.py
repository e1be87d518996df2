"""Multipart answers in chunks of any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.adapters.multipart import MultipartError, parts

TYPE = 'multipart/related; type="application/dicom"; boundary="b0undary"'


def body(images: list[bytes]) -> bytes:
    written = [b"--b0undary\r\nContent-Type: application/dicom\r\n\r\n" + image + b"\r\n" for image in images]
    return b"".join(written) + b"--b0undary--\r\n"


@given(st.lists(st.binary(max_size=60)), st.integers(1, 40))
def test_whatever_the_chunks(images: list[bytes], size: int) -> None:
    images = [image for image in images if b"b0undary" not in image]
    text = body(images)
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert list(parts(TYPE, chunks)) == images


def test_what_comes_before_a_break_is_kept() -> None:
    images = parts(TYPE, [body([b"one", b"two"])[:-20]])
    assert next(images) == b"one"
    with pytest.raises(MultipartError, match="ends within a part"):
        next(images)


def test_no_multipart() -> None:
    with pytest.raises(MultipartError, match="text/html"):
        list(parts("text/html", [b"<html>"]))
