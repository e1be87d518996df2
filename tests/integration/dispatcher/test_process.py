"""The server processes that integration tests and the demo stand on: bounded, restartable, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.simulators.process import ServerError, ServerProcess, accepts, free_port, free_ports, wait_until

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
SERVER = "import sys, http.server as h; h.test(h.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"
WITH_CHILD = (
    "import subprocess, sys, time; p = subprocess.Popen(['sleep', '1000']); print('child', p.pid, flush=True); "
)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def http_server(folder: Path) -> ServerProcess:
    port = free_port()
    return ServerProcess("http", [sys.executable, "-c", SERVER, str(port)], folder, ready=lambda: accepts(port))


def parent(folder: Path, code: str, start_seconds: float = 30, stop_seconds: float = 15) -> ServerProcess:
    process = ServerProcess(
        "parent",
        [sys.executable, "-c", WITH_CHILD + code],
        folder,
        ready=lambda: "child" in process.log_text(),
        start_seconds=start_seconds,
        stop_seconds=stop_seconds,
    )
    return process


def child_of(process: ServerProcess) -> int:
    return int(process.log_text().split()[1])


def test_ports_are_different_and_free() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert not any(accepts(port) for port in ports)


def test_start_stop_start_in_its_own_folder(tmp_path: Path) -> None:
    server = http_server(tmp_path / "new")
    with server:
        assert os.getsid(server.pid) == os.getpgid(server.pid) == server.pid != os.getsid(0)
        assert Path(f"/proc/{server.pid}/cwd").resolve() == tmp_path / "new"
        with pytest.raises(ServerError, match="is running already"):
            server.start()
    assert not server.is_running
    assert server.exit_code == -signal.SIGTERM
    server.stop()
    server.start().kill()
    assert server.exit_code == -signal.SIGKILL


def test_paused_and_resumed_and_stopped_while_paused(tmp_path: Path) -> None:
    with http_server(tmp_path) as server:
        server.pause()
        wait_until(lambda: ") T " in Path(f"/proc/{server.pid}/stat").read_text(), 5, "the pause")
        server.resume()
        wait_until(lambda: ") T " not in Path(f"/proc/{server.pid}/stat").read_text(), 5, "the end of the pause")
        server.pause()
        before = time.monotonic()
        server.stop()
        assert time.monotonic() - before < 5


def test_a_start_that_fails_shows_the_log(tmp_path: Path) -> None:
    broken = ServerProcess("broken", [sys.executable, "-c", "print('because'); exit(3)"], tmp_path, ready=lambda: False)
    with pytest.raises(ServerError, match=r"(?s)broken ended with 3 while starting; log:\nbecause"):
        broken.start()
    slow = parent(tmp_path, "time.sleep(1000)", start_seconds=0.5)
    slow._ready = lambda: False
    with pytest.raises(ServerError, match=r"(?s)not ready after 0.5 s; log:\nchild"):
        slow.start()
    wait_until(lambda: not is_alive(child_of(slow)), 5, "the end of the child")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_children_go_too(tmp_path: Path, how: str) -> None:
    process = parent(tmp_path, "time.sleep(1000)").start()
    child = child_of(process)
    getattr(process, how)()
    wait_until(lambda: not is_alive(child), 5, "the end of the child")


def test_a_stop_that_is_ignored_becomes_a_kill(tmp_path: Path) -> None:
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(1000)"
    process = parent(tmp_path, code, stop_seconds=0.3).start()
    wait_until(lambda: "deaf" in process.log_text(), 5, "deafness")
    process.stop()
    assert process.exit_code == -signal.SIGKILL


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "sys.exit(0)", "os._exit(1)"])
def test_nothing_is_left_when_the_starter_dies(tmp_path: Path, end: str) -> None:
    starter = (
        "import os, sys, threading\nfrom pathlib import Path\n"
        "from tests.integration.dispatcher.test_process import parent, child_of\n"
        f"p = parent(Path({str(tmp_path)!r}), 'time.sleep(1000)')\n"
        "t = threading.Thread(target=p.start); t.start(); t.join()\n"  # its thread ends before the starter does
        f"print(p.pid, child_of(p), flush=True)\nassert p.is_running\n{end}"
    )
    done = subprocess.run(
        [sys.executable, "-c", starter], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2, done.stderr
    wait_until(lambda: not any(is_alive(pid) for pid in pids), 5, "the guard's work")
