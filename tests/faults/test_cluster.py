"""A RabbitMQ cluster of three nodes with a quorum queue: nodes die during deliveries, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.hospital import Hospital
from tests.faults.studies import THIN, Day
from tests.faults.verdict import Tally, check
from tests.requirements import require
from tests.simulators import orthanc, rabbitmq
from tests.simulators.images import write_study
from tests.simulators.process import LOOPBACK, wait_until
from tests.simulators.proxy import Proxy
from tests.simulators.rabbitmq import RabbitMQ

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

STUDIES = 12


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[RabbitMQ]]:
    """Three nodes of one cluster."""
    require(rabbitmq.available())
    with ExitStack() as held:
        first = RabbitMQ(tmp_path / "rabbitmq-0")
        held.callback(first.kill)
        first.start()
        cluster = [first]
        for number in (1, 2):
            node = RabbitMQ(tmp_path / f"rabbitmq-{number}")
            held.callback(node.kill)
            node.join_cluster(first)
            cluster.append(node)
        yield cluster


def studies(day: Day, folder: Path) -> dict[str, list[Path]]:
    """Files by StudyInstanceUID."""
    plans = [
        replace(day.plans["ct"], name=f"{day.plans['ct'].name} {number}", patient_id=f"CLU{number:05d}")
        for number in range(STUDIES)
    ]
    return {plan.study_instance_uid: write_study(plan, folder / plan.patient_id) for plan in plans}


def test_nodes_die_during_deliveries(nodes: list[RabbitMQ], tmp_path: Path, day: Day, tally: Tally) -> None:
    """First one that the gateway is not connected to, then the one that it is connected to; each comes back."""
    require(orthanc.available())
    files = studies(day, tmp_path / "files")
    survivor = nodes[2]
    site = Hospital(tmp_path, survivor, "cluster")
    with Proxy(nodes[0].port) as proxy, site, site.simulated_pacs() as pacs:
        site.gateway.settings["RabbitMQ"] |= {
            "Url": f"amqp://guest:guest@{LOOPBACK}:{proxy.port}/",
            "QueueType": "quorum",
        }
        site.gateway.start()
        wait_until(lambda: site.queue in survivor.ctl("list_queues", "name"), 60, "the queue to be declared", every=1)
        members = survivor.ctl("list_queues", "name", "type", "members")
        assert "quorum" in members
        assert all(node.node in members for node in nodes), members
        for number, uid in enumerate(files):
            pacs.add_files(files[uid])
            if number % 4 != 1:
                continue
            site.wait_log("to rabbitmq success", 90, times=number)
            if number == 1:
                nodes[1].kill()
            elif number == 5:
                nodes[1].start()
                nodes[0].kill()
                proxy.target = survivor.port
            else:
                nodes[0].start()
        site.wait_done(*files, images=THIN)
        tally.add("RabbitMQ cluster: a node killed", check(site, dict.fromkeys(files, THIN), faults=2))
