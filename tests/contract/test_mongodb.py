"""What is MongoDB's alone: its documents as support engineers query them, and its absences."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymongo
import pytest

from plugin.adapters.mongo_record import MongoRecord, shown
from plugin.domain.study import Study
from plugin.errors import ConfigError, RecordError
from tests.contract.test_record import WHOLE
from tests.requirements import require
from tests.simulators import ferretdb
from tests.simulators.process import free_port


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ferretdb.FerretDB]:
    """A server that may be killed."""
    require(ferretdb.available())
    with ferretdb.FerretDB(tmp_path) as server:
        yield server


def test_the_query_that_support_engineers_write(mongodb_url: str) -> None:
    with closing(MongoRecord(mongodb_url)) as record, pymongo.MongoClient[dict[str, Any]](mongodb_url) as client:
        record.insert(Study("1.2.3", study_date="2020-06-12", study_time="08:06:26", accession_number="A1"))
        record.insert(Study("1.2.4", study_date="2020-06-13"))
        record.insert(WHOLE)
        db = client.get_default_database()
        (found,) = db.study_info_list.find({"studyDate": "2020-06-12", "state": "meta_only"})
        assert (found["_id"], found["studyInstanceUID"], found["accessionNumber"]) == ("1.2.3", "1.2.3", "A1")
        whole = db.study_info_list.find_one({"studyDate": "2020-06-12", "state": "pull_data"})
        assert whole is not None
        assert whole["sources"] == ["PACS", "MIRROR"]
        assert whole["completeness"] == {"status": "incomplete", "expected": 300, "received": 299, "repulls": 2}
        assert whole["outbox"][0]["messageId"] == "id-1"


def test_nobody_there_is_a_clear_error_soon_and_without_secrets() -> None:
    url = f"mongodb://user:pass%40word@127.0.0.1:{free_port()}/record?serverSelectionTimeoutMS=300&tlsAllowInvalidHostnames=false"
    started = time.monotonic()
    with closing(MongoRecord(url)) as record, pytest.raises(RecordError) as caught:
        record.get("1")
    assert time.monotonic() - started < 3
    assert "pass" not in str(caught.value)
    assert "mongodb://***@127.0.0.1" in str(caught.value)


def test_what_is_shown_of_a_url() -> None:
    assert shown("mongodb://a:9017,b:9017/record?replicaSet=rs") == "mongodb://a:9017,b:9017/record"
    assert shown("mongodb+srv://u:p@host/record?authMechanismProperties=x") == "mongodb+srv://***@host/record"


@pytest.mark.parametrize(
    "url", ["mongodb://user:p/ss@host/record", "mongodb://user:p@ss@host", "mongodb://h:99999999/r"]
)
def test_a_url_that_cannot_be_read_stops_the_start_and_shows_no_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        MongoRecord(url)
    assert "PacsPull.Database.Url" in str(caught.value)
    assert "ss@" not in str(caught.value)


def test_the_record_goes_on_when_the_server_is_back(server: ferretdb.FerretDB) -> None:
    with closing(MongoRecord(f"{server.url}/record?serverSelectionTimeoutMS=300")) as record:
        assert record.insert(WHOLE)
        server.kill()
        with pytest.raises(RecordError):
            record.get(WHOLE.study_instance_uid)
        server.start()
        assert record.get(WHOLE.study_instance_uid) == WHOLE
