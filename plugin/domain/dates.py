"""Dates and times of DICOM (PS3.5 6.2: DA, TM) as ISO text."""

from __future__ import annotations

import re

_DATE = re.compile(r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)")
_TIME = re.compile(r"(\d\d):?(\d\d):?(\d\d)?")


def iso_date(text: str) -> str:
    """DICOM DA ``20200612`` as ``2020-06-12``; empty where it is none."""
    match = _DATE.match(text.strip())
    return "-".join(match.groups()) if match else ""


def iso_time(text: str) -> str:
    """DICOM TM ``080626.123`` as ``08:06:26``; empty where it is none."""
    match = _TIME.match(text.strip())
    return f"{match[1]}:{match[2]}:{match[3] or '00'}" if match else ""
