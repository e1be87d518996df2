"""Which of several surviving series of a study goes to the algorithm, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from filters.header import Header
from filters.kernels import place


@dataclass(frozen=True)
class Candidate:
    """A surviving series: its UID, the images counted, its header by DICOM keywords."""

    series_instance_uid: str
    instances: int
    header: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate in its place. `why` compares it with the next one; for the last it says why the one before won."""

    candidate: Candidate
    why: str


@dataclass(frozen=True, slots=True)
class _Key:
    images: int
    thickness: float
    kernel: int
    number: float
    uid: str

    def order(self) -> tuple[int, float, int, float, str]:
        return (-self.images, self.thickness, self.kernel, self.number, self.uid)


def rank(candidates: Sequence[Candidate], kernels_preferred: Sequence[str] = ()) -> list[Ranked]:
    """Most images first; then thinner, then the kernel listed earlier, then the lower series number, then the UID."""
    keyed = sorted(((_key(c, kernels_preferred), c) for c in candidates), key=lambda pair: pair[0].order())
    ranked = []
    for position, (key, candidate) in enumerate(keyed):
        if len(keyed) == 1:
            why = "the only one"
        elif position == 0:
            why = f"preferred over {keyed[1][1].series_instance_uid} because {_because(key, keyed[1][0])}"
        else:
            best, first = keyed[0]
            why = f"{first.series_instance_uid} preferred because {_because(best, key)}"
        ranked.append(Ranked(candidate, why))
    return ranked


def _key(candidate: Candidate, kernels_preferred: Sequence[str]) -> _Key:
    header = Header(candidate.header)
    thickness, number = header.number("SliceThickness"), header.number("SeriesNumber")
    return _Key(
        images=candidate.instances * max(1, int(min(header.number("NumberOfFrames") or 1, 1e6))),
        thickness=thickness if thickness is not None and thickness > 0 else math.inf,
        kernel=place(kernels_preferred, header.text("ConvolutionKernel")),
        number=number if number is not None else math.inf,
        uid=candidate.series_instance_uid,
    )


def _because(best: _Key, other: _Key) -> str:
    if best.images != other.images:
        return f"it has more images ({best.images} against {other.images})"
    if best.thickness != other.thickness:
        return f"it is thinner ({best.thickness:g} mm against {_mm(other.thickness)})"
    if best.kernel != other.kernel:
        return "its kernel is preferred"
    if best.number != other.number:
        return f"its series number is lower ({best.number:g})"
    return "its UID sorts first"


def _mm(thickness: float) -> str:
    return f"{thickness:g} mm" if math.isfinite(thickness) else "unknown"
