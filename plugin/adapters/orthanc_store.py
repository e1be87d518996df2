"""What Orthanc holds: studies, headers, files; and their deletion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from plugin.adapters.header import rules_header
from plugin.adapters.orthanc_rest import Loopback, Reads
from plugin.ports import StoredSeries, StoredStudy


class OrthancStore:
    """The ImageStore port on Orthanc's REST API.

    ``storage`` is Orthanc's StorageDirectory, or None where its files cannot be read as they are.
    """

    def __init__(self, reads: Reads, http: Loopback, storage: Path | None) -> None:
        self._reads = reads
        self._http = http
        self._storage = storage

    def study(self, study_instance_uid: str) -> StoredStudy | None:
        found = [entry["ID"] for entry in self._reads.lookup(study_instance_uid) if entry["Type"] == "Study"]
        studies = [study for study in (self._reads.get(f"/studies/{resource}") for resource in found) if study]
        if not studies:
            return None
        series = [self._series(resource) for study in studies for resource in study["Series"]]
        held: dict[str, StoredSeries] = {}
        for one in series:
            if one is not None:
                before = held.get(one.series_instance_uid)
                held[one.series_instance_uid] = one if before is None else _joined(before, one)
        return StoredStudy(
            resource_ids=tuple(study["ID"] for study in studies),
            study_instance_uid=study_instance_uid,
            header={
                **studies[0]["MainDicomTags"],
                "PatientID": studies[0]["PatientMainDicomTags"].get("PatientID", ""),
            },
            series=tuple(held.values()),
            is_orthanc_stable=all(study["IsStable"] for study in studies),
        )

    def _series(self, resource: str) -> StoredSeries | None:
        series = self._reads.get(f"/series/{resource}")
        if series is None:
            return None
        tags = series["MainDicomTags"]
        return StoredSeries(
            resource_id=resource,
            series_instance_uid=tags.get("SeriesInstanceUID", ""),
            modality=tags.get("Modality", ""),
            instances=tuple(series["Instances"]),
            last_update=series.get("LastUpdate", ""),
        )

    def study_uids(self) -> list[str]:
        studies = self._http.get("/studies?expand") or []
        return [uid for study in studies if (uid := study["MainDicomTags"].get("StudyInstanceUID"))]

    def uid_of(self, resource_id: str) -> str | None:
        study = self._reads.get(f"/studies/{resource_id}")
        return study["MainDicomTags"].get("StudyInstanceUID") if study else None

    def header(self, instance: str) -> Mapping[str, object]:
        return rules_header(self._reads.get(f"/instances/{instance}/simplified-tags") or {})

    def sop_instance_uids(self, series: StoredSeries) -> frozenset[str]:
        instances = self._http.get(f"/series/{series.resource_id}/instances?expand") or []
        return frozenset(instance["MainDicomTags"].get("SOPInstanceUID", "") for instance in instances)

    def sender(self, instance: str) -> tuple[str, str]:
        metadata: dict[str, str] = self._reads.get(f"/instances/{instance}/metadata?expand") or {}
        return metadata.get("RemoteAET", ""), metadata.get("RemoteIP", "")

    def attachment(self, instance: str) -> Path | None:
        if self._storage is None:
            return None
        info = self._reads.get(f"/instances/{instance}/attachments/dicom/info")
        if not info:
            return None
        uuid = info["Uuid"]
        file = self._storage / uuid[0:2] / uuid[2:4] / uuid
        try:
            is_plain = file.stat().st_size == int(info["UncompressedSize"]) == int(info["CompressedSize"])
        except OSError:
            return None
        return file if is_plain else None

    def copy(self, instance: str, to: Path) -> None:
        self._http.download(f"/instances/{instance}/file", to)

    def delete(self, study: StoredStudy) -> None:
        for resource in study.resource_ids:
            self._http.delete(f"/studies/{resource}")


def _joined(one: StoredSeries, other: StoredSeries) -> StoredSeries:
    """One series whose images name two patients, which Orthanc therefore keeps apart."""
    latest = max(one.last_update, other.last_update)
    return replace(one, instances=one.instances + other.instances, last_update=latest)
