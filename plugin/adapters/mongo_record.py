"""The record in MongoDB: collection ``study_info_list``, one document a study, each change one write of one document.

A write counts when a majority of the replica set has it; reads see only such writes. ``version`` makes a change a
compare-and-set: it replaces the document that it was made from, or is made again from the newer one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import (
    ASCENDING,
    DESCENDING,
    IndexModel,
    MongoClient,
    ReadPreference,
    ReturnDocument,
    WriteConcern,
)
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from plugin.adapters.document import from_document, iso, to_document
from plugin.domain.priority import FAR_AHEAD, ageing, examined_at
from plugin.domain.study import SETTLED, Lease, State, Step, Study
from plugin.errors import ConfigError, RecordError
from plugin.ports import Change

Document = dict[str, Any]

DATABASE = "pacs_pull"
TIMEOUTS = {"serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000, "socketTimeoutMS": 20_000}
"""What the URL does not say otherwise."""
MAJORITY = WriteConcern("majority", wtimeout=10_000)
INDEXES = [
    IndexModel([("nextStep", ASCENDING), ("rank", DESCENDING), ("examinedAt", ASCENDING)], name="by_queue"),
    IndexModel([("studyDate", ASCENDING), ("state", ASCENDING)], name="by_date"),
    IndexModel([("state", ASCENDING), ("examinedAt", DESCENDING)], name="by_state"),
    IndexModel([("accessionNumber", ASCENDING)], name="by_accession"),
    IndexModel([("patientID", ASCENDING)], name="by_patient"),
    IndexModel([("holder", ASCENDING)], name="by_holder"),
    IndexModel([("lease.owner", ASCENDING)], name="by_lease"),
    IndexModel([("examinedAt", DESCENDING)], name="by_examination"),
]
FIELDS = {
    "study_instance_uid": "_id",
    "accession_number": "accessionNumber",
    "patient_id": "patientID",
    "study_date": "studyDate",
    "state": "state",
}
MOST = 100
MOST_CONFLICTS = 100


class MongoRecord:
    """The Record port on MongoDB. pymongo's own pool serves all threads and connects again by itself.

    ``url`` is MongoDB's connection string; the database is ``pacs_pull`` where it names none. One that cannot be read
    raises ConfigError.
    """

    def __init__(self, url: str) -> None:
        self._shown = shown(url)
        given = {key: value for key, value in TIMEOUTS.items() if key.lower() not in url.lower()}
        try:
            self._client: MongoClient[Document] = MongoClient(url, connect=False, appname="pacs-pull", **given)  # type: ignore[arg-type]
        except (PyMongoError, ValueError):
            expected = "mongodb://user:password@host:port/database, user and password percent-encoded"
            raise ConfigError([f"PacsPull.Database.Url: expected {expected}, found {self._shown}"]) from None
        self._is_ready = False

    def get(self, study_instance_uid: str) -> Study | None:
        with self._studies() as studies:
            return _study(studies.find_one({"_id": study_instance_uid}))

    def insert(self, study: Study) -> bool:
        with self._studies() as studies:
            try:
                studies.insert_one(_document(study))
            except DuplicateKeyError:
                return False
            return True

    def update(self, study_instance_uid: str, change: Change) -> Study | None:
        with self._studies() as studies:
            for _ in range(MOST_CONFLICTS):
                before = _study(studies.find_one({"_id": study_instance_uid}))
                if before is None:
                    return None
                after = change(before)
                if after == before:
                    return before
                after = replace(after, version=before.version + 1)
                unchanged = {"_id": study_instance_uid, "version": before.version}
                if studies.replace_one(unchanged, _document(after)).matched_count:
                    return after
        raise RecordError(f"{study_instance_uid} is written by others again and again")

    def claim(
        self, step: Step, lease: Lease, now: datetime, sources: Collection[str] | None = None, lowest_rank: int = 0
    ) -> Study | None:
        query: Document = {
            "nextStep": str(step),
            "rank": {"$gte": lowest_rank},
            "holder": {"$in": ["", lease.owner]},
            "$and": [_past("dueAt", now), _past("lease.until", now)],
        }
        if sources is not None:
            query["sources"] = {"$in": list(sources)} if sources else {"$size": 0}
        change = {"$set": {"lease": _lease(lease), "holder": lease.owner}, "$inc": {"version": 1}}
        order = [("rank", DESCENDING), ("examinedAt", ASCENDING)]
        with self._studies() as studies:
            return _study(studies.find_one_and_update(query, change, sort=order, return_document=ReturnDocument.AFTER))

    def find(self, **equals: str) -> list[Study]:
        query = {FIELDS[name]: value for name, value in equals.items()}
        with self._studies() as studies:
            found = studies.find(query).sort("examinedAt", DESCENDING).limit(MOST)
            return [from_document(document) for document in found]

    def number_of(self, study_date: str | None = None) -> dict[str, int]:
        match = {} if study_date is None else {"studyDate": study_date}
        stages: list[Document] = [{"$match": match}, {"$group": {"_id": "$state", "number": {"$sum": 1}}}]
        with self._studies() as studies:
            return {each["_id"]: int(each["number"]) for each in studies.aggregate(stages)}

    def forget(self, before: str) -> int:
        states = [str(state) for state in SETTLED]
        old = {"studyDate": {"$lt": before, "$gt": ""}, "nextStep": None, "state": {"$in": states}}
        with self._studies() as studies:
            return studies.delete_many(old).deleted_count

    def in_state(self, state: State) -> list[str]:
        return self._names({"state": str(state)})

    def waiting(self, step: Step) -> list[str]:
        return self._names({"nextStep": str(step)})

    def number_waiting(self, step: Step) -> int:
        with self._studies() as studies:
            return studies.count_documents({"nextStep": str(step)})

    def held_elsewhere(self, gateways: Collection[str]) -> list[str]:
        return self._names({"holder": {"$nin": ["", *gateways]}})

    def renew(self, lease: Lease, studies: Collection[str]) -> None:
        if studies:
            change = {"$set": {"lease.until": iso(lease.until)}, "$inc": {"version": 1}}
            with self._studies() as collection:
                collection.update_many({"_id": {"$in": list(studies)}, "lease.owner": lease.owner}, change)

    def release(self, owner: str) -> int:
        with self._studies() as studies:
            freed = studies.update_many({"lease.owner": owner}, {"$set": {"lease": None}, "$inc": {"version": 1}})
            return freed.modified_count

    def age(self, now: datetime) -> None:
        with self._studies() as studies:
            for rank, queued in ageing(now):
                either = [{"priority": priority, "queuedAt": {"$lte": iso(at)}} for priority, at in queued.items()]
                query = {"nextStep": str(Step.PULL), "rank": {"$lt": rank}, "$or": either}
                studies.update_many(query, {"$set": {"rank": rank}, "$inc": {"version": 1}})

    def hold(self, name: str, lease: Lease, now: datetime) -> bool:
        query = {"_id": name, "$or": [{"owner": lease.owner}, _past("until", now)]}
        with self._named_leases() as leases:
            if leases.update_one(query, {"$set": _lease(lease)}).matched_count:
                return True
            try:
                leases.insert_one({"_id": name, **_lease(lease)})
            except DuplicateKeyError:
                return False
            return True

    def leases(self) -> dict[str, Lease]:
        with self._named_leases() as leases:
            return {each["_id"]: Lease(each["owner"], datetime.fromisoformat(each["until"])) for each in leases.find()}

    def all(self) -> Iterator[Study]:
        with self._studies() as studies, studies.find().sort("_id", ASCENDING) as found:
            yield from map(from_document, found)

    def put(self, studies: Sequence[Study]) -> None:
        with self._studies() as collection:
            documents = {study.study_instance_uid: _document(study) for study in studies}
            for known in list(collection.find({"_id": {"$in": list(documents)}}, {"_id": True})):
                collection.replace_one(known, documents.pop(known["_id"]))
            if documents:
                collection.insert_many(documents.values())

    def close(self) -> None:
        self._client.close()

    def _names(self, query: Mapping[str, Any]) -> list[str]:
        with self._studies() as studies:
            return [each["_id"] for each in studies.find(query, {"_id": True})]

    @contextmanager
    def _studies(self) -> Iterator[MongoCollection[Document]]:
        with self._mapped() as database:
            yield database["study_info_list"]

    @contextmanager
    def _named_leases(self) -> Iterator[MongoCollection[Document]]:
        with self._mapped() as database:
            yield database["leases"]

    @contextmanager
    def _mapped(self) -> Iterator[Database[Document]]:
        """The database, with its indexes; pymongo's errors as ours."""
        try:
            database = self._client.get_default_database(
                DATABASE, CodecOptions(Document), ReadPreference.PRIMARY, MAJORITY, ReadConcern("majority")
            )
            if not self._is_ready:
                for index in INDEXES:  # each alone: FerretDB 1 stumbles over a list of which some are there
                    database["study_info_list"].create_indexes([index])
                self._is_ready = True
            yield database
        except PyMongoError as error:
            reason = re.split(", Timeout:|, full error:", str(error))[0]
            raise RecordError(f"the record {self._shown} cannot be used: {reason}") from error


def shown(url: str) -> str:
    """The URL without what may be secret in it: user, password and options."""
    return re.sub(r"//.*@", "//***@", url.split("?")[0])


def _document(study: Study) -> Document:
    """The document as it is stored: with its key and the text that examinations are sorted by."""
    return {
        "_id": study.study_instance_uid,
        **to_document(study),
        "examinedAt": examined_at(study.study_date, study.study_time),
    }


def _study(document: Document | None) -> Study | None:
    return None if document is None else from_document(document)


def _lease(lease: Lease) -> Document:
    return {"owner": lease.owner, "until": iso(lease.until)}


def _past(field: str, now: datetime) -> Document:
    """Whether a time is past, or there is none. One too far ahead for a back-off comes of a clock that jumped: past."""
    return {"$or": [{field: None}, {field: {"$lte": iso(now)}}, {field: {"$gt": iso(now + FAR_AHEAD)}}]}
