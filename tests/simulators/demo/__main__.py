"""The demo: see each study of a PACS being found, pulled, filtered and handed over, and why.

Everything runs on this machine, on free ports, below .demo in the repository, and ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from tests.simulators.demo.play import Play
from tests.simulators.demo.screen import Screen
from tests.simulators.demo.stage import Stage
from tests.simulators.process import ServerError

ROOT = Path(__file__).resolve().parents[3]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.demo", description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, help="folder of DICOM files (default: a synthetic day)")
    parser.add_argument(
        "--once", action="store_true", help="end when every study has settled; exit code 1: one has not"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo", help="where everything is kept (default .demo)")
    options = parser.parse_args()
    if options.data is not None and not options.data.is_dir():
        parser.error(f"{options.data} is not a folder")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, signal.default_int_handler)
    screen = Screen()
    try:
        with Stage(options.folder.resolve()) as stage:
            code = Play(stage, screen).run(options.data, options.once)
            screen.say("Stopping …")
            return code
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        screen.say(
            f"Nothing runs any more. Logs, record and hand-over folder stay in {options.folder} until next time."
        )
        return 0


if __name__ == "__main__":
    sys.exit(main())
