"""A private RabbitMQ broker: own ports, node name, data, cookie and epmd; needs no rights and touches nothing else.

Works with Debian's rabbitmq-server 3.10 and with newer ones. Debian's wrapper ``/usr/sbin/rabbitmq-server`` switches to
the user ``rabbitmq``; the scripts it wraps are used here instead, as whoever runs the tests, root included.
"""

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

from tests.simulators.process import LOOPBACK, ServerError, ServerProcess, accepts, free_port, free_ports

_SCRIPT_FOLDERS = (
    Path("/usr/lib/rabbitmq/bin"),  # Debian, Ubuntu, the broker's own .deb and .rpm
    Path("/opt/rabbitmq/sbin"),  # the official container image
    Path("/usr/local/sbin"),
)
_AMQP_0_9_1 = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"
_NAMES = '{lookup, [file, native]}.\n{host, {127,0,0,1}, ["localhost"]}.\n'
"""For Erlang's resolver: a bare machine may have no /etc/hosts, and then nobody knows localhost."""
_LOOPBACK_DISTRIBUTION = "-kernel inet_dist_use_interface {127,0,0,1}"


def _scripts() -> Path | None:
    return next((folder for folder in _SCRIPT_FOLDERS if (folder / "rabbitmq-server").exists()), None)


def available() -> str | None:
    """Return None when a broker can be started here, else the reason why not, for a skip or an error."""
    if _scripts() is None:
        return "no RabbitMQ server here: install rabbitmq-server"
    if shutil.which("epmd") is None or shutil.which("erl") is None:
        return "no Erlang here (erl and epmd on PATH): install rabbitmq-server"
    return None


class Epmd(ServerProcess):
    """Erlang's port mapper in the foreground; the nodes of one cluster share one."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._nodes: set[str] = set()
        command = ["epmd", "-port", str(self.port), "-address", LOOPBACK]
        super().__init__("epmd", command, folder, ready=lambda: accepts(self.port), start_seconds=10)

    def acquire(self, node: str) -> None:
        """Run for this node."""
        if not self.is_running:
            self.start()
        self._nodes.add(node)

    def release(self, node: str) -> None:
        """This node is gone; stop when it was the last."""
        self._nodes.discard(node)
        if not self._nodes:
            self.stop()


class RabbitMQ(ServerProcess):
    """One broker node whose whole world is `folder`; messages and queues there survive `kill` and `start`.

    The user is guest/guest, the virtual host ``/``, there are no plugins, and everything listens on 127.0.0.1 only.
    Ready (about 3 s) means that it answers the AMQP handshake.
    """

    def __init__(self, folder: Path) -> None:
        reason = available()
        scripts = _scripts()
        if reason or scripts is None:
            raise ServerError(reason or "no RabbitMQ server here")
        self.port, self._distribution_port = free_ports(2)
        # Erlang finds a node's data by its name: the same folder must give the same name, another folder another one.
        self.node = f"rabbit-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}@localhost"
        self._scripts = scripts
        self._epmd = Epmd(folder)
        super().__init__(
            "rabbitmq", [scripts / "rabbitmq-server"], folder, ready=self._is_ready, start_seconds=90, stop_seconds=30
        )

    @property
    def url(self) -> str:
        """AMQP URL of this node."""
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}/"

    def start(self) -> Self:
        """Start this node, and epmd before it where needed."""
        self._write_files()
        self._epmd.acquire(self.node)
        self.env = self._environment()
        return super().start()

    def kill(self) -> None:
        """SIGKILL to the node (`stop` ends here too); epmd goes with its last node."""
        super().kill()
        self._epmd.release(self.node)

    def ctl(self, *arguments: str, seconds: float = 60) -> str:
        """Run ``rabbitmqctl`` against this node and return what it printed; `ServerError` when it fails."""
        command = [str(self._scripts / "rabbitmqctl"), "--node", self.node, *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self._environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            text=True,
        )
        if done.returncode != 0:
            raise ServerError(f"rabbitmqctl {' '.join(arguments)} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def join_cluster(self, other: "RabbitMQ") -> None:
        """Make this node, whose own data is lost by it, a member of the cluster of `other`, which must run.

        Nodes of one cluster share a cookie and an epmd; a node that runs is restarted for it.
        """
        self.stop()
        self._epmd = other._epmd
        self.folder.mkdir(parents=True, exist_ok=True)
        self._cookie_file.unlink(missing_ok=True)
        shutil.copy2(other._cookie_file, self._cookie_file)
        self.start()
        for step in (("stop_app",), ("reset",), ("join_cluster", other.node), ("start_app",)):
            self.ctl(*step)

    @property
    def _cookie_file(self) -> Path:
        return self.folder / ".erlang.cookie"

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._cookie_file.exists():
            self._cookie_file.touch(0o600)
            self._cookie_file.write_text(secrets.token_hex(16))
        self.folder.joinpath("enabled_plugins").write_text("[].\n")
        self.folder.joinpath("inetrc").write_text(_NAMES)
        self.folder.joinpath("rabbitmq.conf").write_text(
            f"listeners.tcp.default = {LOOPBACK}:{self.port}\n"
            "disk_free_limit.absolute = 10MB\n"
            "vm_memory_high_watermark.absolute = 512MB\n"
        )

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "ERL_INETRC": str(self.folder / "inetrc"),
            "ERL_EPMD_PORT": str(self._epmd.port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _LOOPBACK_DISTRIBUTION,
            "RABBITMQ_CTL_ERL_ARGS": _LOOPBACK_DISTRIBUTION,
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "rabbitmq.pid"),
            # The script then becomes the Erlang VM instead of staying its parent: signals and exit codes are the VM's.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _is_ready(self) -> bool:
        """A listening port is not enough: wait for the first frame (connection.start) of the handshake."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as client:
                client.sendall(_AMQP_0_9_1)
                return client.recv(1) == _METHOD_FRAME
        except OSError:
            return False
