"""The private broker: on loopback only, durable across a kill, gone without a trace; three of them make a cluster."""

import os
import subprocess
from pathlib import Path

import pika
import pytest

from tests.simulators import rabbitmq
from tests.simulators.process import LOOPBACK, wait_until

pytestmark = pytest.mark.integration

PERSISTENT = pika.BasicProperties(delivery_mode=2)


@pytest.fixture(autouse=True)
def _needs_rabbitmq() -> None:
    reason = rabbitmq.available()
    if reason and os.environ.get("CI") != "true":
        pytest.skip(reason)


def commands_with(text: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if text in line and not line.startswith("Z")]


def test_messages_survive_a_kill_and_nothing_else_remains(tmp_path: Path) -> None:
    with rabbitmq.RabbitMQ(tmp_path) as broker:
        channel = pika.BlockingConnection(pika.URLParameters(broker.url)).channel()
        channel.confirm_delivery()
        channel.queue_declare("q", durable=True)
        channel.basic_publish("", "q", b"kept", PERSISTENT, mandatory=True)
        listeners = [line for line in broker.ctl("status").splitlines() if "Interface: " in line]
        assert listeners
        assert all(f"Interface: {LOOPBACK}" in line for line in listeners)
        broker.kill()
        wait_until(lambda: not commands_with(str(tmp_path)), 5, "the end of the broker")
        assert not commands_with(f"epmd -port {broker._epmd.port}")
        broker.start()
        body = pika.BlockingConnection(pika.URLParameters(broker.url)).channel().basic_get("q", auto_ack=True)[2]
        assert body == b"kept"
    assert not commands_with(str(tmp_path))


def test_the_same_folder_is_the_same_broker(tmp_path: Path) -> None:
    with rabbitmq.RabbitMQ(tmp_path) as broker:
        pika.BlockingConnection(pika.URLParameters(broker.url)).channel().queue_declare("q", durable=True)
    with rabbitmq.RabbitMQ(tmp_path) as broker:
        assert "q" in broker.ctl("list_queues", "name").split()


def test_three_nodes_keep_a_quorum_queue_when_one_is_killed(tmp_path: Path) -> None:
    one, two, three = (rabbitmq.RabbitMQ(tmp_path / name) for name in ("1", "2", "3"))
    with one:
        try:
            two.join_cluster(one)
            three.join_cluster(one)
            channel = pika.BlockingConnection(pika.URLParameters(two.url)).channel()
            channel.confirm_delivery()
            channel.queue_declare("q", durable=True, arguments={"x-queue-type": "quorum"})
            channel.basic_publish("", "q", b"kept", PERSISTENT, mandatory=True)
            one.kill()
            channel = pika.BlockingConnection(pika.URLParameters(three.url)).channel()
            wait_until(lambda: channel.basic_get("q")[2] == b"kept", 20, "the message on another node")
            one.start()
            assert one.ctl("cluster_status").count(one.node) >= 2
        finally:
            three.stop()
            two.stop()
    assert not commands_with(str(tmp_path))
    assert not commands_with(f"epmd -port {one._epmd.port}")
