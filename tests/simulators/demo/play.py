"""The course of the demo: fill the PACS, watch until every study has settled, read the queue, stay up."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from filters import RulesFile
from tests.simulators.demo.account import FAILED, Row, account, record_of
from tests.simulators.demo.consumer import Consumer, Message
from tests.simulators.demo.contents import (
    LateImages,
    PacsStudy,
    days_to_poll,
    files_of,
    out_of_reach,
    studies_in,
    synthetic_day,
)
from tests.simulators.demo.screen import Screen
from tests.simulators.demo.stage import PACS, Stage
from tests.simulators.orthanc import ROOT

LOOK_SECONDS = 0.5
STALLED_SECONDS = 180.0
MANY = 12
"""Studies or messages up to which each is shown with all there is."""


class Play:
    """One run of the demo."""

    def __init__(self, stage: Stage, screen: Screen) -> None:
        self._stage = stage
        self._screen = screen
        self._late: LateImages | None = None
        self._not_taken: dict[str, str] = {}
        self._enabled = RulesFile(ROOT / "config" / "filters.toml").current().enabled_modalities

    def run(self, data: Path | None, is_once: bool) -> int:
        """The exit code: 1 when it is to end by itself and a study has not settled, or one of the synthetic day failed.

        A folder's own study may well fail: no PACS can send a broken file.
        """
        self._fill(data)
        self._start_gateway()
        rows = self._watch()
        self._sum_up(rows)
        consumer = Consumer(self._stage.rabbit.url, self._stage.queue)
        self._read(consumer)
        is_settled = self._tell_trouble(rows)
        if is_once:
            consumer.close()
            return 0 if is_settled and (data is not None or not _failed(rows)) else 1
        self._tell_addresses(rows)
        while True:
            time.sleep(1)
            self._screen.show(self._look()[0])
            self._read(consumer, is_live=True)

    def _fill(self, data: Path | None) -> None:
        screen, stage = self._screen, self._stage
        screen.say(f"Starting RabbitMQ and the demo PACS (an Orthanc, AE title {stage.pacs.ae_title})")
        stage.start_pacs()
        if data is None:
            screen.say("Filling the PACS with the synthetic day of a small department")
            self._late = synthetic_day(stage.pacs, stage.folder / "images", screen.progress)
            screen.progress_end()
            return
        screen.say(f"Filling the PACS with the DICOM files in {data}")
        taken, others = files_of(data, stage.pacs, screen.progress)
        screen.progress_end()
        screen.say(f"  {taken} images{f'; {others} files were not taken: no DICOM images' if others else ''}")

    def _start_gateway(self) -> None:
        studies = studies_in(self._stage.pacs)
        today = datetime.now().astimezone().date()
        days = days_to_poll(studies, today)
        by_hand = out_of_reach(studies, today)
        self._screen.say(f"Starting the gateway (an Orthanc with PACS Pull); it asks {PACS} for {_told_days(days)}")
        self._stage.start_gateway(days)
        if by_hand:
            self._pull_by_hand(by_hand)
        self._screen.say()

    def _pull_by_hand(self, studies: Sequence[PacsStudy]) -> None:
        """Ask for studies that no poll finds, as one does for an old examination that a doctor wants."""
        self._screen.say(
            f"A poll asks by StudyDate and reaches a year back. {len(studies)} of these studies are older or have no "
            "date:\nthey are pulled by hand, one request each, the first one by"
        )
        url = f"{self._stage.gateway.url}/pacs-pull/pull"
        self._screen.say(f"  curl {url} -d '{json.dumps({'StudyInstanceUID': studies[0].study_instance_uid})}'")
        for number, study in enumerate(studies, 1):
            self._screen.progress(f"{number} of {len(studies)}")
            if not study.study_instance_uid:
                self._not_taken[""] = "no StudyInstanceUID: no PACS can be asked for it"
                continue
            answer = requests.post(url, json={"StudyInstanceUID": study.study_instance_uid}, timeout=120)
            if not answer.ok:
                self._not_taken[study.study_instance_uid] = f"not taken: {answer.json()['error']}"
            elif not answer.json()["studies"]:
                self._not_taken[study.study_instance_uid] = "the PACS answers nothing to its StudyInstanceUID"
        self._screen.progress_end()

    def _look(self) -> tuple[list[Row], dict[str, dict[str, Any]]]:
        record = record_of(self._stage.database)
        return account(studies_in(self._stage.pacs), record, self._enabled, self._not_taken), record

    def _watch(self) -> list[Row]:
        """Show what happens until every study has settled, or nothing has changed for a while."""
        changed_at = time.monotonic()
        while True:
            rows, record = self._look()
            if self._screen.show(rows):
                changed_at = time.monotonic()
            is_over = self._late is None or self._late.is_over
            if is_over and all(row.is_settled for row in rows) and not self._stage.gateway.get("/studies"):
                return rows
            if time.monotonic() - changed_at > STALLED_SECONDS:
                return rows
            if self._late is not None:
                uid = self._late.study_instance_uid
                row = next(row for row in rows if row.study_instance_uid == uid)
                self._stage.pacs.store(self._late.next_batch(row.is_settled and uid in record))
            time.sleep(LOOK_SECONDS)

    def _sum_up(self, rows: Sequence[Row]) -> None:
        counts = Counter(row.state for row in rows)
        told = ", ".join(
            f"{number} {state if state != '-' else 'not pulled'}" for state, number in counts.most_common()
        )
        self._screen.say(f"\n{len(rows)} studies: {told}")
        if self._screen.is_terminal and len(rows) <= MANY:  # the table has cut long reasons
            for row in rows:
                self._screen.say(f"  {row.name}: {row.why}")

    def _tell_trouble(self, rows: Sequence[Row]) -> bool:
        """Say which studies have failed or not settled; whether all have settled and the gateway is empty."""
        for row in _failed(rows):
            self._screen.say(f"FAILED, a person decides: {row.name} {row.study_instance_uid}: {row.why}")
        unsettled = [row for row in rows if not row.is_settled]
        for row in unsettled:
            self._screen.say(f"NOT SETTLED: {row.name} {row.study_instance_uid} {row.state}: {row.why}")
        held = self._stage.gateway.get("/studies")
        if held:
            self._screen.say(f"NOT EMPTY: the gateway still holds {len(held)} studies")
        return not unsettled and not held

    def _read(self, consumer: Consumer, is_live: bool = False) -> None:
        """Print the messages that wait, whole where they are few; all of them go to messages.jsonl."""
        messages = list(consumer.take())
        if not messages:
            return
        with (self._stage.folder / "messages.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(message.body, ensure_ascii=False) + "\n" for message in messages)
        if not is_live:
            self._screen.say(f"\nWhat a consumer of the queue {self._stage.queue} gets, highest priority first:")
            self._screen.say(json.dumps(messages[0].body, ensure_ascii=False, indent=1))
        for number, message in enumerate(messages, 1):
            self._screen.say(f"  {number:>3}. {_told_message(message)}")

    def _tell_addresses(self, rows: Sequence[Row]) -> None:
        say, stage, gateway = self._screen.say, self._stage, self._stage.gateway.url
        say("\nLook around:")
        say(f"  is all well?      {gateway}/pacs-pull/status")
        recorded = [row for row in rows if row.state != "-"]
        for row in recorded[:MANY]:
            say(f"  what of a study?  {gateway}/api/v1/dcm/debug?{_question(row)}")
        if len(recorded) > MANY:
            say(f"                    … and so on for {len(recorded) - MANY} more")
        say(f'  pull by hand      curl {gateway}/pacs-pull/pull -d \'{{"AccessionNumber": "…"}}\'')
        say(f"  the log           {stage.log_file}")
        say(f"  handed over       {stage.gateway.store_image}")
        say(f"  all messages      {stage.folder / 'messages.jsonl'}")
        say(f"  demo PACS         {stage.pacs.url}/app/explorer.html (drop more files there: they are found)")
        say(f"  RabbitMQ          {stage.rabbit.url}")
        say("\nCtrl-C ends it all.\n")


def _failed(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.state == FAILED]


def _question(row: Row) -> str:
    name = row.name if row.name and not row.name.startswith("…") else ""
    return f"AccessionNumber={quote(name)}" if name else f"StudyInstanceUID={row.study_instance_uid}"


def _told_days(days: Sequence[int]) -> str:
    if days == [0]:
        return "today's studies"
    return f"{len(days)} days (CrossDays {json.dumps(days[:MANY])}{' …' if len(days) > MANY else ''})"


def _told_message(message: Message) -> str:
    body = message.body
    in_pacs = "?" if body["numberInPacs"] is None else body["numberInPacs"]
    return (
        f"priority {message.priority}  {body['task']}  {body['accessionNumber'] or body['studyUID']}  "
        f"revision {body['revision']}  {body['numberReceived']}/{in_pacs} images  "
        f"{message.files} files now in {body['filepath']}"
    )
