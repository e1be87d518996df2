"""Whatever order polls, pulls, pushes, crashes and outages come in: no wanted image is lost, none deleted early."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from filters import RulesFile
from plugin.domain.study import SETTLED, State, Step
from plugin.errors import PacsPullError
from tests.fakes import Image
from tests.unit.plugin.conftest import RAM_DISK
from tests.unit.plugin.examples import CT, DX, SCOUT, chest_dx, series
from tests.unit.plugin.house import RULES, House, Plan

RULES_FILE = RulesFile(RULES)
PUSHED = "1.2.840.9"
FEW = 12
"""A CT series begins with so many images: fewer might be refused as a localizer."""
IN_PACS = {CT: series(f"{CT}.3", 20), DX: chest_dx(views=("PA", "LAT", "OBL"))}
TO_PUSH = [*series(f"{PUSHED}.1", 1, SCOUT), *series(f"{PUSHED}.3", 20)]


class NothingIsLost(RuleBasedStateMachine):
    """A PACS that grows and fails, pushes that come in parts, a broker that goes, a gateway that is killed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=RAM_DISK if RAM_DISK.is_dir() else None)
        self.house = House(Path(self.folder.name), RULES_FILE, Plan())
        self.pushed: list[Image] = []
        self.in_pacs = 0

    def teardown(self) -> None:
        try:
            self.everything_works_again()
        finally:
            self.house.record.close()
            self.folder.cleanup()

    # --- the world

    @rule(number=st.integers(1, 9))
    def the_pacs_gets_images(self, number: int) -> None:
        images = [*IN_PACS[CT], *IN_PACS[DX]]
        number = number if self.in_pacs else FEW
        self.house.pacs.add(images[self.in_pacs : self.in_pacs + number])
        self.in_pacs += number

    @rule(number=st.integers(1, 6))
    def somebody_pushes(self, number: int) -> None:
        number = number if self.pushed else 1 + FEW
        images = TO_PUSH[len(self.pushed) : len(self.pushed) + number]
        if images:
            self.pushed += images
            self.house.push(images)

    @rule(is_away=st.booleans())
    def the_broker(self, is_away: bool) -> None:
        self.house.broker.is_away = is_away

    @rule()
    def a_confirm_is_lost(self) -> None:
        self.house.broker.loses_confirms = not self.house.broker.loses_confirms

    @rule(is_away=st.booleans())
    def the_pacs(self, is_away: bool) -> None:
        self.house.pacs.is_away = is_away

    @rule(is_refused=st.booleans(), withheld=st.integers(0, 2))
    def moves_go_wrong(self, is_refused: bool, withheld: int) -> None:
        self.house.pacs.is_move_refused = is_refused
        self.house.pacs.withheld = {image.sop for image in IN_PACS[CT][:withheld]}

    @rule(minutes=st.sampled_from([0.1, 1, 10]))
    def time_goes_on(self, minutes: float) -> None:
        self.house.clock.advance(minutes=minutes)

    # --- the gateway

    @rule()
    def poll(self) -> None:
        self.house.poll(1)

    @rule(step=st.sampled_from(Step))
    def one_step(self, step: Step) -> None:
        self.house.step(step)

    @rule(step=st.sampled_from(Step))
    def a_kill_within_a_step(self, step: Step) -> None:
        claimed = self.house.driver.claim(step)
        if claimed is not None:
            with suppress(PacsPullError):  # the process is gone before anything is done about it
                self.house.steps[step](claimed)
        self.house.crash()

    @precondition(lambda self: self.pushed)
    @rule()
    def orthanc_calls_the_push_stable(self) -> None:
        if any(image.instance in self.house.store.images for image in self.pushed):
            self.house.quiet(self.pushed[0])

    @rule()
    def reconcile(self) -> None:
        self.house.reconcile()

    @rule(uid=st.sampled_from([CT, DX]))
    def a_doctor_asks(self, uid: str) -> None:
        self.house.request.pull({"StudyInstanceUID": uid})

    @rule(uid=st.sampled_from([CT, DX, PUSHED]))
    def a_person_tries_again(self, uid: str) -> None:
        self.house.decide.retry(uid)

    # --- what holds at any moment

    @invariant()
    def what_left_orthanc_was_handed_over_and_announced(self) -> None:
        announced = {message.body["studyUID"] for message in self.house.messages()}
        handed_over = set().union(*self.house.hand_over.folders.values())
        for image in self.house.store.deleted:
            if image.tag("ImageType") != SCOUT["ImageType"]:
                assert image.instance in handed_over, f"{image.sop} was deleted and is nowhere"
                assert image.study in announced, f"{image.study} was deleted before its message was confirmed"

    @invariant()
    def one_identity_one_content(self) -> None:
        bodies: dict[str, object] = {}
        for message in self.house.messages():
            assert bodies.setdefault(message.message_id, message.body) == message.body

    # --- what must come true in the end

    def everything_works_again(self) -> None:
        house = self.house
        house.broker.is_away = house.broker.loses_confirms = house.pacs.is_away = house.pacs.is_move_refused = False
        house.pacs.withheld = set()
        house.crash()
        house.settle()
        for uid in (CT, DX, PUSHED):
            study = house.record.get(uid)
            if study is not None and study.state is State.FAILED:
                house.decide.retry(uid)
        house.poll(3)
        house.settle()
        house.poll(3)
        house.settle()
        held = {image.study for image in self.house.store.images.values()}
        for uid, images in {**IN_PACS, PUSHED: TO_PUSH}.items():
            came = [image for image in self.pushed if uid == PUSHED]
            came += [image for image in house.pacs.images.values() if image.study == uid]
            wanted = [image for image in came if image.tag("ImageType") != SCOUT["ImageType"]]
            if not came:
                continue
            study = house.study(uid)
            assert study.state in SETTLED, (study.state, study.next_step, study.last_error)
            assert study.next_step is None
            assert uid not in held
            newest = house.messages(uid)[-1].body
            assert newest["numberReceived"] == len(wanted), images
            assert newest["complete"] in (True, None)


NothingIsLost.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
TestNothingIsLost = NothingIsLost.TestCase
