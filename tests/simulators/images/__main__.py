"""Write the studies of a synthetic day into a folder."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tests.simulators.images import days_mixture, write_study


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.images", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--day", type=date.fromisoformat, default=date.today(), help="YYYY-MM-DD (default today)")  # noqa: DTZ011 - the hospital's day
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the number of images (default 1)")
    parser.add_argument("--late", action="store_true", help="only the images that reach the PACS late")
    options = parser.parse_args(arguments)
    for plan in days_mixture(options.day, options.scale):
        if plan.is_late == options.late:
            paths = write_study(plan, options.folder)
            print(f"{plan.accession_number} {plan.study_instance_uid} {len(paths)} images")
    return 0


if __name__ == "__main__":
    sys.exit(main())
