"""Convolution kernels by pattern: `B60*`, `LUNG`, `FC5?`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


def fits(pattern: str, kernel: str) -> bool:
    r"""True when the pattern fits the whole kernel or one of its values (Siemens writes `I70f\3`); case is ignored."""
    values = (kernel.upper(), *kernel.upper().split("\\"))
    return any(fnmatchcase(value, pattern.upper()) for value in values)


def place(patterns: Sequence[str], kernel: str) -> int:
    """The place of the first pattern that fits; the number of patterns when none does."""
    return next((i for i, pattern in enumerate(patterns) if fits(pattern, kernel)), len(patterns))
