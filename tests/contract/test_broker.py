"""What the pipeline takes for granted of a broker."""

from __future__ import annotations

import pytest

from plugin.errors import BrokerAwayError, BrokerError
from tests.contract.brokers import KEY, Bench, RabbitMQBench, message
from tests.unit.plugin.conftest import Lines, lines

__all__ = ["lines"]


def test_a_published_message_is_there(bench: Bench) -> None:
    bench.broker.publish(message(1, priority=4, patientID="Ünïcode 胸"))
    (consumed,) = bench.consume()
    assert (consumed.message_id, consumed.priority) == ("id-1", 4)
    assert consumed.body == {"studyUID": "1.2.1", "patientID": "Ünïcode 胸"}


def test_the_highest_priority_comes_first_and_equal_ones_in_order(bench: Bench) -> None:
    for number, priority in enumerate([0, 4, 9, 4, 0], start=1):
        bench.broker.publish(message(number, priority))
    assert [each.message_id for each in bench.consume()] == ["id-3", "id-2", "id-4", "id-1", "id-5"]


def test_what_no_queue_takes_is_an_error_and_the_next_message_goes_through(bench: Bench) -> None:
    with pytest.raises(BrokerError, match="no queue takes the routing key 'head-ct'") as caught:
        bench.broker.publish(message(1, routing_key="head-ct"))
    assert not isinstance(caught.value, BrokerAwayError), "it would not be told"
    bench.broker.publish(message(2))
    assert [each.message_id for each in bench.consume()] == ["id-2"]


def test_a_broker_that_is_killed_and_comes_back(bench: Bench) -> None:
    bench.broker.publish(message(1))
    bench.stop()
    for _ in range(2):
        with pytest.raises(BrokerAwayError):
            bench.broker.publish(message(2))
        with pytest.raises(BrokerAwayError):
            bench.broker.idle()
    bench.start()
    bench.broker.idle()
    bench.broker.publish(message(2))
    assert [each.message_id for each in bench.consume()] == ["id-1", "id-2"], "a confirmed message is on the disk"


def test_closing_twice_and_going_on(bench: Bench) -> None:
    bench.broker.close()
    bench.broker.publish(message(1))
    bench.broker.close()
    bench.broker.close()
    bench.broker.publish(message(2))
    assert len(bench.consume()) == 2


# --- what only RabbitMQ has ---------------------------------------------------------------------------------------


def test_the_properties_of_a_message(rabbitmq_bench: RabbitMQBench) -> None:
    rabbitmq_bench.broker.publish(message(1, priority=9))
    ((properties, body),) = rabbitmq_bench.raw()
    assert properties.delivery_mode == 2
    assert (properties.content_type, properties.content_encoding) == ("application/json", "utf-8")
    assert body == b'{"studyUID": "1.2.1"}'


def test_a_rejected_message_goes_to_the_dead_letter_queue(rabbitmq_bench: RabbitMQBench) -> None:
    rabbitmq_bench.broker.publish(message(1))
    channel = rabbitmq_bench.channel()
    method, _, _ = channel.basic_get(rabbitmq_bench.topology.queue)
    channel.basic_reject(method.delivery_tag, requeue=False)
    channel.connection.close()
    ((properties, _),) = rabbitmq_bench.raw(rabbitmq_bench.topology.dead_letter_queue)
    assert properties.message_id == "id-1"
    assert rabbitmq_bench.consume() == []


def test_it_is_told_once_when_the_broker_goes_and_once_when_it_is_back(
    rabbitmq_bench: RabbitMQBench, lines: Lines
) -> None:
    rabbitmq_bench.broker.idle()
    rabbitmq_bench.stop()
    for _ in range(3):
        with pytest.raises(BrokerAwayError):
            rabbitmq_bench.broker.idle()
    assert rabbitmq_bench.rabbitmq.failures == 3
    rabbitmq_bench.start()
    for _ in range(3):
        rabbitmq_bench.broker.idle()
    assert rabbitmq_bench.rabbitmq.failures == 0
    assert len(lines.containing("RabbitMQ is away, messages wait in the record")) == 1
    assert len(lines.containing("RabbitMQ is back")) == 1
    assert "guest:guest" not in "".join(lines.lines)


