"""A task: which series one algorithm wants, and the rules that say so, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from filters import volume
from filters.header import TEXTS, Header
from filters.kernels import fits
from filters.lexicon import Lexicon
from filters.ranking import Candidate, Ranked, rank
from filters.region import Region, find_region, hear
from filters.verdict import Verdict

Deliver = Literal["Thickest", "All", "Study"]


@dataclass(frozen=True)
class Task:
    """One `[[task]]` of the rules file. Zero, empty and "any" switch a rule off.

    `max_slice_thickness` is in mm. `deliver`: "Thickest" the series ranked first, "All" each surviving series, "Study"
    every surviving image of the study together.
    """

    name: str
    modalities: frozenset[str]
    routing_key: str
    deliver: Deliver
    region_words: Lexicon = field(repr=False, compare=False)
    kind_words: Lexicon = field(repr=False, compare=False)
    contrast_words: Lexicon = field(repr=False, compare=False)
    body_part_examined: Literal["evidence", "veto"] = "evidence"
    pet_ct: Literal["refuse", "keep"] = "keep"
    sop_classes: frozenset[str] = frozenset()
    image_types_refused: frozenset[str] = frozenset()
    window_min_instances: int = 0
    min_instances: int = 0
    max_slice_thickness: float = 0.0
    thin_min_instances: int = 0
    thin_by: Literal["thickness", "count", "either", "both"] = "thickness"
    contrast: Literal["any", "with", "without"] = "any"
    kernels_wanted: tuple[str, ...] = ()
    kernels_refused: tuple[str, ...] = ()
    kernels_preferred: tuple[str, ...] = ()

    def judge(self, header: Header) -> Verdict:
        """Apply the rules in order; the first that refuses gives the reason."""
        region = find_region(header, self.region_words, self.body_part_examined == "veto", self.window_min_instances)
        if not region.is_wanted:
            return self._verdict(header, *_refused_region(self, header), region.is_certain)
        for rule in RULES:
            reason = rule.check(self, header)
            if reason is not None:
                return self._verdict(header, rule.name, reason)
        return Verdict(True, self.name, None, _kept_reason(region), header.evidence())

    def _verdict(self, header: Header, rule: str, reason: str, is_certain: bool = True) -> Verdict:
        return Verdict(False, self.name, rule, f"filter because {reason}", header.evidence(), is_certain)

    def rank(self, candidates: Sequence[Candidate]) -> list[Ranked]:
        """Order surviving series; the first is the one to deliver when `deliver` is "Thickest"."""
        return rank(candidates, self.kernels_preferred)


def _refused_region(task: Task, header: Header) -> tuple[str, str]:
    """Rule and text: BodyPartExamined where it says something else, else all texts that were read."""
    body_part = header.text("BodyPartExamined")
    if body_part and hear(task.region_words, body_part)[0] != "wanted":
        return "body_part_examined", f"BodyPartExamined {body_part}"
    return "region", " ".join(f"{keyword}:{header.text(keyword)}" for keyword in TEXTS)


def _kept_reason(region: Region) -> str:
    if region.hit is None or region.keyword is None:
        return "kept"
    repaired = f", found in repaired text ({region.hit.encoding})" if region.hit.encoding else ""
    return f"kept: {region.keyword} has {region.hit.word!r}{repaired}"


def _kernel(task: Task, header: Header) -> str | None:
    kernel = header.text("ConvolutionKernel")
    if not kernel:
        return None
    if task.kernels_refused and any(fits(pattern, kernel) for pattern in task.kernels_refused):
        return f"ConvolutionKernel {kernel}"
    if task.kernels_wanted and not any(fits(pattern, kernel) for pattern in task.kernels_wanted):
        return f"ConvolutionKernel {kernel}"
    return None


def _few_images(task: Task, header: Header) -> str | None:
    count = header.instances()
    if task.min_instances and count is not None and count < task.min_instances:
        return f"instance nums {count} < {task.min_instances}"
    return None


def _thin(task: Task, header: Header) -> str | None:
    """Each known value votes thin or thick; `thin_by` says whose vote counts. Unknown values do not vote."""
    thickness, count = header.number("SliceThickness"), header.instances()
    votes: list[tuple[bool, str]] = []
    if task.max_slice_thickness and task.thin_by != "count" and thickness is not None and thickness > 0:
        votes.append((thickness <= task.max_slice_thickness, f"SliceThickness {thickness:g}"))
    if task.thin_min_instances and task.thin_by != "thickness" and count is not None:
        votes.append((count >= task.thin_min_instances, f"instance nums {count} < {task.thin_min_instances}"))
    thick = [reason for is_thin, reason in votes if not is_thin]
    if not thick or (task.thin_by == "either" and len(thick) < len(votes)):
        return None
    return thick[0]


def _contrast(task: Task, header: Header) -> str | None:
    text = header.text("SeriesDescription")
    if task.contrast == "any" or not text:
        return None
    reading = task.contrast_words.read(text)
    has = reading.first("contrast") is not None and reading.first("no_contrast") is None
    return None if has == (task.contrast == "with") else f"SeriesDescription {text}"


def _pet(task: Task, header: Header) -> str | None:
    return None if task.pet_ct == "keep" else volume.word(task, header, "SeriesDescription", ("attenuation",))


class Rule(NamedTuple):
    """A named check: the attributes it reads, and a function that gives the reason to refuse, or None."""

    name: str
    keywords: tuple[str, ...]
    check: Callable[[Task, Header], str | None]


RULES: Final = (
    Rule("sop_class", ("SOPClassUID",), volume.sop_class),
    Rule("image_type", ("ImageType",), volume.image_type),
    Rule("few_images", ("NumberOfSeriesRelatedInstances", "NumberOfFrames"), _few_images),
    Rule("volume_words", ("SeriesDescription", "ImageComments"), volume.words),
    Rule("pet_ct", ("SeriesDescription",), _pet),
    Rule("thin_slices", ("SliceThickness", "NumberOfSeriesRelatedInstances"), _thin),
    Rule("contrast", ("SeriesDescription",), _contrast),
    Rule("kernel", ("ConvolutionKernel",), _kernel),
)
"""The rules after modality and region, in the order in which they are asked."""
