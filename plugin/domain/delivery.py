"""What is handed over: which series, whether again, and the message that says so (SPEC §7)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from plugin.domain.study import Delivery, Outgoing, Series, Study

NAMESPACE = uuid.UUID("6d9f3c1e-6f0f-5a52-9a55-0f1d3f6f6a10")
NORMAL_DELIVERY = 800


@dataclass(frozen=True, slots=True)
class Parcel:
    """The series of a study that go out together for one task.

    ``folder`` is the resource id that names the hand-over folder. ``last_update`` is Orthanc's LastUpdate
    (``20200618T080626``). ``is_one_of_many``: the task delivers each series by itself. ``ranking`` says of each series
    that was in the choice, by UID, why it was taken or not.
    """

    task: str
    routing_key: str
    folder: str
    series: tuple[Series, ...]
    instances: tuple[str, ...] = ()
    is_one_of_many: bool = False
    last_update: str = ""
    ranking: Mapping[str, str] = field(default_factory=dict)

    @property
    def series_instance_uid(self) -> str:
        return self.series[0].series_instance_uid

    @property
    def number_received(self) -> int:
        return sum(series.number_received for series in self.series)

    @property
    def number_in_pacs(self) -> int | None:
        """The PACS's number of images of these series; None where one of them has no count."""
        numbers = [series.number_in_pacs for series in self.series]
        return None if None in numbers else sum(number or 0 for number in numbers)

    @property
    def is_complete(self) -> bool | None:
        """Every series has at least as many images as in the PACS; None where the PACS gives no counts."""
        if self.number_in_pacs is None:
            return None
        return all(series.number_received >= (series.number_in_pacs or 0) for series in self.series)


PROVEN = {"complete": True, "incomplete": False}
"""What a PACS that counts by study only proves of each of its series."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the images came from (Orthanc's RemoteAET and RemoteIP) and the seconds from the first one to the last."""

    ae_title: str = ""
    address: str = ""
    seconds: float | None = None


def previous(study: Study, parcel: Parcel) -> Delivery | None:
    """What was last delivered in the parcel's place: for its task, or for its series where that goes by itself."""
    mine = [
        delivery
        for delivery in study.deliveries
        if delivery.task == parcel.task
        and (
            delivery.series_instance_uid == parcel.series_instance_uid
            if parcel.is_one_of_many
            else not delivery.is_one_of_many
        )
    ]
    return max(mine, key=lambda delivery: delivery.revision, default=None)


def message_id(study_instance_uid: str, task: str, series_instance_uid: str, revision: int) -> str:
    """The same for the same delivery, whoever computes it: a consumer can drop a repeat."""
    return str(uuid.uuid5(NAMESPACE, f"{study_instance_uid}|{task}|{series_instance_uid}|{revision}"))


def packed(study: Study, parcel: Parcel, origin: Origin, folder: str, revision: int) -> tuple[Delivery, Outgoing]:
    """The delivery and its message. ``folder`` is the absolute path of the hand-over folder."""
    identity = message_id(study.study_instance_uid, parcel.task, parcel.series_instance_uid, revision)
    delivery = Delivery(
        task=parcel.task,
        revision=revision,
        message_id=identity,
        series_instance_uid=parcel.series_instance_uid,
        number_received=parcel.number_received,
        folder=folder,
        numbers={series.series_instance_uid: series.number_received for series in parcel.series},
        is_one_of_many=parcel.is_one_of_many,
    )
    body = {
        "studyUID": study.study_instance_uid,
        "seriesUID": parcel.series_instance_uid,
        "numberReceived": parcel.number_received,
        "statecode": NORMAL_DELIVERY,
        "message": "",
        "filepath": folder,
        "callingAPTitle": origin.ae_title,
        "callingPresentationAddress": origin.address,
        "seriesnum": len(parcel.series),
        "totalRecievedtime": "" if origin.seconds is None else f"{origin.seconds:g}",
        "priorities": study.priority,
        "isPush": int(study.is_push),
        "lastUpdateTime": parcel.last_update,
        "schemaVersion": 1,
        "task": parcel.task,
        "revision": revision,
        "complete": PROVEN.get(study.completeness.status) if parcel.is_complete is None else parcel.is_complete,
        "numberInPacs": parcel.number_in_pacs,
        "accessionNumber": study.accession_number,
        "patientID": study.patient_id,
        "modality": parcel.series[0].modality,
        "series": [
            {
                "seriesUID": series.series_instance_uid,
                "numberReceived": series.number_received,
                "numberInPacs": series.number_in_pacs,
            }
            for series in parcel.series
        ],
    }
    return delivery, Outgoing(identity, parcel.routing_key, study.priority, body)
