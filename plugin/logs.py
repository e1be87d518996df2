"""``orthanc-python.log``: one line an event, with the ids by which people grep."""

from __future__ import annotations

import logging
import logging.handlers
import re
from collections.abc import Callable, Iterable
from pathlib import Path

NAMES = ("plugin", "filters")
FORMAT = "%(asctime)s.%(msecs)03d %(levelname)s %(ids)s%(message)s"
LABELS = ("patientID", "accessionNumber", "studyInstanceUID", "seriesInstanceUID")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SECRET = re.compile(r"(\w+://[^:/@\s]*):\S+@")


def study_log(ids: Iterable[str]) -> logging.LoggerAdapter[logging.Logger]:
    """A logger for lines about one study: PatientID, AccessionNumber, StudyInstanceUID, perhaps SeriesInstanceUID."""
    return logging.LoggerAdapter(logging.getLogger("plugin.study"), {"ids_of": tuple(ids)})


def without_passwords(text: str) -> str:
    """The text with the password of each URL in it as ``***``."""
    return _SECRET.sub(r"\1:***@", text)


class LineFormatter(logging.Formatter):
    """One line an event. Ids that the text does not hold itself are put before it; passwords in URLs are ``***``."""

    def __init__(self) -> None:
        super().__init__(FORMAT, "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        ids_of: tuple[str, ...] = getattr(record, "ids_of", ())
        missing = [
            f"{label}={value}"
            for label, value in zip(LABELS, ids_of, strict=False)
            if value and not _holds(text, value)
        ]
        record.ids = f"[{' '.join(missing)}] " if missing else ""
        line = _CONTROL.sub(" | ", super().format(record).rstrip())
        return without_passwords(line)


def _holds(text: str, value: str) -> bool:
    """Whether the text has the value as a word of its own: a study's UID is often the beginning of its series'."""
    start = text.find(value)
    while start >= 0:
        end = start + len(value)
        if not any(
            around.isalnum() or around == "." for around in (text[max(start - 1, 0) : start], text[end : end + 1])
        ):
            return True
        start = text.find(value, start + 1)
    return False


def open_log(
    file: Path, level: str, max_bytes: int, backup_count: int, also: Callable[[str], None] | None = None
) -> None:
    """Write our loggers to a rotated UTF-8 file; warnings and errors go to ``also`` too (Orthanc's own log).

    :raises OSError: where the file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [
        logging.handlers.RotatingFileHandler(
            file, maxBytes=max_bytes, backupCount=backup_count, encoding="utf-8", errors="backslashreplace"
        )
    ]
    if also is not None:
        handlers.append(_Also(also))
    for handler in handlers:
        handler.setFormatter(LineFormatter())
    for name in NAMES:
        logger = logging.getLogger(name)
        logger.handlers = list(handlers)
        logger.setLevel(level)
        logger.propagate = False


class _Also(logging.Handler):
    """Passes warnings and errors on to a function."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(self.format(record))
        except Exception:  # noqa: BLE001 - whatever cannot be logged must not stop what was being done
            self.handleError(record)
