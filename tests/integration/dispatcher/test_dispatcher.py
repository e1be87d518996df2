"""The dispatcher as a process, against a real broker: what arrives, what is acknowledged, what is told to whom."""

import json
import signal
import threading
from itertools import pairwise

import pytest

from tests.integration.dispatcher.bench import Bench
from tests.simulators.backend import Post, Reply, in_turn
from tests.simulators.process import wait_until
from tests.unit.dispatcher.examples import message

pytestmark = pytest.mark.integration


def test_from_the_queue_to_back_end_and_gateway(bench: Bench) -> None:
    bench.start(GATEWAY__USERNAME="ai", GATEWAY__PASSWORD="s3cret")
    bench.send("m1", studyUID="1.2.77")
    wait_until(lambda: bench.gateway.posts, 10, "a report")
    (post,), (report,) = bench.backend.posts, bench.gateway.posts
    assert post.path == "/1.2.77"
    assert post.message == message(studyUID="1.2.77", filepath=str(bench.images))
    assert report.path == "/pacs-pull/studies/1.2.77/completed"
    assert report.headers["Authorization"].startswith("Basic ")
    assert report.message == {"messageId": "m1", "task": "chest-ct", "revision": 1, "reason": ""}
    assert bench.is_empty_after_stop()
    assert bench.dispatchers[0].exit_code == 0
    folder = bench.images
    lines = bench.log.splitlines()
    assert any("send_to_backend " in line and " get message {'studyUID': '1.2.77', " in line for line in lines)
    assert any(line.endswith(f"upload_image_path file_path {folder} has file number is 3") for line in lines)
    assert any(line.endswith(f"upload_image_path file_path ----{folder}----success") for line in lines)
    for line in lines:
        if str(folder) in line or "1.2.77" in line:
            assert all(each in line for each in ("10939060", "NA200618FLC029", "1.2.77", "1.2.3.4")), line
    assert "s3cret" not in bench.log


def test_multipart(bench: Bench) -> None:
    bench.start(BACKEND__MODE="multipart")
    bench.send("m1")
    bench.wait_posts(1)
    assert bench.backend.posts[0].files == {file.name: file.read_bytes() for file in bench.images.iterdir()}
    assert bench.is_empty_after_stop()


def test_urgent_ones_first(bench: Bench) -> None:
    for number, priority in enumerate([0, 4, 9, 0, 4, 9]):
        bench.send(str(number), priorities=priority, studyUID=f"1.{number}")
    is_released = threading.Event()

    def script(_: Post) -> Reply:
        is_released.wait(20)
        return Reply()

    bench.backend.script = script
    bench.start(WORKERS=1, RABBITMQ__PREFETCH=1)
    bench.wait_posts(1)
    bench.send("late", priorities=8)
    assert bench.ready(bench.queue) == 6, "only one is out of the queue: the rest can be overtaken"
    is_released.set()
    bench.wait_posts(7)
    priorities = [post["priorities"] for post in bench.backend.messages]
    assert priorities == [9, 9, 8, 4, 4, 0, 0]


def test_accepted_now_completed_by_the_algorithm_later(bench: Bench) -> None:
    bench.backend.script = in_turn(Reply(202), Reply(200, {"state": "unsupported_series", "reason": "no lung"}))
    bench.start(WORKERS=1)
    bench.send("m1", studyUID="1.1")
    bench.wait_posts(1)
    bench.send("m2", studyUID="1.2")
    wait_until(lambda: bench.gateway.posts, 10, "a report")
    assert [post.path for post in bench.gateway.posts] == ["/pacs-pull/studies/1.2/unsupported"]
    assert bench.gateway.posts[0].message["reason"] == "no lung"
    assert bench.is_empty_after_stop()
    assert bench.dead_letters() == []


