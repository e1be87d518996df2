"""Two gateways on one record: the work is shared, nothing is done twice, and a dead one is taken over."""

from __future__ import annotations

import pytest

from tests.integration.gateways.pair import Pair, ids_by_study, small_studies
from tests.simulators.orthanc import Gateway
from tests.simulators.process import wait_until

ASKED = "study list from pacs is"


def number_pulled(gateway: Gateway) -> int:
    return gateway.python_log().count("move success")


@pytest.mark.timeout(240)
def test_each_study_is_delivered_once_and_the_pacs_is_polled_by_one(pair: Pair) -> None:
    pair.pacs.start()
    plans = small_studies(24)
    pair.site.fill(*plans)
    for gateway in pair.gateways:
        gateway.start()
    messages = pair.delivered(plans, 120)
    finder, other = pair.finder()
    assert ids_by_study(messages).keys() == {plan.study_instance_uid for plan in plans}
    assert len(messages) == len(plans)
    assert all(len(message.files) == message.body["numberInPacs"] for message in messages)
    assert min(number_pulled(finder), number_pulled(other)) > 0
    assert number_pulled(finder) + number_pulled(other) == len(plans)
    assert ASKED in finder.python_log()
    assert ASKED not in other.python_log()
    for gateway in pair.gateways:
        wait_until(lambda gateway=gateway: not gateway.study_uids(), 20, "an empty Orthanc")  # type: ignore[misc]


@pytest.mark.timeout(400)
def test_what_a_dead_gateway_had_is_taken_over_after_its_lease(pair: Pair) -> None:
    pair.pacs.start()
    plans = small_studies(24)
    pair.site.fill(*plans)
    for gateway in pair.gateways:
        gateway.start()
    dead, alive = pair.finder()
    name = {"holder": {"$regex": f"/{dead.http_port}$"}, "state": "pull_data"}
    wait_until(lambda: number_pulled(dead) > 2 and pair.studies.count_documents(name), 60, "work at the finder", 0.01)
    dead.kill()
    late = small_studies(4, first=30)
    pair.site.fill(*late)
    messages = pair.delivered([*plans, *late], 240)
    assert "PACS is polled by this gateway" in alive.python_log()
    ids = ids_by_study(messages)
    assert ids.keys() == {plan.study_instance_uid for plan in (*plans, *late)}
    assert all(len(of_study) == 1 for of_study in ids.values()), "a study was delivered twice under different ids"
    assert "of a gateway that is silent are taken over" in alive.python_log()

    dead.start()
    wait_until(lambda: not dead.study_uids(), 90, "the dead one's Orthanc to be empty once it is back")
    assert ids_by_study(pair.site.received(0)).keys() <= set()
