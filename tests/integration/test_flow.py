"""The main job from end to end: pulled and pushed, CT and DX, with real servers and real DICOM."""

from __future__ import annotations

from dataclasses import replace

from tests.integration.site import Site, mixture, readable
from tests.requirements import require
from tests.simulators.dcmqrscp import Dcmqrscp
from tests.simulators.images import SeriesPlan, StudyPlan, write_study
from tests.simulators.process import wait_until

WANTED = ("chest-ct", "chest-dx", "mojibake-ct", "growing-ct")
UNWANTED = ("abdomen-ct", "hand-dx")


def check_mixture(site: Site, plans: dict[str, StudyPlan], calling: str, is_push: int) -> None:
    """The right messages and only those; files readable, counts right; the gateway empty; the record says why."""
    day = [plans[name] for name in (*WANTED, *UNWANTED)]
    records = site.wait_settled(*day)
    messages = {message.body["studyUID"]: message for message in site.received(len(WANTED))}
    assert set(messages) == {plans[name].study_instance_uid for name in WANTED}
    for name in WANTED:
        message, record = messages[plans[name].study_instance_uid], records[plans[name].name]
        body = message.body
        datasets = readable(message)
        assert len(datasets) == body["numberReceived"] == body["numberInPacs"], name
        assert {dataset.SeriesInstanceUID for dataset in datasets} == {one["seriesUID"] for one in body["series"]}
        assert body["complete"] is True
        assert body["isPush"] == is_push
        assert body["priorities"] == message.priority == (4 if is_push else 0)
        assert message.delivery_mode == 2
        assert message.message_id == record["deliveries"][0]["messageId"]
        assert body["callingAPTitle"] == calling
        assert body["callingPresentationAddress"] == "127.0.0.1"
        assert record["state"] == "pull_data_end"
        assert record["completeness"]["status"] == "complete"
        assert {"found", "received", "verified", "delivered", "deleted"} <= set(record["timeline"])
    assert messages[plans["chest-dx"].study_instance_uid].body["seriesnum"] == 2
    thin = max(plans["chest-ct"].series, key=lambda series: series.images)
    assert messages[plans["chest-ct"].study_instance_uid].body["numberReceived"] == thin.images
    for name in UNWANTED:
        record = records[plans[name].name]
        assert record["state"] == "unsupported_series"
        assert all("filter because" in series["reason"] for series in record["series"])
    wait_until(lambda: site.gateway.get("/instances") == [], 10, "the gateway to be empty")
    assert site.received() == []


def test_pulled_from_orthanc(site: Site) -> None:
    plans = mixture()
    site.pacs.start()
    site.fill(*(plan for name, plan in plans.items() if name != "late"))
    site.gateway.start()
    check_mixture(site, plans, "PACS", is_push=0)


def test_pulled_from_dcmqrscp(site: Site) -> None:
    require(None if Dcmqrscp.is_installed() else "no dcmqrscp here: install dcmtk")
    plans = mixture()
    moves = {site.gateway.ae_title: ("127.0.0.1", site.gateway.dicom_port)}
    with Dcmqrscp(site.folder / "dcmqrscp", "DCMQRSCP", moves) as pacs:
        for plan in plans.values():
            if not plan.is_late:
                pacs.add_files(write_study(plan, site.folder / "files" / plan.name))
        site.gateway.configuration["DicomModalities"]["PACS"] = {
            "AET": "DCMQRSCP",
            "Host": "127.0.0.1",
            "Port": pacs.port,
        }
        site.gateway.start()
        check_mixture(site, plans, "DCMQRSCP", is_push=0)


def test_pushed(site: Site) -> None:
    """Studies that somebody sends to us go by Orthanc's STABLE_STUDY; the PACS knows them, so that counts are known."""
    plans = mixture()
    site.gateway.configuration["StableAge"] = 3
    site.gateway.settings["Sources"] = {}
    site.pacs.start()
    site.fill(*(plan for name, plan in plans.items() if name != "late"))
    site.gateway.start()
    for resource in site.pacs.get("/studies"):
        site.pacs.send(resource, "GATEWAY")
    day = [plan for plan in plans.values() if not plan.is_late]
    records = site.wait_settled(*day)
    messages = {message.body["studyUID"]: message.body for message in site.received(len(WANTED))}
    assert set(messages) == {plans[name].study_instance_uid for name in WANTED}
    for body in messages.values():
        assert (body["isPush"], body["priorities"], body["complete"], body["numberInPacs"]) == (1, 4, None, None)
    assert records[plans["chest-ct"].name]["completeness"]["status"] == "unknown"
    wait_until(lambda: site.gateway.get("/instances") == [], 10, "the gateway to be empty")


def test_late_images(site: Site) -> None:
    """A study that grows after its delivery is pulled again, and delivered again when its series is thicker."""
    plans = mixture()
    site.pacs.start()
    site.fill(plans["growing-ct"])
    site.gateway.start()
    site.wait_settled(plans["growing-ct"])
    site.fill(plans["late"])
    site.wait_log("reinform")
    first, second = site.received(2)
    assert second.body["revision"] == first.body["revision"] + 1
    assert second.body["seriesUID"] == first.body["seriesUID"]
    assert second.body["numberReceived"] > first.body["numberReceived"]
    assert len(second.files) == second.body["numberReceived"] == second.body["numberInPacs"]
    assert second.message_id != first.message_id


def test_late_thin_series_is_no_news(site: Site) -> None:
    """More images in the PACS, but no thicker series: nothing is sent again."""
    plans = mixture()
    site.pacs.start()
    site.fill(plans["chest-ct"])
    site.gateway.start()
    site.wait_settled(plans["chest-ct"])
    site.received(1)
    extra = SeriesPlan(number=9, images=11, description="1.1 CHEST", body_part="CHEST", slice_thickness=5)
    site.fill(replace(plans["chest-ct"], series=(extra,)))
    site.wait_log("notinform")
    site.wait_settled(plans["chest-ct"])
    assert site.received() == []


def test_radiograph_is_not_waited_for_and_sent_again(site: Site) -> None:
    """DX is pulled at first sight, and again when its count has grown."""
    plans = mixture()
    whole = plans["chest-dx"]
    site.pacs.start()
    site.fill(replace(whole, series=whole.series[:1]))
    site.gateway.start()
    site.received(1)
    site.fill(whole)
    (second,) = site.received(1)
    assert second.body["numberReceived"] == len(second.files) == 2
    assert second.body["revision"] == 2
