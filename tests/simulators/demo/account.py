"""What became of each study of the PACS, and why, in the words of the record."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.simulators.demo.contents import PacsStudy

DELIVERED, REFUSED, FAILED = "pull_data_end", "unsupported_series", "failed"
ABSENT = "-"
NEXT = {
    "pull": "waits for its turn to be pulled",
    "deliver": "is here: counting, choosing series",
    "publish": "handed over: waits for RabbitMQ's confirm",
    "clean": "done: to be deleted from the gateway",
}


@dataclass(frozen=True)
class Row:
    """One study as the table shows it. ``images`` is received/in the PACS."""

    study_instance_uid: str
    name: str
    modality: str
    images: str
    state: str
    why: str
    is_settled: bool


def record_of(database: Path) -> dict[str, dict[str, Any]]:
    """The whole ``study_info_list`` by StudyInstanceUID."""
    if not database.exists():
        return {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        try:
            documents = [json.loads(text) for (text,) in connection.execute("SELECT doc FROM study_info_list")]
        except sqlite3.OperationalError:  # the table comes a moment after the file
            return {}
    return {document["studyInstanceUID"]: document for document in documents}


def account(
    studies: Sequence[PacsStudy],
    record: Mapping[str, dict[str, Any]],
    enabled: Collection[str],
    refused_by_hand: Mapping[str, str],
) -> list[Row]:
    """One row a study. ``enabled`` are the modalities of all tasks; ``refused_by_hand`` says why a pull by hand was
    not taken, by StudyInstanceUID."""
    return [_row(study, record.get(study.study_instance_uid), enabled, refused_by_hand) for study in studies]


def _row(
    study: PacsStudy,
    document: dict[str, Any] | None,
    enabled: Collection[str],
    refused_by_hand: Mapping[str, str],
) -> Row:
    name = study.accession_number or f"…{study.study_instance_uid[-14:]}"
    modality = "/".join(study.modalities) or "?"
    if document is None:
        state, received, why, is_settled = ABSENT, 0, *_absent(study, enabled, refused_by_hand)
    else:
        state, received = document["state"], document["numberReceived"]
        is_idle = document["nextStep"] is None and document["lease"] is None
        is_up_to_date = study.images <= (document["settledNumber"] or 0)
        is_settled = state == FAILED or (is_idle and state in (DELIVERED, REFUSED) and is_up_to_date)
        why = _why(document, study.images, is_up_to_date)
    return Row(study.study_instance_uid, name, modality, f"{received}/{study.images}", state, why, is_settled)


def _absent(study: PacsStudy, enabled: Collection[str], refused_by_hand: Mapping[str, str]) -> tuple[str, bool]:
    if study.study_instance_uid in refused_by_hand:
        return refused_by_hand[study.study_instance_uid], True
    if study.modalities and not set(study.modalities) & set(enabled):
        return f"not pulled: no task takes {'/'.join(study.modalities)}", True
    return "not seen by a poll yet", False


def _why(document: Mapping[str, Any], in_pacs: int, is_up_to_date: bool) -> str:
    state, step = document["state"], document["nextStep"]
    if document["lastError"]:
        return str(document["lastError"])
    if state == "meta_only" and step is None:
        return f"{in_pacs} images in the PACS: waits until the number stands still"
    if state == "pull_data" and step == "pull":
        return f"being pulled: {in_pacs} images"
    if step is not None:
        return NEXT[step]
    if state == REFUSED:
        return f"filtered out: {_refusals(document)}"
    return _delivered(document) + ("" if is_up_to_date else f"; now {in_pacs} images in the PACS")


def _delivered(document: Mapping[str, Any]) -> str:
    last: dict[str, Any] = max(document["deliveries"], key=lambda each: each["revision"], default={})
    if not last:
        return ""
    sent = [series for series in document["series"] if series["numberDelivered"]]
    names = [
        f"'{series['attributes'].get('SeriesDescription') or series['seriesInstanceUID'][-8:]}'" for series in sent
    ]
    text = f"{last['task']}: {last['numberReceived']} images of {', '.join(names)}"
    if last["revision"] > 1:
        text += f", revision {last['revision']}"
    rest = len(document["series"]) - len(sent)
    others = Counter(_not_sent(series) for series in document["series"] if not series["numberDelivered"])
    return text + (f"; not {', '.join(others)}" if rest else "")


def _not_sent(series: Mapping[str, Any]) -> str:
    name = series["attributes"].get("SeriesDescription") or series["seriesInstanceUID"][-8:]
    reason = "fewer images" if series["verdict"] == "kept" else _short(series["reason"])
    return f"'{name}' ({reason})"


def _refusals(document: Mapping[str, Any]) -> str:
    return "; ".join(Counter(_short(series["reason"]) for series in document["series"])) or "no series"


def _short(reason: str) -> str:
    return reason.removeprefix("filter because ").replace("ORIGINAL\\PRIMARY\\", "")
