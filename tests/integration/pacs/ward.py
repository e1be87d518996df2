"""Many PACS at once, each with its own way of misbehaving, and one gateway that has to live with all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.integration.site import Message, Site
from tests.simulators.images import SeriesPlan, StudyPlan, write_study
from tests.simulators.pacs import HONEST, Faults, SimulatedPacs
from tests.simulators.process import LOOPBACK, wait_until
from tests.simulators.rabbitmq import RabbitMQ

THIN, THICK = 14, 12
"""Images of the two chest series of a CT: the thin one is the one to deliver."""


@dataclass(frozen=True)
class Case:
    """One PACS: what it does wrong, and what is set for it. Cases of the same ``holds`` hold the same studies."""

    faults: Faults = HONEST
    settings: Mapping[str, Any] = field(default_factory=dict)
    crowd: int = 0
    holds: str = ""


class Department:
    """The studies of one PACS: today's chest CT and chest DX, today's hand, and last month's chest CT.

    A crowd are so many mammograms of today, each at a minute of its own: what nobody wants fills the answers.
    """

    def __init__(self, name: str, crowd: int = 0) -> None:
        self.name = name
        self.thin = _ct(number=3, images=THIN, description="CHEST 1MM", slice_thickness=1)
        thick = _ct(number=2, images=THICK, description="CHEST 5MM", slice_thickness=5)
        scout = _ct(number=1, images=2, description="SCOUT", image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
        today = datetime.now().astimezone().date()
        last_month = today - timedelta(days=30)
        self.ct = self._study("ct", today, "080626", scout, thick, self.thin)
        self.dx = self._study("dx", today, "081200", _dx(1, "CHEST PA", "CHEST"), _dx(2, "CHEST LAT", "CHEST"))
        self.hand = self._study("hand", today, "091000", _dx(1, "HAND PA", "HAND"))
        mammogram = SeriesPlan(modality="MG", rows=8, columns=8)
        times = (f"{7 + number // 60:02d}{number % 60:02d}00" for number in range(crowd))
        self.crowd = [self._study(f"mg{time}", today, time, mammogram) for time in times]
        self.old = self._study("old", last_month, "100000", _ct(number=2, images=12, description="CHEST 1MM"))

    @property
    def today(self) -> tuple[StudyPlan, ...]:
        return self.ct, self.dx, self.hand

    @property
    def all(self) -> tuple[StudyPlan, ...]:
        return *self.crowd, *self.today, self.old

    def _study(self, name: str, day: date, time: str, *series: SeriesPlan) -> StudyPlan:
        return replace(self.study(name, f"{day:%Y%m%d}", *series), study_time=time)

    def study(self, name: str, study_date: str, *series: SeriesPlan, accession_number: str = "") -> StudyPlan:
        return StudyPlan(
            name=f"{self.name} {name}",
            patient_id=f"{self.name[:20]}-{name}",
            accession_number=accession_number or f"{self.name[:8]}{name}",
            study_date=study_date,
            study_time="120000",
            series=series,
        )


def _ct(**values: Any) -> SeriesPlan:
    return SeriesPlan(modality="CT", body_part="CHEST", rows=32, columns=32, **values)


def _dx(number: int, description: str, body_part: str) -> SeriesPlan:
    return SeriesPlan(
        modality="DX", number=number, description=description, body_part=body_part, rows=32, columns=32
    )  # fmt: skip


class Ward(Site):
    """A site whose PACS are simulated, one for each case, under the case's name as alias and AE title."""

    def __init__(self, folder: Path, broker: RabbitMQ, name: str, cases: Mapping[str, Case], **settings: Any) -> None:
        super().__init__(folder, broker, name)
        self.cases = dict(cases)
        self.departments = {alias: Department(case.holds or alias, case.crowd) for alias, case in cases.items()}
        self.servers: dict[str, SimulatedPacs] = {}
        self.messages: list[Message] = []
        self.gateway.configuration["DicomModalities"] = {}
        self.gateway.settings["Sources"] = {
            alias: {"PollIntervalSeconds": 2, "TimeoutSeconds": 5, **case.settings} for alias, case in cases.items()
        }
        self.gateway.settings.update({"MaxRepulls": 1, **settings})

    def open(self) -> None:
        """Start every PACS with its studies, then the gateway."""
        for alias, case in self.cases.items():
            folder = self.folder / alias
            for plan in self.departments[alias].all:
                write_study(plan, folder)
            server = SimulatedPacs(folder, ae_title=alias[:16], moves=self.moves, faults=case.faults)
            self.servers[alias] = server.start()
            self.knows(alias)
        self.gateway.start()

    @property
    def moves(self) -> dict[str, tuple[str, int]]:
        return {self.gateway.ae_title: (LOOPBACK, self.gateway.dicom_port)}

    def knows(self, alias: str) -> None:
        """Enter a PACS that has started into the gateway's DicomModalities."""
        server = self.servers[alias]
        entry = {"AET": server.ae_title, "Host": LOOPBACK, "Port": server.port}
        self.gateway.configuration["DicomModalities"][alias] = entry

    def __exit__(self, *_: object) -> None:
        self.gateway.stop()
        with ThreadPoolExecutor(max(len(self.servers), 1)) as pool:
            list(pool.map(SimulatedPacs.stop, self.servers.values()))

    def logs(self) -> Iterator[tuple[str, str]]:
        yield "orthanc-python.log", self.gateway.python_log()[-30_000:]
        yield "gateway", self.gateway.log_text()[-3_000:]

    def delivered(self, plan: StudyPlan, number: int = 1, seconds: float = 60) -> list[Message]:
        """The messages of one study, once there are so many of them."""

        def mine() -> list[Message]:
            return [message for message in self.messages if message.body["studyUID"] == plan.study_instance_uid]

        def take() -> bool:
            self.messages += self.received()
            return len(mine()) >= number

        wait_until(take, seconds, f"{number} messages of {plan.name}", every=0.2)
        return mine()

    def asked(self, alias: str, plan: StudyPlan, level: str = "") -> list[Any]:
        """The retrieves of one study that a PACS got."""
        return [
            one
            for one in self.servers[alias].requests.retrieves
            if plan.study_instance_uid in [uid.strip(" \0") for uid in one.uids.get("StudyInstanceUID", ())]
            and level in ("", one.level)
        ]

    def threads(self) -> dict[str, bool]:
        """The gateway's threads: whether each lives."""
        workers = self.gateway.get("/pacs-pull/status")["workers"]
        return {name: worker["alive"] for name, worker in workers.items()}

    def check_whole(self, alias: str, status: str = "complete") -> None:
        """Both wanted studies came, whole; nothing else did, and the record tells the truth."""
        department = self.departments[alias]
        records = self.wait_settled(*department.today)
        (ct,), (dx,) = (self.delivered(plan) for plan in (department.ct, department.dx))
        thin_uid = department.ct.series_instance_uid(department.thin.number)
        assert ct.body["seriesUID"] == thin_uid
        assert len(ct.files) == ct.body["numberReceived"] == department.thin.images
        assert len(dx.files) == dx.body["numberReceived"] == 2
        for plan in (department.ct, department.dx):
            record = records[plan.name]
            assert record["completeness"]["status"] == status, record["completeness"]
            assert record["state"] == "pull_data_end"
        for message in (ct, dx):
            assert message.body["complete"] is {"complete": True, "incomplete": False, "unknown": None}[status]
        assert records[department.hand.name]["state"] == "unsupported_series"
        self.check_archive_untouched(alias)

    def check_archive_untouched(self, alias: str) -> None:
        """Nothing of other days was recorded or moved, and every thread lives."""
        department = self.departments[alias]
        old = set(department.old.sop_instance_uids(department.old.series[0]))
        assert not old & set(self.servers[alias].requests.sent)
        assert self.asked(alias, department.old) == []
        assert self.gateway.record(department.old.study_instance_uid) is None
        assert all(self.threads().values())
