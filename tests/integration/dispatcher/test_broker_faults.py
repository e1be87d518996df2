"""The broker goes, hangs, comes back: nothing is lost, and the log says it once."""

import threading
from contextlib import suppress

import pika
import pytest

from tests.integration.dispatcher.bench import Bench
from tests.simulators.backend import Post, Reply
from tests.simulators.process import wait_until

pytestmark = pytest.mark.integration


def test_broker_killed_while_posting(own_bench: Bench) -> None:
    bench = own_bench
    is_released = threading.Event()

    def script(_: Post) -> Reply:
        is_released.wait(60)
        return Reply()

    bench.backend.script = script
    bench.start(WORKERS=1, RABBITMQ__PREFETCH=2)
    for study in ("1.1", "1.2", "1.3"):
        bench.send(study, studyUID=study)
    bench.wait_posts(1)
    bench.broker.kill()
    bench.wait_log("rabbitmq is gone")
    is_released.set()
    wait_until(lambda: bench.gateway.posts, 10, "the report of the study that was in work")
    bench.broker.start()
    bench.wait_log("rabbitmq is back after")
    wait_until(lambda: len(bench.gateway.posts) == 3, 20, "all reports")
    assert [post.path for post in bench.backend.posts] == ["/1.1", "/1.2", "/1.3"], "none was posted twice"
    assert bench.is_empty_after_stop()
    assert bench.log.count("rabbitmq is gone") == bench.log.count("rabbitmq is back") == 1


def test_in_work_across_a_short_outage_is_posted_once(own_bench: Bench) -> None:
    bench = own_bench
    is_released = threading.Event()

    def script(_: Post) -> Reply:
        is_released.wait(60)
        return Reply()

    bench.backend.script = script
    bench.start(WORKERS=2)
    bench.send("1.1", studyUID="1.1")
    bench.wait_posts(1)
    bench.broker.kill()
    bench.broker.start()
    bench.wait_log("rabbitmq is back after")
    wait_until(lambda: bench.ready(bench.queue) == 0, 10, "the message handed out again")
    is_released.set()
    wait_until(lambda: bench.gateway.posts, 10, "the report")
    assert bench.is_empty_after_stop()
    assert len(bench.backend.posts) == 1


def test_started_before_the_broker(own_bench: Bench) -> None:
    bench = own_bench
    bench.send("m1")
    bench.broker.stop()
    bench.start()
    bench.wait_log("rabbitmq is gone, trying again and again: ConnectionRefusedError")
    bench.broker.start()
    bench.wait_posts(1)
    assert bench.is_empty_after_stop()


def test_a_hanging_broker_is_noticed_by_its_silence(own_bench: Bench) -> None:
    bench = own_bench
    bench.start(RABBITMQ__HEARTBEAT_SECONDS=1)
    bench.wait_log("consuming from")
    bench.broker.pause()
    bench.wait_log("rabbitmq is gone")
    bench.broker.resume()
    bench.wait_log("rabbitmq is back")
    bench.send("m1")
    bench.wait_posts(1)


def test_an_idle_connection_is_kept_and_a_busy_one_too(own_bench: Bench) -> None:
    """A second connection that nobody serves is the clock: when the broker has closed that one, ours must live."""
    bench = own_bench
    is_released = threading.Event()

    def script(_: Post) -> Reply:
        is_released.wait(60)
        return Reply()

    bench.backend.script = script
    bench.start(RABBITMQ__HEARTBEAT_SECONDS=1, WORKERS=1)
    bench.wait_log("consuming from")
    _outlast_an_unserved_connection(bench, times=1)
    bench.send("m1")
    bench.wait_posts(1)
    _outlast_an_unserved_connection(bench, times=2)
    is_released.set()
    wait_until(lambda: bench.gateway.posts, 10, "the report")
    assert bench.is_empty_after_stop()
    assert "rabbitmq is gone" not in bench.log
    assert len(bench.backend.posts) == 1


def test_a_post_longer_than_the_broker_waits_for_acknowledgements(own_bench: Bench) -> None:
    """RabbitMQ closes the channel and hands the message out again; it must not be posted twice for that."""
    bench = own_bench
    bench.broker.ctl("eval", "application:set_env(rabbit, consumer_timeout, 1000).")
    bench.broker.ctl("eval", "application:set_env(rabbit, channel_tick_interval, 500).")
    is_released = threading.Event()

    def script(_: Post) -> Reply:
        is_released.wait(60)
        return Reply()

    bench.backend.script = script
    bench.start(WORKERS=1)
    bench.send("m1")
    bench.wait_log("the broker closed the channel")
    bench.wait_log("rabbitmq is back")
    is_released.set()
    wait_until(lambda: bench.gateway.posts, 10, "the report")
    assert bench.is_empty_after_stop()
    assert len(bench.backend.posts) == 1


def _outlast_an_unserved_connection(bench: Bench, times: int) -> None:
    parameters = pika.URLParameters(bench.broker.url)
    parameters.heartbeat = 1
    unserved = pika.BlockingConnection(parameters)
    wait_until(lambda: bench.broker.log_text().count("missed heartbeats") >= times, 20, "the broker losing patience")
    with suppress(pika.exceptions.AMQPError):
        unserved.close()
