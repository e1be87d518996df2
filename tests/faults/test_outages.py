"""What goes away comes back, and nothing is lost or deleted in between."""

from __future__ import annotations

import pytest

from tests.faults.hospital import Hospital
from tests.faults.studies import LATE, THIN, Day
from tests.faults.verdict import Tally, check
from tests.integration.site import mixture
from tests.simulators.process import wait_until
from tests.simulators.rabbitmq import RabbitMQ

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


def instances(site: Hospital) -> int:
    return int(site.gateway.get("/statistics")["CountInstances"])


def test_gateway_killed_during_the_move(site: Hospital, tally: Tally) -> None:
    plan = mixture(scale=1)["chest-ct"]
    site.pacs.start()
    site.fill(plan)
    site.gateway.start()
    wait_until(lambda: instances(site) >= 20, 30, "the move to be under way", every=0.01)
    site.gateway.kill()
    site.gateway.start()
    site.wait_done(plan.study_instance_uid)
    tally.add("gateway killed during a move", check(site, {plan.study_instance_uid: 300}))


def test_gateway_killed_while_the_broker_is_away(
    own_site: Hospital, own_broker: RabbitMQ, day: Day, tally: Tally
) -> None:
    """Images are here, the message is in the outbox, the broker is away: then the power goes."""
    site = own_site
    with site.simulated_pacs() as pacs:
        for name in ("ct", "dx"):
            pacs.add_files(day.files[name])
        site.gateway.start()
        for name in ("ct", "dx"):
            site.wait_record(day.uid(name), "an outbox", lambda record: record["outbox"])
        held = instances(site)
        site.gateway.kill()
        site.gateway.start()
        assert instances(site) == held, "nothing may be deleted before the confirm"
        own_broker.start()
        site.wait_done(day.uid("ct"), day.uid("dx"))
        tally.add("gateway killed while RabbitMQ is away", check(site, {day.uid("ct"): THIN, day.uid("dx"): 2}))


def test_broker_killed(own_site: Hospital, own_broker: RabbitMQ, day: Day, tally: Tally) -> None:
    """One line when it goes, one when it is back; the gateway goes on pulling meanwhile."""
    site = own_site
    own_broker.start()
    with site.simulated_pacs() as pacs:
        site.gateway.start()
        site.wait_log("find ")
        wait_until(lambda: "series" in own_broker.ctl("list_queues", "name"), 30, "the queue to be declared")
        own_broker.kill()
        for name in ("ct", "abdomen"):
            pacs.add_files(day.files[name])
        site.wait_record(day.uid("abdomen"), "refusal", lambda record: record["state"] == "unsupported_series")
        site.wait_record(day.uid("ct"), "an outbox", lambda record: record["outbox"])
        assert instances(site) > 0
        site.wait_log("RabbitMQ is away")
        own_broker.start()
        site.wait_done(day.uid("ct"), day.uid("abdomen"))
        tally.add("RabbitMQ killed", check(site, {day.uid("ct"): THIN, day.uid("abdomen"): 0}))
    log = site.gateway.python_log()
    assert log.count("RabbitMQ is away") == 1
    assert log.count("RabbitMQ is back") == 1


def test_broker_killed_again_and_again(own_site: Hospital, own_broker: RabbitMQ, day: Day, tally: Tally) -> None:
    """Whatever the publisher is doing then: three studies come in while the broker comes and goes."""
    site = own_site
    own_broker.start()
    with site.simulated_pacs() as pacs:
        site.gateway.start()
        for name in ("ct", "dx", "late"):
            pacs.add_files(day.files[name])
            site.wait_log("inform pacs_module", times=("ct", "dx", "late").index(name) + 1, seconds=60)
            own_broker.kill()
            own_broker.start()
        site.wait_done(day.uid("ct"), images=THIN + LATE)
        site.wait_done(day.uid("dx"))
        wanted = {day.uid("ct"): THIN + LATE, day.uid("dx"): 2}
        tally.add("RabbitMQ killed while it is given a message", check(site, wanted, faults=3))


