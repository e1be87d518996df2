"""The misbehaviours of a simulated PACS: each a switch, alone or together with others."""

from dataclasses import dataclass, field
from typing import Any

COUNT_KEYS = frozenset(
    {
        "NumberOfPatientRelatedStudies",
        "NumberOfPatientRelatedSeries",
        "NumberOfPatientRelatedInstances",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
        "NumberOfSeriesRelatedInstances",
    }
)
INSTANCE_COUNT_KEYS = frozenset(key for key in COUNT_KEYS if key.endswith("RelatedInstances"))


def _fault(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What this PACS does wrong. The default does nothing wrong. Times are in seconds."""

    # Finding
    unanswered_keys: frozenset[str] = _fault(frozenset(), "keys never answered; COUNTS stands for every NumberOf… key")
    count_error: int = _fault(0, "added to every count of images (never below 0)")
    counts_change: bool = _fault(False, "every answer counts one image more than the last, for ever")
    answer_cap: int | None = _fault(None, "so many answers to a query at most")
    cap_status: int = _fault(0x0000, "final status of a capped query: 0x0000 is silent, 0xA700 says out of resources")
    ignored_keys: frozenset[str] = _fault(frozenset(), "keys whose values do not filter")
    find_levels: frozenset[str] = _fault(
        frozenset(), "the only levels that may be asked (empty: all); others get 0xA900"
    )
    image_level_needs_series: bool = _fault(False, "IMAGE level is refused (0xA900) without SeriesInstanceUID")
    empty_uids_of: frozenset[str] = _fault(frozenset(), "StudyInstanceUIDs that are answered as empty")
    uid_padding: str = _fault("", "put behind every UID answered, such as spaces or NULs")
    strict_uids: bool = _fault(False, "a UID is matched only as it was answered, with its padding")
    text_encoding: str = _fault(
        "", "texts are answered in this Python codec (gb18030, shift_jis, …), whatever is declared"
    )
    declared_character_set: str | None = _fault(None, "SpecificCharacterSet answered; empty: none declared")
    duplicate_answers: bool = _fault(False, "every answer comes twice")
    clock_offset_hours: float = _fault(0.0, "added to StudyDate and StudyTime, for matching and in answers")
    delay_per_answer: float = _fault(0.0, "wait before each answer")

    # Retrieving
    move_levels: frozenset[str] = _fault(frozenset(), "the only levels that may be retrieved (empty: all)")
    unknown_destination: bool = _fault(False, "every move destination is unknown (0xA801)")
    missing_last: int = _fault(0, "so many images at the end of each retrieve are not sent, and success is said")
    missing_uids: frozenset[str] = _fault(frozenset(), "SOPInstanceUIDs never sent, and success is said")
    final_status: int = _fault(0x0000, "final status of a retrieve, such as 0xB000: what was sent stays sent")
    success_before_images: float | None = _fault(None, "C-MOVE says success at once; the images follow so much later")
    drop_after_images: int | None = _fault(None, "the association is aborted after so many images of a retrieve")
    duplicate_images: bool = _fault(False, "every image is sent twice")
    delay_per_image: float = _fault(0.0, "wait before each image")
    retrieves_affected: int | None = _fault(
        None, "retrieve faults hold for the first so many retrieves of a study only (unset: always)"
    )

    # The whole server
    mute: frozenset[str] = _fault(frozenset(), "never answers: association, echo, find, move, get")
    images_per_second: float | None = _fault(
        None, "each series shows one image at start and grows by so many images a second"
    )
    max_associations: int | None = _fault(None, "further associations are rejected (local limit exceeded)")


HONEST = Faults()
