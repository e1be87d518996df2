"""The machine's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime


class SystemClock:
    """Aware UTC for times; the machine's own time zone for "today", since a PACS dates its studies in local time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return datetime.now().astimezone().date()