def test_bad_messages_become_dead_letters_and_block_nobody(bench: Bench) -> None:
    less = {key: value for key, value in message().items() if key != "filepath"}
    bad = [b"not json", b"[]", json.dumps(message(schemaVersion=2)).encode(), json.dumps(less).encode(), b"\xff" * 10]
    for body in bad * 4:
        bench.send(None, body, headers={"CC": ["nowhere"], "kept": 1}, delivery_mode=1)
    bench.start(WORKERS=1, RABBITMQ__PREFETCH=1)
    bench.send("good")
    bench.wait_posts(1)
    bench.wait_dead(20)
    dead = bench.dead_letters()
    assert [body for body, _ in dead] == bad * 4
    reasons = [properties.headers["dead-letter-reason"] for _, properties in dead[:5]]
    for reason, expected in zip(
        reasons,
        ["not JSON", "not a JSON object", "unknown schemaVersion 2", "filepath: Field required", "not JSON"],
        strict=True,
    ):
        assert expected in reason
        assert f"dead letter: {reason}" in bench.log
    headers = dead[0][1].headers
    assert (headers["kept"], headers["dead-letter-queue"], headers["dead-letter-tries"]) == (1, bench.queue, 0)
    assert "CC" not in headers
    assert all(properties.delivery_mode == 2 for _, properties in dead)
    assert bench.is_empty_after_stop()


def test_refused_for_ever_becomes_a_dead_letter_with_the_reason(bench: Bench) -> None:
    def script(post: Post) -> Reply:
        return {"/1.1": Reply(400), "/1.2": Reply(503), "/1.3": Reply(is_dropped=True)}.get(post.path, Reply())

    bench.backend.script = script
    bench.start()
    for study in ("1.1", "1.2", "1.3", "1.4"):
        bench.send(study, studyUID=study)
    bench.wait_dead(3)
    dead = {properties.message_id: properties.headers["dead-letter-reason"] for _, properties in bench.dead_letters()}
    assert dead == {
        "1.1": "the back end answered 400 Bad Request",
        "1.2": "the back end answered 503 Service Unavailable (try 3 of 3)",
        "1.3": "the connection to the back end broke (ConnectionError) (try 3 of 3)",
    }
    paths = sorted(post.path for post in bench.backend.posts)
    assert paths == ["/1.1", *["/1.2"] * 3, *["/1.3"] * 3, "/1.4"]
    assert bench.is_empty_after_stop()


def test_a_dead_letter_that_cannot_be_published_is_held_not_lost(bench: Bench) -> None:
    channel = bench.channel()
    channel.exchange_delete(bench.dlx)
    bench.start(WORKERS=2)
    bench.send(None, b"bad")
    bench.wait_log("cannot be dead-lettered, held and tried again")
    bench.send("good")
    bench.wait_posts(1)
    bench.declare()
    bench.wait_dead(1)
    assert bench.dead_letters()[0][0] == b"bad"
    channel.exchange_delete(bench.dlx)
    channel.exchange_declare(bench.dlx, "fanout", durable=True)
    bench.send(None, b"leads nowhere")
    bench.wait_log(f"no queue is bound to exchange {bench.dlx}")
    bench.dispatchers[0].stop()
    assert bench.ready(bench.queue) == 1


def test_a_back_end_that_is_down_for_a_while_costs_nothing(bench: Bench) -> None:
    bench.backend.stop()
    bench.start(BACKEND__MAX_TRIES=1)
    bench.send("m1")
    bench.wait_log("the back end is unreachable", 4)
    bench.backend.start()
    bench.wait_posts(1)
    assert bench.is_empty_after_stop()
    assert bench.dead_letters() == []


def test_repeats_are_dropped_even_after_a_restart(bench: Bench) -> None:
    first = bench.start()
    for _ in range(3):
        bench.send("m1")
    bench.wait_posts(1)
    wait_until(lambda: bench.gateway.posts, 10, "a report")
    first.stop()
    bench.send("m1")
    bench.start()
    bench.send("m2", studyUID="1.9")
    bench.wait_posts(2)
    assert bench.is_empty_after_stop()
    assert [post["studyUID"] for post in bench.backend.messages] == ["1.2.3", "1.9"]
    assert "message m1 is a repeat of one that was accepted, dropped" in bench.log


def test_a_newer_revision_is_announced(bench: Bench) -> None:
    bench.start(WORKERS=1)
    bench.send("m1", revision=1)
    bench.wait_posts(1)
    bench.send("m2", revision=2)
    bench.wait_posts(2)
    bench.wait_log("1.2.3 exists, last isloading is 2, we receive a new one, calc again\n")


