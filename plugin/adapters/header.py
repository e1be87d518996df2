"""A series header as the rules read it: DICOM keywords to plain values, and nothing of the patient."""

from __future__ import annotations

from collections.abc import Mapping

from filters.header import READ

KEYWORDS = tuple(keyword for keyword in READ if keyword != "NumberOfSeriesRelatedInstances")
"""What is asked for and read; all of it describes the images. Counts are our own business."""


def rules_header(tags: Mapping[str, object]) -> dict[str, object]:
    """The header out of simplified tags; a keyword that is absent there is absent here."""
    header = {keyword: tags[keyword] for keyword in KEYWORDS if keyword in tags}
    image_type = header.get("ImageType")
    if isinstance(image_type, str):
        header["ImageType"] = [value.strip() for value in image_type.split("\\")] if image_type else []
    return header
