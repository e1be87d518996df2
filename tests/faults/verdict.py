"""After a fault: is every wanted study delivered, each revision under one message_id, nothing deleted early?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.integration.site import Site
from tests.simulators.images import StudyPlan
from tests.simulators.process import wait_until


@dataclass(frozen=True)
class Verdict:
    """What was tried and what came of it; adds up."""

    faults: int = 0
    deliveries: int = 0
    repeats: int = 0
    losses: int = 0

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.faults + other.faults,
            self.deliveries + other.deliveries,
            self.repeats + other.repeats,
            self.losses + other.losses,
        )

    def table(self) -> str:
        return f"faults {self.faults}, deliveries {self.deliveries}, repeats {self.repeats}, losses {self.losses}"


def check(site: Site, day: list[StudyPlan], wanted: int) -> Verdict:
    """Fails where something is lost, doubled or left behind; `wanted` studies of the day are to be delivered once."""
    messages = site.received(wanted)
    distinct = {message.message_id: message for message in messages}
    assert len(distinct) == wanted, [message.body["studyUID"] for message in messages]
    assert len({message.body["studyUID"] for message in messages}) == wanted
    for message in distinct.values():
        assert len(list(Path(message.body["filepath"]).iterdir())) == message.body["numberReceived"]
        assert message.body["complete"] is True
    for plan in day:
        record = site.gateway.record(plan.study_instance_uid)
        assert record is not None
        assert record["state"] in ("pull_data_end", "unsupported_series"), record["state"]
        assert record["outbox"] == []
        if record["state"] == "pull_data_end":
            assert {delivery["messageId"] for delivery in record["deliveries"]} <= set(distinct)
    wait_until(lambda: site.gateway.get("/instances") == [], 20, "the gateway to be empty")
    assert "Traceback" not in site.gateway.python_log()
    return Verdict(1, len(messages), len(messages) - len(distinct), 0)
