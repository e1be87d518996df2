"""What goes away comes back, and nothing is lost or deleted in between."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.site import Site, mixture, readable
from tests.requirements import require
from tests.simulators import orthanc, rabbitmq
from tests.simulators.process import wait_until
from tests.simulators.rabbitmq import RabbitMQ

pytestmark = pytest.mark.faults


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[RabbitMQ]:
    """A broker of this test alone; not started."""
    require(rabbitmq.available())
    server = RabbitMQ(tmp_path / "rabbitmq")
    yield server
    server.stop()


@pytest.fixture
def site(tmp_path: Path, own_broker: RabbitMQ) -> Iterator[Site]:
    require(orthanc.available())
    with Site(tmp_path, own_broker, name=uuid.uuid4().hex[:8]) as hospital:
        yield hospital


def instances(site: Site) -> int:
    return int(site.gateway.get("/statistics")["CountInstances"])


def test_killed_during_the_move(site: Site, own_broker: RabbitMQ) -> None:
    plan = mixture(scale=1)["chest-ct"]
    own_broker.start()
    site.pacs.start()
    site.fill(plan)
    site.gateway.start()
    wait_until(lambda: instances(site) >= 20, 30, "the move to be under way", every=0.01)
    site.gateway.kill()
    site.gateway.start()
    site.wait_settled(plan)
    (message,) = site.received(1)
    assert len(readable(message)) == message.body["numberReceived"] == message.body["numberInPacs"] == 300
    assert site.received() == []
    assert instances(site) == 0


def test_killed_before_the_confirm(site: Site, own_broker: RabbitMQ) -> None:
    """Images are here, the message is in the outbox, the broker is away: then the power goes."""
    plans = mixture()
    site.pacs.start()
    site.fill(plans["chest-ct"], plans["chest-dx"])
    site.gateway.start()
    for plan in (plans["chest-ct"], plans["chest-dx"]):
        wait_until(
            lambda plan=plan: (site.gateway.record(plan.study_instance_uid) or {}).get("outbox"), 60, "an outbox"
        )
    held = instances(site)
    site.gateway.kill()
    site.gateway.start()
    assert instances(site) == held, "nothing may be deleted before the confirm"
    own_broker.start()
    records = site.wait_settled(plans["chest-ct"], plans["chest-dx"])
    messages = site.received(2)
    assert sorted(message.message_id for message in messages) == sorted(
        record["deliveries"][0]["messageId"] for record in records.values()
    )
    assert all(len(readable(message)) == message.body["numberReceived"] for message in messages)
    assert instances(site) == 0


def test_broker_goes_and_comes_back(site: Site, own_broker: RabbitMQ) -> None:
    """One line when it goes, one when it is back; the gateway goes on pulling meanwhile."""
    plans = mixture()
    own_broker.start()
    site.pacs.start()
    site.gateway.start()
    site.wait_log("find ")
    wait_until(lambda: "series" in own_broker.ctl("list_queues", "name"), 30, "the queue to be declared")
    own_broker.kill()
    site.fill(plans["chest-ct"], plans["abdomen-ct"])
    site.wait_state(plans["abdomen-ct"], "unsupported_series")
    wait_until(lambda: (site.gateway.record(plans["chest-ct"].study_instance_uid) or {}).get("outbox"), 60, "an outbox")
    assert instances(site) > 0
    site.wait_log("RabbitMQ is away")
    own_broker.start()
    (message,) = site.received(1)
    assert len(readable(message)) == message.body["numberReceived"]
    log = site.gateway.python_log()
    assert log.count("RabbitMQ is away") == 1
    assert log.count("RabbitMQ is back") == 1


def test_killed_after_a_push_before_it_is_stable(site: Site, own_broker: RabbitMQ) -> None:
    """Orthanc forgets its stable timers at a stop: the start reconciles."""
    plan = mixture()["chest-dx"]
    site.gateway.settings["Sources"] = {}
    own_broker.start()
    site.pacs.start()
    site.fill(plan)
    site.gateway.start()
    site.pacs.send(site.pacs.get("/studies")[0], "GATEWAY")
    site.wait_state(plan, "pull_data")
    site.gateway.kill()
    site.gateway.start()
    (message,) = site.received(1)
    assert message.body["isPush"] == 1
    assert len(message.files) == 2


def test_images_that_come_after_the_decision_are_not_deleted(site: Site, own_broker: RabbitMQ) -> None:
    """The broker is away, the delivery waits; more images of the study come: they are delivered too."""
    plans = mixture()
    site.gateway.settings["Sources"] = {}
    site.gateway.configuration["StableAge"] = 2
    site.pacs.start()
    site.gateway.start()
    site.fill(plans["growing-ct"])
    site.pacs.send(site.pacs.get("/studies")[0], "GATEWAY")
    uid = plans["growing-ct"].study_instance_uid
    wait_until(lambda: (site.gateway.record(uid) or {}).get("outbox"), 60, "an outbox")
    site.fill(plans["late"])
    site.pacs.send(site.pacs.get("/studies")[0], "GATEWAY")
    own_broker.start()
    first, second = site.received(2)
    assert second.body["numberReceived"] == len(second.files) > first.body["numberReceived"]
    site.wait_settled(plans["growing-ct"])
    assert instances(site) == 0


def test_pacs_goes_and_comes_back(site: Site, own_broker: RabbitMQ) -> None:
    plan = mixture()["chest-dx"]
    own_broker.start()
    site.pacs.start()
    site.fill(plan)
    site.pacs.kill()
    site.gateway.start()
    site.wait_log("source PACS does not answer")
    site.pacs.start()
    site.received(1)
    log = site.gateway.python_log()
    assert log.count("source PACS does not answer") == 1
    assert log.count("source PACS answers again") == 1
