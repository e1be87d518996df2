"""Serve a folder of DICOM files as a PACS, with the faults that are asked for."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from tests.simulators.pacs import COUNT_KEYS, Faults, SimulatedPacs


def _destination(text: str) -> tuple[str, tuple[str, int]]:
    ae_title, _, address = text.partition("=")
    host, _, port = address.rpartition(":")
    if not (ae_title and host and port.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected AET=HOST:PORT, found {text!r}")
    return ae_title, (host, int(port))


def _words(text: str) -> frozenset[str]:
    words = frozenset(filter(None, text.split(",")))
    return (words - {"COUNTS"}) | COUNT_KEYS if "COUNTS" in words else words


def _escaped(text: str) -> str:
    return text.encode().decode("unicode_escape")


def _integer(text: str) -> int:
    return int(text, 0)


# By the annotation of the field in Faults
FAULT_TYPES: dict[Any, Any] = {
    frozenset[str]: _words,
    int: _integer,
    int | None: _integer,
    float: float,
    float | None: float,
    str: _escaped,
    str | None: str,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.pacs", description=__doc__)
    parser.add_argument("folder", type=Path, help="DICOM files to serve; what is pushed goes to FOLDER/received")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=4242, help="default %(default)s; 0 takes a free one")
    parser.add_argument("--aet", default="PACS", help="AE title (default %(default)s)")
    parser.add_argument(
        "--move", type=_destination, action="append", default=[], metavar="AET=HOST:PORT", help="a C-MOVE destination"
    )
    group = parser.add_argument_group("faults", "lists are separated by commas, times are in seconds")
    for one in fields(Faults):
        option, meaning = "--" + one.name.replace("_", "-"), one.metadata["help"].replace("%", "%%")
        if one.type is bool:
            group.add_argument(option, action="store_true", help=meaning)
        else:
            convert = FAULT_TYPES[one.type]
            group.add_argument(option, type=convert, default=one.default, metavar="VALUE", help=meaning)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if not options.folder.is_dir():
        print(f"{options.folder} is not a folder", file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    faults = Faults(**{one.name: getattr(options, one.name) for one in fields(Faults)})
    pacs = SimulatedPacs(
        options.folder,
        port=options.port,
        host=options.host,
        ae_title=options.aet,
        moves=dict(options.move),
        faults=faults,
    )
    with pacs:
        print(f"{pacs.ae_title} listens on {pacs.host}:{pacs.port}", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
