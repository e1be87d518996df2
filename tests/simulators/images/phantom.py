"""Pixels that look a little like a chest, made once for each size and used again."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

PHASES = 16  # phantoms made for one size; slices go through them to and fro


def pixels(is_slice: bool, rows: int, columns: int, number: int) -> bytes:
    """PixelData of image `number`: 12 bits in 16, little endian; a slice of a body, or a projection through it."""
    turn = number % (2 * PHASES - 2)
    return _phantom(is_slice, rows, columns, min(turn, 2 * PHASES - 2 - turn))


@lru_cache(maxsize=64)
def _phantom(is_slice: bool, rows: int, columns: int, phase: int) -> bytes:
    """A body with two lungs and a spine, 12 bits stored in 16; the lungs grow and shift with the phase."""
    y, x = np.mgrid[-1.0 : 1.0 : rows * 1j, -1.0 : 1.0 : columns * 1j]
    lung = 0.16 + 0.10 * phase / PHASES
    air, tissue, bone = (24, 1064, 1900) if is_slice else (3600, 2200, 3200)
    lungs = 174 if is_slice else 900
    image = np.full((rows, columns), air, dtype=np.float32)
    image[_ellipse(x, y, 0.0, 0.0, 0.85, 0.62 if is_slice else 0.95)] = tissue
    height = 1.25 * lung if is_slice else 2.6 * lung
    for side in (-1, 1):
        image[_ellipse(x, y, side * 0.40, -0.06 + 0.004 * phase, lung, height)] = lungs
    image[_ellipse(x, y, 0.0, 0.42 if is_slice else 0.1, 0.10, 0.10 if is_slice else 0.85)] = bone
    noise = np.random.default_rng(phase).normal(0.0, 12.0, (rows, columns)).astype(np.float32)
    data: bytes = np.clip(image + noise, 0, 4095).astype("<u2").tobytes()
    return data


def _ellipse(
    x: NDArray[np.float64], y: NDArray[np.float64], left: float, top: float, width: float, height: float
) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = ((x - left) / width) ** 2 + ((y - top) / height) ** 2 <= 1.0
    return inside
