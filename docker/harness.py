"""Build the containers, run them, send a synthetic day through, and take everything away again.

``make docker-test``; needs a Docker engine with compose, and .venv (``scripts/venv``). Where no image registry is
reached, make the base image first: ``docker/base-image``. Exit code 0: all of it held.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pika
import requests

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.simulators.images import days_mixture, write_study  # noqa: E402
from tests.simulators.process import free_ports, wait_until  # noqa: E402

PROJECT = "pacs-pull-test"
QUEUE = "pacs-pull.series"
WANTED = {"pull_data_end": 4, "unsupported_series": 2}


def compose_command() -> list[str]:
    """``docker compose``, or the older ``docker-compose``."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        raise SystemExit("no Docker engine answers here (docker info)")
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise SystemExit("no docker compose here: install Docker's compose plugin, or Debian's docker-compose")


class Containers:
    """The services of compose.yaml on free ports of this machine."""

    def __init__(self) -> None:
        self.dicom, self.http, self.amqp, self.pacs = free_ports(4)
        self._environment = {
            **os.environ,
            "DICOM_PORT": str(self.dicom),
            "HTTP_PORT": str(self.http),
            "AMQP_PORT": str(self.amqp),
            "DEMO_PACS_HTTP_PORT": str(self.pacs),
        }
        self._command = [*compose_command(), "-p", PROJECT, "-f", str(ROOT / "docker" / "compose.yaml")]

    def compose(self, *arguments: str) -> str:
        """Run a compose command; what it printed."""
        done = subprocess.run(
            [*self._command, *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"compose {' '.join(arguments)} failed:\n{done.stdout}")
        return done.stdout

    def inside(self, service: str, *command: str) -> str:
        return self.compose("exec", "-T", service, *command).strip()

    def health(self, service: str) -> str:
        container = self.compose("ps", "-q", service).strip()
        form = "{{if .State.Health}}{{.State.Health.Status}}{{end}}"
        return subprocess.check_output(["docker", "inspect", "-f", form, container], text=True).strip()

    def status(self) -> dict[str, Any]:
        """The gateway's status; empty while it does not answer."""
        try:
            told: dict[str, Any] = requests.get(f"http://127.0.0.1:{self.http}/pacs-pull/status", timeout=5).json()
        except requests.RequestException:
            return {}
        return told

    def wait_until_settled(self) -> None:
        """Every study of the day is delivered or refused, and RabbitMQ is reached."""
        wait_until(lambda: self.status().get("studies") == WANTED, 180, f"the states {WANTED}", every=1)


@contextmanager
def running() -> Iterator[Containers]:
    """The containers, built and up; gone with their volumes afterwards, and with their logs told when it went wrong."""
    containers = Containers()
    try:
        say("building")
        containers.compose("build")
        say("starting")
        containers.compose("up", "-d")
        yield containers
    except BaseException:
        print(containers.compose("logs", "--tail=100"), file=sys.stderr)
        raise
    finally:
        containers.compose("down", "-v", "-t", "20")


def main() -> None:
    with running() as containers:
        wait_until(lambda: containers.health("gateway") == "healthy", 120, "a healthy gateway", every=1)
        user = containers.inside("gateway", "id", "-u")
        check(user != "0", f"the gateway runs as user {user}")
        fill(containers)
        containers.wait_until_settled()
        say(f"settled: {json.dumps(containers.status()['studies'])}")
        messages = consume(containers)
        check(len(messages) == WANTED["pull_data_end"], f"{len(messages)} messages")
        for message in messages:
            files = containers.inside("gateway", "ls", message["filepath"]).split()
            check(len(files) == message["numberReceived"] == message["numberInPacs"], f"{message['filepath']} is whole")
        containers.compose("restart", "-t", "30", "gateway")
        containers.wait_until_settled()
        say("the record has survived a restart")
    say("all held")


def fill(containers: Containers) -> None:
    """A tenth of a synthetic day into the demo PACS."""
    pacs = f"http://127.0.0.1:{containers.pacs}"
    number = 0
    with tempfile.TemporaryDirectory() as folder:
        for plan in days_mixture(datetime.now().astimezone().date(), 0.1):
            for file in [] if plan.is_late else write_study(plan, Path(folder)):
                requests.post(f"{pacs}/instances", data=file.read_bytes(), timeout=60).raise_for_status()
                number += 1
    say(f"{number} images in the demo PACS")


def consume(containers: Containers) -> list[dict[str, Any]]:
    """All messages that wait."""
    url = f"amqp://pacs-pull:pacs-pull@127.0.0.1:{containers.amqp}/"
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    messages = []
    while (got := channel.basic_get(QUEUE, auto_ack=True))[2] is not None:
        messages.append(json.loads(got[2]))
    connection.close()
    return messages


def check(is_so: bool, what: str) -> None:
    if not is_so:
        raise SystemExit(f"NOT SO: {what}")
    say(what)


def say(text: str) -> None:
    print(f"docker: {text}", flush=True)


if __name__ == "__main__":
    main()
