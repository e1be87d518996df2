"""What is set for the sake of the PACS holds, and a doctor goes before it."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.integration.pacs.ward import Case, Ward
from tests.simulators.process import wait_until

NOW = datetime.now().astimezone()
QUIET = f"{NOW - timedelta(minutes=5):%H:%M}-{NOW + timedelta(minutes=30):%H:%M}"
CASES = {
    "quiet": Case(settings={"QuietHours": [QUIET]}),
    "rested": Case(settings={"MinSecondsBetweenOperations": 0.5, "PollIntervalSeconds": 1}),
    "slowly": Case(settings={"MaxImagesPerMinute": 24}),
}


def test_quiet_hours_are_for_all_but_doctors(ward: Ward) -> None:
    ward.check_whole("rested")  # so much time has gone by
    department, server = ward.departments["quiet"], ward.servers["quiet"]
    assert not any(query.keys.get("StudyDate") for query in server.requests.queries)
    ward.gateway.post("/pacs-pull/pull", {"AccessionNumber": department.ct.accession_number})
    (message,) = ward.delivered(department.ct)
    assert message.priority == 9
    assert {uid for one in server.requests.retrieves for uid in one.uids["StudyInstanceUID"]} == {
        department.ct.study_instance_uid
    }


def test_rest_between_operations(ward: Ward) -> None:
    requests = ward.servers["rested"].requests
    wait_until(lambda: len(requests.queries) >= 12, 30, "twelve queries")
    asked = sorted([one.asked_at for one in requests.queries] + [one.asked_at for one in requests.retrieves])
    assert (asked[-1] - asked[0]).total_seconds() > 0.5 * (len(asked) - 1) - 1.5, "the first one may come late"


def test_images_a_minute(ward: Ward) -> None:
    """Two radiographs are 5 s of its minute: the CT has to wait for them."""
    department = ward.departments["slowly"]
    ward.wait_settled(department.ct, department.dx)
    (dx, *_), (ct, *_) = (ward.asked("slowly", plan) for plan in (department.dx, department.ct))
    assert (ct.asked_at - dx.asked_at).total_seconds() >= 4.5
