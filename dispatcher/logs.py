"""``dispatcher.log``: one line an event, with the ids by which people grep; of the same make as the gateway's log."""

import logging
import logging.handlers
import re
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

FORMAT = "%(asctime)s.%(msecs)03d %(levelname)s %(ids)s%(message)s"
LABELS = ("patientID", "accessionNumber", "studyInstanceUID", "seriesInstanceUID")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SECRET = re.compile(r"(\w+://[^:/@\s]+):[^@\s]+@")

StudyLog = logging.LoggerAdapter[logging.Logger]


def study_log(ids: Iterable[str]) -> StudyLog:
    """A logger for lines about one study: PatientID, AccessionNumber, StudyInstanceUID, SeriesInstanceUID."""
    return logging.LoggerAdapter(logging.getLogger("dispatcher.study"), {"ids_of": tuple(ids)})


class LineFormatter(logging.Formatter):
    """One line an event. Ids that the text does not hold itself are put before it; passwords in URLs are ``***``."""

    def __init__(self) -> None:
        super().__init__(FORMAT, "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        ids_of: tuple[str, ...] = getattr(record, "ids_of", ())
        missing = [
            f"{label}={value}" for label, value in zip(LABELS, ids_of, strict=False) if value and value not in text
        ]
        record.ids = f"[{' '.join(missing)}] " if missing else ""
        line = _CONTROL.sub(" | ", super().format(record).rstrip())
        return _SECRET.sub(r"\1:***@", line)


def open_log(file: Path, level: str, max_bytes: int, backup_count: int) -> None:
    """Write to a rotated UTF-8 file and to the standard error stream, and have dying threads say why.

    :raises OSError: where the file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [
        logging.handlers.RotatingFileHandler(
            file, maxBytes=max_bytes, backupCount=backup_count, encoding="utf-8", errors="backslashreplace"
        ),
        logging.StreamHandler(sys.stderr),
    ]
    logger = logging.getLogger("dispatcher")
    for handler in handlers:
        handler.setFormatter(LineFormatter())
    logger.handlers = handlers
    logger.setLevel(level)
    logger.propagate = False
    threading.excepthook = _thread_died


def _thread_died(death: threading.ExceptHookArgs) -> None:
    name = death.thread.name if death.thread else "a thread"
    trace = (death.exc_type, death.exc_value or death.exc_type(), death.exc_traceback)
    logging.getLogger("dispatcher").error("%s died of %s", name, death.exc_type.__name__, exc_info=trace)