def test_broker_hangs(own_site: Hospital, own_broker: RabbitMQ, day: Day, tally: Tally) -> None:
    """It takes what comes and says nothing, for longer than its heartbeats: noticed, and gone on with."""
    site = own_site
    own_broker.start()
    with site.simulated_pacs() as pacs:
        site.gateway.start()
        wait_until(lambda: "series" in own_broker.ctl("list_queues", "name"), 30, "the queue to be declared")
        own_broker.pause()
        for name in ("ct", "dx"):
            pacs.add_files(day.files[name])
        site.wait_log("RabbitMQ is away", seconds=150)
        assert instances(site) > 0
        own_broker.resume()
        site.wait_done(day.uid("ct"), day.uid("dx"))
        tally.add("RabbitMQ hangs", check(site, {day.uid("ct"): THIN, day.uid("dx"): 2}))


def test_gateway_killed_before_a_push_is_stable(site: Hospital, day: Day, tally: Tally) -> None:
    """Orthanc forgets its stable timers at a stop: the start reconciles."""
    site.gateway.settings["Sources"] = {}
    site.gateway.start()
    site.push(day.files["dx"])
    site.wait_record(day.uid("dx"), "reception", lambda record: record["state"] == "pull_data")
    site.gateway.kill()
    site.gateway.start()
    site.wait_done(day.uid("dx"))
    tally.add("gateway killed before a push is stable", check(site, {day.uid("dx"): 2}))


def test_images_that_come_after_the_decision_are_not_deleted(
    own_site: Hospital, own_broker: RabbitMQ, day: Day, tally: Tally
) -> None:
    """The broker is away, the delivery waits; more images of the study come: they are delivered too."""
    site = own_site
    site.gateway.settings["Sources"] = {}
    site.gateway.start()
    site.push(day.files["ct"])
    site.wait_record(day.uid("ct"), "an outbox", lambda record: record["outbox"])
    site.push(day.files["late"])
    own_broker.start()
    site.wait_done(day.uid("ct"), images=THIN + LATE)
    verdict = check(site, {day.uid("ct"): THIN + LATE})
    assert verdict.deliveries == 2
    tally.add("images pushed while RabbitMQ is away", verdict)


def test_pacs_goes_and_comes_back(site: Hospital, tally: Tally) -> None:
    plan = mixture()["chest-dx"]
    site.pacs.start()
    site.fill(plan)
    site.pacs.kill()
    site.gateway.start()
    site.wait_log("source PACS does not answer")
    site.pacs.start()
    site.wait_done(plan.study_instance_uid)
    tally.add("PACS away at a query", check(site, {plan.study_instance_uid: 2}))
    log = site.gateway.python_log()
    assert log.count("source PACS does not answer") == 1
    assert log.count("source PACS answers again") == 1


def test_pacs_killed_during_a_move(site: Hospital, tally: Tally) -> None:
    """The rest is pulled when it is back; what has come stays."""
    plan = mixture(scale=1)["chest-ct"]
    site.pacs.start()
    site.fill(plan)
    site.gateway.start()
    wait_until(lambda: instances(site) >= 20, 30, "the move to be under way", every=0.01)
    site.pacs.kill()
    site.wait_log("orthanc move failed!")
    held = instances(site)
    site.pacs.start()
    assert 20 <= held <= instances(site)
    site.wait_done(plan.study_instance_uid)
    tally.add("PACS killed during a move", check(site, {plan.study_instance_uid: 300}))


def test_pacs_hangs_during_a_query(site: Hospital, tally: Tally) -> None:
    """It is silent for longer than TimeoutSeconds, with open sockets."""
    plan = mixture()["chest-dx"]
    site.gateway.settings["Sources"]["PACS"]["TimeoutSeconds"] = 2
    site.pacs.start()
    site.gateway.start()
    site.wait_log("find ")
    site.pacs.pause()
    site.wait_log("source PACS does not answer")
    site.pacs.resume()
    site.fill(plan)
    site.wait_done(plan.study_instance_uid)
    tally.add("PACS hangs at a query", check(site, {plan.study_instance_uid: 2}))