def test_killed_in_work_comes_again(bench: Bench) -> None:
    is_released = threading.Event()

    def script(_: Post) -> Reply:
        is_released.wait(20)
        return Reply()

    bench.backend.script = script
    bench.start(WORKERS=2)
    for study in ("1.1", "1.2", "1.3"):
        bench.send(study, studyUID=study)
    bench.wait_posts(2)
    bench.dispatchers[0].kill()
    is_released.set()
    bench.start(WORKERS=2)
    wait_until(lambda: len({post.path for post in bench.gateway.posts}) == 3, 20, "three reports")
    assert sorted(post.path for post in bench.backend.posts) == ["/1.1", "/1.1", "/1.2", "/1.2", "/1.3"]
    assert bench.is_empty_after_stop()


def test_a_stop_finishes_what_is_in_work_and_gives_back_the_rest(bench: Bench) -> None:
    is_released = threading.Event()

    def script(_: Post) -> Reply:
        is_released.wait(20)
        return Reply()

    bench.backend.script = script
    one = bench.start(WORKERS=1, RABBITMQ__PREFETCH=9)
    for study in ("1.1", "1.2", "1.3"):
        bench.send(study, studyUID=study)
    bench.wait_posts(1)
    one.signal(signal.SIGTERM)
    bench.wait_log("stopping, 1 in work")
    bench.send("1.4", studyUID="1.4")
    assert bench.ready(bench.queue) == 1, "nothing new is taken"
    is_released.set()
    wait_until(lambda: not one.is_running, 10, "the stop")
    assert one.exit_code == 0
    assert bench.ready(bench.queue) == 3
    assert len(bench.backend.posts) == 1


def test_a_stop_does_not_wait_for_ever(bench: Bench) -> None:
    bench.backend.script = in_turn(Reply(seconds=20))
    one = bench.start(STOP_SECONDS=0.5)
    bench.send("m1")
    bench.wait_posts(1)
    one.signal(signal.SIGTERM)
    wait_until(lambda: not one.is_running, 5, "the stop")
    assert bench.ready(bench.queue) == 1


def test_the_gateway_down_delays_reports_not_studies(bench: Bench) -> None:
    bench.gateway.stop()
    first = bench.start()
    bench.send("m1")
    bench.wait_log("report completed, try 1 of 30 failed")
    first.kill()
    assert bench.ready(bench.queue) == 0
    bench.gateway.script = in_turn(Reply(500), Reply(404), Reply(409), Reply(200))
    bench.gateway.start()
    bench.start()
    bench.wait_log("the gateway knows that it is completed")
    assert len(bench.gateway.posts) == 4


def test_reports_are_bounded(bench: Bench) -> None:
    bench.gateway.script = in_turn(Reply(404))
    bench.start(GATEWAY__MAX_TRIES=2)
    bench.send("m1")
    bench.wait_log("report completed given up: the gateway answered 404")
    assert len(bench.gateway.posts) == 2


def test_waits_with_one_line_until_the_queue_is_there(bench: Bench) -> None:
    bench.channel().queue_delete(bench.queue)
    bench.start()
    bench.wait_log(f"queue {bench.queue} does not exist yet; the gateway declares it, waiting")
    wait_until(lambda: bench.broker.log_text().count(f"no queue '{bench.queue}'") >= 3, 10, "three looks")
    assert bench.queue not in bench.broker.ctl("list_queues", "name").split(), "the dispatcher declares nothing"
    bench.declare()
    bench.send("m1")
    bench.wait_posts(1)
    assert bench.log.count("does not exist yet") == 1


def test_the_queue_deleted_and_declared_again(bench: Bench) -> None:
    bench.start()
    bench.wait_log("consuming from")
    bench.channel().queue_delete(bench.queue)
    bench.wait_log("the broker cancelled the consumer")
    bench.declare()
    bench.send("m1")
    bench.wait_posts(1)


def test_wrong_settings_stop_the_start(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match="did you mean url"):
        bench.start(BACKEND__URI="http://x", BACKEND__MODE="xml")
    assert bench.dispatchers[0].exit_code == 2
    assert "backend.mode: expected" in bench.dispatchers[0].log_text()


def test_lines_have_time_and_level(bench: Bench) -> None:
    bench.start()
    bench.wait_log("consuming from")
    stamps = [line.split(" ")[:3] for line in bench.log.splitlines()]
    assert all(level == "INFO" for _, _, level in stamps)
    assert all(earlier[:2] <= later[:2] for earlier, later in pairwise(stamps))
