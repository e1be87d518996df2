"""One small PACS and one destination for all tests; honest again after each."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.simulators.scu import Received, receiver
from tests.simulators.images import SeriesPlan, StudyPlan, write_study
from tests.simulators.pacs import HONEST, Faults, SimulatedPacs

Serve = Callable[..., SimulatedPacs]


def small(modality: str, images: int, number: int = 1, description: str = "CHEST") -> SeriesPlan:
    return SeriesPlan(modality=modality, images=images, number=number, description=description, rows=8, columns=8)


CHEST_CT = StudyPlan(
    name="chest",
    patient_id="SYN1",
    accession_number="A1",
    study_date="20240102",
    study_time="080626",
    description="CHEST CT",
    series=(small("CT", 2, 1, "SCOUT"), small("CT", 5, 2)),
)
CHEST_DX = StudyPlan(
    name="dx",
    patient_id="SYN2",
    accession_number="A2",
    study_date="20240102",
    study_time="235959",
    description="CHEST 2 VIEWS",
    series=(small("DX", 1, 1), small("PR", 1, 2)),
)
OLD_CT = StudyPlan(
    name="old",
    patient_id="SYN3",
    accession_number="A3",
    study_date="20231231",
    study_time="120000.5",
    description="胸部平扫",
    character_set="ISO_IR 192",
    series=(small("CT", 3),),
)
STUDIES = (CHEST_CT, CHEST_DX, OLD_CT)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    for study in STUDIES:
        write_study(study, folder)
    return folder


@pytest.fixture(scope="session")
def running(folder: Path) -> Iterator[SimulatedPacs]:
    with SimulatedPacs(folder) as pacs:
        yield pacs


@pytest.fixture
def serve(running: SimulatedPacs) -> Iterator[Serve]:
    """The PACS with the three studies, given these faults."""

    def give(**faults: object) -> SimulatedPacs:
        running.faults = Faults(**faults)  # type: ignore[arg-type]
        return running

    yield give
    running.faults = HONEST
    running.requests.clear()


@pytest.fixture(scope="session")
def destination() -> Iterator[Received]:
    with receiver() as one:
        yield one


@pytest.fixture
def received(destination: Received) -> Iterator[Received]:
    yield destination
    destination.clear()
