"""``python -m dispatcher [--config FILE]``: runs until SIGTERM or SIGINT. Exit code 2: settings that cannot be used."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from dispatcher.configuration import PREFIX, load
from dispatcher.errors import ConfigError, LedgerError
from dispatcher.ledger import Ledger
from dispatcher.logs import open_log
from dispatcher.service import Service

ROOT = Path(__file__).absolute().parents[1]
DEFAULT_FILE = ROOT / "config" / "dispatcher.toml"
BAD_SETTINGS = 2

log = logging.getLogger("dispatcher")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m dispatcher", description="PACS Pull: from the queue to the back end."
    )
    parser.add_argument(
        "--config",
        type=Path,
        help=f"TOML or JSON file (default: config/dispatcher.toml where it exists); {PREFIX}… overrides it",
    )
    file = parser.parse_args().config or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    try:
        settings = load(file, os.environ, ROOT)
        open_log(settings.log.file, settings.log.level, settings.log.max_bytes, settings.log.backup_count)
        ledger = Ledger(settings.ledger.file)
    except (ConfigError, LedgerError, OSError) as error:
        print(error, file=sys.stderr)
        return BAD_SETTINGS
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    backend = settings.backend
    log.info("started: %s to %s, %d workers", backend.mode, backend.url.partition("?")[0], settings.workers)
    Service(settings, ledger, stop).run()
    ledger.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
