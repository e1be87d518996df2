"""AMQPS: the broker's certificate is checked against the CA file that is set."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.adapters.rabbitmq import RabbitMQ as Adapter
from plugin.adapters.rabbitmq import Topology
from plugin.domain.study import Outgoing
from plugin.errors import BrokerAwayError
from tests.requirements import require
from tests.simulators import rabbitmq
from tests.simulators.process import LOOPBACK, free_port
from tests.simulators.rabbitmq import RabbitMQ

TOPOLOGY = Topology("tls", "tls.series", "classic", frozenset({"chest-ct"}))
MESSAGE = Outgoing("one", "chest-ct", 4, {"studyUID": "1.2", "seriesUID": "1.2.3"})


class TlsRabbitMQ(RabbitMQ):
    """A broker that listens with TLS too; `ca_file` has signed its certificate."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tls_port = free_port()
        self.ca_file = folder / "ca.pem"

    def _write_files(self) -> None:
        super()._write_files()
        if not self.ca_file.exists():
            certify(self.folder)
        with self.folder.joinpath("rabbitmq.conf").open("a") as configuration:
            configuration.write(
                f"listeners.ssl.default = {LOOPBACK}:{self.tls_port}\n"
                f"ssl_options.cacertfile = {self.ca_file}\n"
                f"ssl_options.certfile = {self.folder / 'server.pem'}\n"
                f"ssl_options.keyfile = {self.folder / 'server.key'}\n"
                "ssl_options.verify = verify_none\n"
            )


def certify(folder: Path) -> None:
    """A CA of our own, and a certificate for localhost."""
    (folder / "names").write_text(f"subjectAltName = IP:{LOOPBACK}, DNS:localhost\n")
    new = "openssl req -newkey rsa:2048 -nodes"
    for command in (
        f"{new} -x509 -days 2 -subj /CN=ca -keyout ca.key -out ca.pem",
        f"{new} -subj /CN=localhost -keyout server.key -out server.csr",
        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out server.pem",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRabbitMQ]:
    require(rabbitmq.available())
    with TlsRabbitMQ(tmp_path_factory.mktemp("tls")) as broker:
        yield broker


def url(server: TlsRabbitMQ) -> str:
    return f"amqps://guest:guest@{LOOPBACK}:{server.tls_port}/"


def test_publishes_over_tls(server: TlsRabbitMQ) -> None:
    broker = Adapter(url(server), TOPOLOGY, server.ca_file)
    broker.publish(MESSAGE)
    broker.close()
    assert "tls.series\t1" in server.ctl("list_queues", "name", "messages")


def test_a_certificate_of_nobody_we_know_is_refused(server: TlsRabbitMQ) -> None:
    broker = Adapter(url(server), TOPOLOGY)
    with pytest.raises(BrokerAwayError, match="certificate"):
        broker.publish(MESSAGE)
