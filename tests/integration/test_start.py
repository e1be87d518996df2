"""How the gateway starts, and how it refuses to."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.integration.site import Site
from tests.requirements import require
from tests.simulators import orthanc
from tests.simulators.orthanc import Gateway
from tests.simulators.process import ServerError


def refused(gateway: Gateway) -> str:
    """What a start that must fail says."""
    began = time.monotonic()
    with pytest.raises(ServerError) as caught:
        gateway.start()
    assert gateway.exit_code not in (None, 0)
    assert time.monotonic() - began < 20
    return str(caught.value)


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    require(orthanc.available())
    bad = {
        "Sources": {"HOSPTAL": {"PollIntervalSecond": 5, "CrossDays": "today", "Stability": "Never"}},
        "Database": {"Url": "oracle://x"},
        "RabbitMQ": {"Url": "http://user:secret@host/"},
        "DeleteAfterSend": 7,
        "PushPriority": True,
        "FilterFile": "x",
    }
    gateway = Gateway(tmp_path, bad, {"DicomModalities": {"HOSPITAL": ["PACS", "127.0.0.1", 4242]}})
    text = refused(gateway)
    for part in (
        "PacsPull.Sources.HOSPTAL.PollIntervalSecond: unknown key, did you mean PollIntervalSeconds?",
        "PacsPull.Sources.HOSPTAL.CrossDays: expected",
        'found "today"',
        "PacsPull.Sources.HOSPTAL.Stability: expected 'Count' or 'Delay', found \"Never\"",
        "PacsPull.Database.Url: expected sqlite:///relative/path, sqlite:////absolute/path or mongodb://host/database",
        "PacsPull.RabbitMQ.Url: expected amqp://",
        "PacsPull.DeleteAfterSend: expected",
        "PacsPull.PushPriority: expected a number, found true",
        "PacsPull.FilterFile: unknown key, did you mean FiltersFile?",
        "PacsPull.Sources.HOSPTAL: expected an entry of DicomModalities, found none; did you mean HOSPITAL?",
    ):
        assert part in text, part
    assert "secret" not in text


def test_bad_rules_stop_the_start(tmp_path: Path) -> None:
    require(orthanc.available())
    rules = tmp_path / "filters.toml"
    rules.write_text('[[task]]\nname = "chest-ct"\nmodalites = ["CT"]\n')
    text = refused(Gateway(tmp_path / "gateway", {"FiltersFile": str(rules)}))
    assert "FiltersFile" in text
    assert "modalites" in text


def test_no_source_no_broker(site: Site) -> None:
    """The gateway runs with nothing around it, and says so."""
    site.gateway.settings["Sources"] = {}
    site.gateway.settings["RabbitMQ"] = {"Url": "amqp://guest:guest@127.0.0.1:1/"}
    site.gateway.start()
    site.wait_log("RabbitMQ is away")
    status = site.gateway.get("/pacs-pull/status")
    assert status["rabbitMQ"]["up"] is False
    assert all(worker["alive"] for worker in status["workers"].values())


def test_stops_quickly(site: Site) -> None:
    site.pacs.start()
    site.gateway.start()
    site.wait_log("find ")
    began = time.monotonic()
    site.gateway.stop()
    assert site.gateway.exit_code == 0
    assert time.monotonic() - began < 15
    assert "PACS Pull stops" in site.gateway.python_log()
    assert "still busy" not in site.gateway.python_log()
