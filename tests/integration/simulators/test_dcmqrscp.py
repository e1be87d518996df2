"""DCMTK's server and our simulated PACS say and send the same."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.integration.simulators.conftest import CHEST_CT, Serve
from tests.integration.simulators.scu import Received, find, move
from tests.simulators.dcmqrscp import Dcmqrscp
from tests.simulators.pacs import SimulatedPacs

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not Dcmqrscp.is_installed() and os.environ.get("CI") != "true", reason="DCMTK's dcmqrscp is not installed"
    ),
]


def test_it_finds_and_moves_what_the_simulated_pacs_does(
    serve: Serve, folder: Path, tmp_path: Path, received: Received
) -> None:
    simulated = serve()
    with Dcmqrscp(tmp_path, "REAL", {"DESTINATION": ("127.0.0.1", received.port)}) as server:
        server.add_files(sorted(folder.rglob("*.dcm")))
        real = SimulatedPacs(ae_title="REAL", port=server.port)  # never started: an address for the client
        keys: dict[str, Any] = {"StudyDate": "20231231-20240102", "PatientID": "SYN*", "AccessionNumber": ""}

        answers = [sorted(find(one, **keys).values("AccessionNumber")) for one in (real, simulated)]
        series = [
            find(one, "SERIES", StudyInstanceUID=CHEST_CT.study_instance_uid, SeriesInstanceUID="", Modality="CT")
            for one in (real, simulated)
        ]
        assert answers[0] == answers[1] == ["A1", "A2", "A3"]
        assert {*series[0].values("SeriesInstanceUID")} == {*series[1].values("SeriesInstanceUID")}

        sent = []
        for one in (real, simulated):
            assert move(one, received, StudyInstanceUID=CHEST_CT.study_instance_uid).status == 0
            sent.append({image.SOPInstanceUID: image for image in received.images})
            received.clear()
        assert len(sent[0]) == 7
        assert sent[0] == sent[1]