def test_a_queue_that_exists_with_other_arguments_is_told_and_used(rabbitmq_bench: RabbitMQBench, lines: Lines) -> None:
    topology = rabbitmq_bench.topology
    channel = rabbitmq_bench.channel()
    channel.exchange_declare(topology.exchange, exchange_type="fanout", durable=True)
    channel.queue_declare(topology.queue, durable=True)
    channel.connection.close()
    rabbitmq_bench.broker.publish(message(1))
    assert [each.message_id for each in rabbitmq_bench.consume()] == ["id-1"]
    told = lines.containing("exists on the broker with other arguments than ours and is used as it is")
    assert [name in line for name, line in zip((topology.exchange, topology.queue), told, strict=True)] == [True, True]
    assert "x-dead-letter-exchange" in told[1]


def test_a_new_routing_key_is_bound_before_the_next_message(rabbitmq_bench: RabbitMQBench) -> None:
    rabbitmq_bench.broker.publish(message(1))
    rabbitmq_bench.rabbitmq.bind([KEY, "head-ct"])
    rabbitmq_bench.broker.publish(message(2, routing_key="head-ct"))
    assert len(rabbitmq_bench.consume()) == 2


def test_a_queue_that_somebody_deleted_is_there_again_for_the_next_try(rabbitmq_bench: RabbitMQBench) -> None:
    rabbitmq_bench.broker.publish(message(1))
    channel = rabbitmq_bench.channel()
    channel.queue_delete(rabbitmq_bench.topology.queue)
    channel.connection.close()
    with pytest.raises(BrokerError):
        rabbitmq_bench.broker.publish(message(2))
    rabbitmq_bench.broker.publish(message(2))
    assert [each.message_id for each in rabbitmq_bench.consume()] == ["id-2"]


def test_an_exchange_that_somebody_deleted_is_there_again_for_the_next_try(rabbitmq_bench: RabbitMQBench) -> None:
    rabbitmq_bench.broker.publish(message(1))
    channel = rabbitmq_bench.channel()
    channel.exchange_delete(rabbitmq_bench.topology.exchange)
    channel.connection.close()
    with pytest.raises(BrokerError):
        rabbitmq_bench.broker.publish(message(2))
    rabbitmq_bench.broker.publish(message(2))
    assert len(rabbitmq_bench.consume()) == 2


def test_a_quorum_queue(rabbitmq_bench: RabbitMQBench) -> None:
    quorum = RabbitMQBench(rabbitmq_bench.server, "quorum", "quorum")
    quorum.broker.publish(message(1))
    quorum.close()
    channel = quorum.channel()
    declared = channel.queue_declare(quorum.topology.queue, durable=True, arguments=quorum.topology.queue_arguments)
    channel.connection.close()
    assert declared.method.message_count == 1
    assert quorum.topology.queue_arguments["x-queue-type"] == "quorum"


def test_a_wrong_password_is_a_broker_that_is_away(rabbitmq_bench: RabbitMQBench, lines: Lines) -> None:
    url = rabbitmq_bench.server.url.replace("guest:guest", "guest:swordfish")
    other = type(rabbitmq_bench.rabbitmq)(url, rabbitmq_bench.topology)
    with pytest.raises(BrokerAwayError) as caught:
        other.publish(message(1))
    assert "swordfish" not in str(caught.value) + "".join(lines.lines)


def test_what_is_published_without_our_queue_is_not_confirmed(rabbitmq_bench: RabbitMQBench) -> None:
    """The exchange alone is no place for a message: ``mandatory``."""
    rabbitmq_bench.rabbitmq.bind([])
    channel = rabbitmq_bench.channel()
    channel.exchange_declare(rabbitmq_bench.topology.exchange, exchange_type="direct", durable=True)
    channel.connection.close()
    with pytest.raises(BrokerError, match="the message waits"):
        rabbitmq_bench.broker.publish(message(1))
