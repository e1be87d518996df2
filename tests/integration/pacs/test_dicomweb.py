"""A PACS behind DICOMweb: found by QIDO-RS, retrieved by WADO-RS, and otherwise like any other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.pacs.ward import THICK, THIN, Department
from tests.integration.site import Site
from tests.requirements import require
from tests.simulators import orthanc
from tests.simulators.images import StudyPlan, write_study
from tests.simulators.orthanc import PLUGINS
from tests.simulators.process import wait_until
from tests.simulators.rabbitmq import RabbitMQ

PLUGIN = PLUGINS / "libOrthancDicomWeb.so"
USER = ("gateway", "s3cret:with colon")
DEPARTMENT = Department("web")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, broker: RabbitMQ) -> Iterator[Site]:
    """A PACS with passwords and DICOMweb, twice a source: by study, and by series for a gateway that lacks the rest."""
    require(orthanc.available())
    require(None if PLUGIN.exists() else "no DICOMweb plugin for Orthanc here: install orthanc-dicomweb")
    with Site(tmp_path_factory.mktemp("web"), broker, uuid.uuid4().hex[:8]) as hospital:
        pacs = hospital.pacs
        pacs.configuration |= {
            "Plugins": [str(PLUGIN)],
            "AuthenticationEnabled": True,
            "RegisteredUsers": dict([USER]),
        }
        pacs.session.auth = USER
        pacs.start()
        for plan in DEPARTMENT.all:
            upload(hospital, plan)
        hospital.gateway.configuration["DicomModalities"] = {}
        hospital.gateway.settings["Sources"] = {
            "WEB": {
                "Protocol": "DICOMweb",
                "Url": f"{pacs.url}/dicom-web",
                "Username": USER[0],
                "Password": USER[1],
                "PollIntervalSeconds": 1,
                "QueryLevel": "Series",
            },
            "LOCKED": {"Protocol": "DICOMweb", "Url": f"{pacs.url}/dicom-web", "Token": "wrong", "TimeoutSeconds": 5},
        }
        hospital.gateway.start()
        yield hospital


def upload(site: Site, plan: StudyPlan) -> None:
    for file in write_study(plan, Path(site.folder) / "files"):
        answer = requests.post(f"{site.pacs.url}/instances", data=file.read_bytes(), auth=USER, timeout=60)
        assert answer.ok


def test_found_retrieved_and_judged_like_any_other(site: Site) -> None:
    records = site.wait_settled(*DEPARTMENT.today)
    messages = {message.body["studyUID"]: message for message in site.received(2)}
    ct, dx = (messages[plan.study_instance_uid] for plan in (DEPARTMENT.ct, DEPARTMENT.dx))
    assert set(messages) == {DEPARTMENT.ct.study_instance_uid, DEPARTMENT.dx.study_instance_uid}
    assert (ct.body["numberInPacs"], ct.body["complete"], len(ct.files)) == (THIN, True, THIN)
    assert (dx.body["complete"], len(dx.files)) == (True, 2)
    record = records[DEPARTMENT.ct.name]
    assert record["completeness"]["status"] == "complete"
    assert record["numberReceived"] == THIN + THICK, "the scout stayed where it is"
    assert records[DEPARTMENT.hand.name]["state"] == "unsupported_series"
    assert site.gateway.record(DEPARTMENT.old.study_instance_uid) is None


def test_by_hand_and_probed(site: Site) -> None:
    answer = site.gateway.post("/pacs-pull/pull", {"AccessionNumber": DEPARTMENT.old.accession_number})
    assert [study["studyInstanceUID"] for study in answer["studies"]] == [DEPARTMENT.old.study_instance_uid]
    (message,) = site.received(1)
    assert (message.priority, len(message.files), message.body["complete"]) == (9, 12, True)
    found = site.gateway.post("/pacs-pull/sources/WEB/probe", {})
    assert {found["levels"][level] for level in ("STUDY", "SERIES", "IMAGE")} == {"answered"}
    assert found["recommended"]["WEB"]["QueryLevel"] == "Series"


def test_a_wrong_password_is_told_and_no_secret_is(site: Site) -> None:
    site.wait_log("source LOCKED does not answer")
    log = site.gateway.python_log() + site.gateway.log_text()
    assert "check Username and Password, or Token" in log
    assert USER[1] not in log
    assert "Bearer" not in log


def test_an_outage_is_outlived(site: Site) -> None:
    """The PACS stops and comes back with one more study."""
    site.pacs.stop()
    site.wait_log("source WEB does not answer")
    site.pacs.start()
    late = DEPARTMENT.study("late", DEPARTMENT.ct.study_date, DEPARTMENT.thin)
    upload(site, late)
    record = site.wait_settled(late)[late.name]
    assert record["completeness"]["status"] == "complete"
    site.wait_log("source WEB answers again")
    wait_until(lambda: len(site.gateway.get("/instances")) == 0, 20, "the gateway to be empty")
