"""Real servers as child processes: free ports, readiness, bounded stop, and nothing left behind.

Every server runs in its own folder and its own session, so that signals reach the whole group. One small guard process
watches over all of them: when the process that started the servers ends, however it ends, the guard kills their groups.
(``PR_SET_PDEATHSIG`` would follow the *thread* that started the server and would not reach grandchildren.)
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import Self

LOOPBACK = "127.0.0.1"
PORTS = (10_000, 32_768)


class ServerError(RuntimeError):
    """A server did not start; the text ends with its log."""


def free_ports(count: int) -> list[int]:
    """Return `count` different TCP ports that are free on the loopback address at this moment.

    They lie below those that the kernel gives to outgoing connections, so that none of these takes the port of a
    server that is just being restarted.
    """
    with ExitStack() as held:
        return [_hold_free_port(held) for _ in range(count)]


def _hold_free_port(held: ExitStack) -> int:
    while True:
        port = random.randrange(*PORTS)
        one = socket.socket()
        try:
            one.bind((LOOPBACK, port))
        except OSError:
            one.close()
        else:
            held.enter_context(one)
            return port


def free_port() -> int:
    """Return one TCP port that is free on the loopback address at this moment."""
    return free_ports(1)[0]


def accepts(port: int) -> bool:
    """Whether something listens on this loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def wait_until(condition: Callable[[], object], seconds: float, what: str, every: float = 0.05) -> None:
    """Poll until `condition` is true; `TimeoutError` naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(every)


class _Guard:
    """A child that outlives us just long enough to kill the process groups we leave behind."""

    _SCRIPT = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-ISc", self._SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _tell(self, line: str) -> None:
        if self._process.stdin is None:  # cannot be with stdin=PIPE; said for the type checker
            raise RuntimeError("the guard has no pipe")
        with suppress(BrokenPipeError):
            os.write(self._process.stdin.fileno(), line.encode())

    def add(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def discard(self, group: int) -> None:
        self._tell(f"-{group}\n")


@cache
def _guard() -> _Guard:
    return _Guard()


class ServerProcess:
    """A server in the foreground of its own session, its output in ``folder/<name>.log``.

    `ready` is asked until it is true; `start_seconds` and `stop_seconds` bound the waits. A server that was stopped or
    killed can be started again: same command, same folder, the log goes on.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        folder: Path,
        *,
        ready: Callable[[], bool],
        env: Mapping[str, str] | None = None,
        start_seconds: float = 30,
        stop_seconds: float = 15,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.folder = folder
        self.env = dict(env or {})
        self.log_file = folder / f"{name}.log"
        self._ready = ready
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._group: int | None = None  # process group to clean up; None once that is done

    @property
    def is_running(self) -> bool:
        """Whether the process is there (ready or not)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id, which is the id of its group and session too."""
        if self._process is None:
            raise ServerError(f"{self.name} was never started")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code of the last run, negative for a signal; None while it runs or before it ran."""
        return None if self._process is None else self._process.poll()

    def start(self) -> Self:
        """Start and wait until ready; `ServerError` with the log when it exits first or takes too long."""
        if self.is_running:
            raise ServerError(f"{self.name} is running already (pid {self.pid})")
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._group = self._process.pid
        _guard().add(self._group)
        try:
            self._wait_ready()
        except BaseException:  # also an interrupted test: never leave a half-started server
            self.kill()
            raise
        return self

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + self._start_seconds
        while not self._ready():
            if not self.is_running:
                raise ServerError(f"{self.name} ended with {self.exit_code} while starting; log:\n{self.log_text()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} not ready after {self._start_seconds:g} s; log:\n{self.log_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask politely (SIGTERM), wait, then kill the whole group. Does nothing when it does not run."""
        if self._process is not None and self.is_running:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self._stop_seconds)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole group at once, as a power cut would."""
        if self._process is None or self._group is None:
            return
        self.signal(signal.SIGKILL)
        self._process.wait(self._stop_seconds)
        _guard().discard(self._group)
        self._group = None

    def pause(self) -> None:
        """SIGSTOP: the server hangs, its sockets stay open."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; a group that is gone is no error."""
        if self._group is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._group, number)

    def log_text(self) -> str:
        """What the server has printed since its last start (undecodable bytes replaced)."""
        if not self.log_file.exists():
            return ""
        return self.log_file.read_bytes()[self._log_start :].decode("utf-8", "replace")

    def __enter__(self) -> Self:
        return self if self.is_running else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
