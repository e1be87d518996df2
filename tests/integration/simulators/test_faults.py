"""Every misbehaviour is seen by a client, and only that one."""

import threading
import time
from typing import Any

import pytest

from tests.integration.simulators.conftest import CHEST_CT, OLD_CT, STUDIES, Serve
from tests.integration.simulators.scu import (
    EXPLICIT,
    FIND,
    IMPLICIT,
    MOVE,
    VERIFICATION,
    Received,
    associated,
    find,
    get,
    identifier,
    move,
)
from tests.simulators.images import headers
from tests.simulators.pacs import COUNT_KEYS, Faults, SimulatedPacs

CHEST = CHEST_CT.study_instance_uid
THICK = CHEST_CT.series_instance_uid(2)
UIDS = sorted(study.study_instance_uid for study in STUDIES)
PADDED = CHEST.encode() + b"  "
COUNTED: dict[str, Any] = {"StudyInstanceUID": CHEST, "NumberOfStudyRelatedInstances": ""}


def count(pacs: SimulatedPacs) -> Any:
    return find(pacs, **COUNTED).answers[0].get("NumberOfStudyRelatedInstances")


# --- finding ---


def test_no_counts(serve: Serve) -> None:
    answer = find(serve(unanswered_keys=COUNT_KEYS), StudyDate="", **COUNTED).answers[0]

    assert "NumberOfStudyRelatedInstances" not in answer
    assert answer.StudyDate == "20240102"


@pytest.mark.parametrize(("error", "expected"), [(5, 12), (-2, 5), (-100, 0)])
def test_wrong_counts(serve: Serve, error: int, expected: int) -> None:
    pacs = serve(count_error=error)

    assert count(pacs) == expected
    series = find(pacs, "SERIES", StudyInstanceUID=CHEST, SeriesInstanceUID=THICK, NumberOfSeriesRelatedInstances="")
    assert series.values("NumberOfSeriesRelatedInstances") == [max(0, 5 + error)]


def test_counts_that_never_agree_twice(serve: Serve) -> None:
    pacs = serve(counts_change=True)

    assert [count(pacs) for _ in range(3)] == [8, 9, 10]


def test_silent_answer_cap(serve: Serve) -> None:
    found = find(serve(answer_cap=2))

    assert (len(found.answers), found.status) == (2, 0x0000)


def test_answer_cap_that_says_so_only_when_it_is_met(serve: Serve) -> None:
    pacs = serve(answer_cap=2, cap_status=0xA700)

    assert (len(find(pacs).answers), find(pacs).status) == (2, 0xA700)
    assert find(pacs, StudyDate="20240102").status == 0x0000
    assert pacs.requests.queries[0].status == 0xA700


@pytest.mark.parametrize(
    ("key", "value"), [("StudyDate", "19990101"), ("StudyTime", "000000-000001"), ("ModalitiesInStudy", "MG")]
)
def test_ignored_key(serve: Serve, key: str, value: Any) -> None:
    keys: dict[str, Any] = {key: value}
    assert find(serve(), **keys).answers == []
    assert len(find(serve(ignored_keys=frozenset({key})), **keys).answers) == len(STUDIES)


def test_study_level_only(serve: Serve) -> None:
    pacs = serve(find_levels=frozenset({"STUDY"}))

    refused = find(pacs, "SERIES", StudyInstanceUID=CHEST, SeriesInstanceUID="")
    assert (refused.answers, refused.status) == ([], 0xA900)
    assert len(find(pacs).answers) == len(STUDIES)


def test_image_level_is_refused_without_series(serve: Serve) -> None:
    pacs = serve(image_level_needs_series=True)

    assert find(pacs, "IMAGE", StudyInstanceUID=CHEST, SOPInstanceUID="").status == 0xA900
    found = find(pacs, "IMAGE", StudyInstanceUID=CHEST, SeriesInstanceUID=THICK, SOPInstanceUID="")
    assert len(found.answers) == 5


def test_empty_uid(serve: Serve) -> None:
    found = find(serve(empty_uids_of=frozenset({CHEST})), AccessionNumber="")

    uids = dict(zip(found.values("AccessionNumber"), found.values("StudyInstanceUID"), strict=True))
    assert not uids["A1"]
    assert uids["A3"] == OLD_CT.study_instance_uid


@pytest.mark.parametrize("transfer_syntax", [IMPLICIT, EXPLICIT])
@pytest.mark.parametrize("padding", [" ", "  ", "\0\0", "\0\0\0"])
def test_padded_uids(serve: Serve, padding: str, transfer_syntax: str) -> None:
    found = find(serve(uid_padding=padding), AccessionNumber="A1", transfer_syntax=transfer_syntax)

    on_the_wire = found.answers[0].get_item("StudyInstanceUID").value
    assert on_the_wire.startswith((CHEST + padding).encode())
    assert len(on_the_wire) % 2 == 0


def test_strict_uids_are_known_only_as_answered(serve: Serve, received: Received) -> None:
    pacs = serve(uid_padding="  ", strict_uids=True)

    assert find(pacs, StudyInstanceUID=CHEST).answers == []
    assert len(find(pacs, StudyInstanceUID=PADDED).answers) == 1
    move(pacs, received, StudyInstanceUID=CHEST)
    assert received.images == []
    move(pacs, received, StudyInstanceUID=PADDED)
    assert len(received.images) == 7


@pytest.mark.parametrize(
    ("faults", "declared"),
    [
        ({"text_encoding": "gb18030", "declared_character_set": "ISO_IR 100"}, "ISO_IR 100"),
        ({"text_encoding": "gb18030", "declared_character_set": ""}, None),
        ({"text_encoding": "gb18030"}, "ISO_IR 192"),
    ],
)
def test_wrong_character_set(serve: Serve, faults: dict[str, str], declared: str | None) -> None:
    answer = find(serve(**faults), AccessionNumber="A3", StudyDescription="").answers[0]

    assert answer.get_item("StudyDescription").value == "胸部平扫".encode("gb18030")
    assert answer.get("SpecificCharacterSet") == declared


def test_duplicate_answers(serve: Serve) -> None:
    found = find(serve(duplicate_answers=True))

    assert sorted(found.values("StudyInstanceUID")) == sorted(UIDS * 2)


def test_clock_that_is_off(serve: Serve) -> None:
    pacs = serve(clock_offset_hours=-8)

    by_accession = find(pacs, AccessionNumber="A1", StudyDate="", StudyTime="").answers[0]
    assert (by_accession.StudyDate, by_accession.StudyTime) == ("20240102", "000626")
    fraction = find(pacs, AccessionNumber="A3", StudyTime="").answers[0]
    assert fraction.StudyTime == "040000.5"


def test_clock_that_moves_a_study_to_the_day_before(serve: Serve) -> None:
    pacs = serve(clock_offset_hours=-9)

    assert find(pacs, StudyDate="20240101", StudyTime="").values("StudyTime") == ["230626"]
    assert CHEST not in find(pacs, StudyDate="20240102").values("StudyInstanceUID")


def test_slow_answers(serve: Serve) -> None:
    pacs = serve(delay_per_answer=0.1)
    began = time.monotonic()

    assert len(find(pacs).answers) == 3
    assert time.monotonic() - began >= 0.3


# --- retrieving ---


def test_retrieve_level_refused(serve: Serve, received: Received) -> None:
    pacs = serve(move_levels=frozenset({"STUDY"}))

    assert move(pacs, received, "SERIES", StudyInstanceUID=CHEST, SeriesInstanceUID=THICK).status == 0xA900
    assert received.images == []
    assert move(pacs, received, StudyInstanceUID=CHEST).status == 0


def test_unknown_destination(serve: Serve, received: Received) -> None:
    assert move(serve(unknown_destination=True), received, StudyInstanceUID=CHEST).status == 0xA801
    assert received.images == []


def test_destination_that_was_never_configured(serve: Serve) -> None:
    pacs = serve()
    pacs.moves.clear()
    with associated(pacs, MOVE) as association:
        query = identifier("STUDY", StudyInstanceUID=CHEST)
        replies = list(association.send_c_move(query, "STRANGER", MOVE))
    assert replies[-1][0].Status == 0xA801


def test_success_with_the_last_images_missing(serve: Serve, received: Received) -> None:
    pacs = serve(missing_last=3)

    assert move(pacs, received, StudyInstanceUID=CHEST).status == 0x0000
    assert received.numbers == [1, 2, 1, 2]
    assert count(pacs) == 7


def test_success_with_given_images_missing(serve: Serve, received: Received) -> None:
    missing = CHEST_CT.sop_instance_uids(CHEST_CT.series[1])[1]

    assert move(serve(missing_uids=frozenset({missing})), received, StudyInstanceUID=CHEST).status == 0x0000
    assert received.numbers == [1, 2, 1, 3, 4, 5]


def test_images_missing_in_the_first_retrieve_only(serve: Serve, received: Received) -> None:
    pacs = serve(missing_last=3, retrieves_affected=1)

    for study in (CHEST, OLD_CT.study_instance_uid, CHEST):
        move(pacs, received, StudyInstanceUID=study)

    assert [len(one.sent) for one in pacs.requests.moves] == [4, 0, 7]


def test_final_status_with_everything_sent(serve: Serve, received: Received) -> None:
    move(serve(final_status=0xB000), received, StudyInstanceUID=CHEST)

    assert (received.status, len(received.images)) == (0xB000, 7)
    assert received.responses[-1].NumberOfFailedSuboperations == 1


def test_final_status_with_images_missing(serve: Serve, received: Received) -> None:
    move(serve(final_status=0xB000, missing_last=2), received, StudyInstanceUID=CHEST)

    assert (received.status, len(received.images)) == (0xB000, 5)
    assert received.responses[-1].NumberOfFailedSuboperations == 2


def test_success_before_the_images(serve: Serve, received: Received) -> None:
    pacs = serve(success_before_images=0.3)

    assert move(pacs, received, StudyInstanceUID=CHEST).status == 0x0000
    assert received.images == []
    _wait_for(lambda: pacs.requests.moves[0].has_ended)
    assert len(received.images) == 7


def test_association_dropped_in_the_middle(serve: Serve, received: Received) -> None:
    pacs = serve(drop_after_images=3)

    assert move(pacs, received, StudyInstanceUID=CHEST).status is None
    assert len(received.images) == 3
    assert not pacs.requests.moves[0].has_ended


def test_duplicate_images(serve: Serve, received: Received) -> None:
    assert move(serve(duplicate_images=True), received, StudyInstanceUID=CHEST).status == 0
    assert received.numbers == [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_slow_images(serve: Serve, received: Received) -> None:
    began = time.monotonic()
    move(serve(delay_per_image=0.1), received, StudyInstanceUID=CHEST)

    assert time.monotonic() - began >= 0.7


def test_get_has_the_same_faults(serve: Serve) -> None:
    assert len(get(serve(missing_last=3), StudyInstanceUID=CHEST)[1]) == 4
    assert len(get(serve(duplicate_images=True), StudyInstanceUID=CHEST)[1]) == 14
    status, images = get(serve(drop_after_images=2), StudyInstanceUID=CHEST)
    assert (status, len(images)) == (None, 2)


# --- the whole server ---


@pytest.mark.parametrize("service", ["association", "echo", "find", "move"])
def test_mute(serve: Serve, received: Received, service: str) -> None:
    pacs = serve(mute=frozenset({service}))
    began = time.monotonic()

    if service == "association":
        with associated(pacs, FIND, timeout=0.5) as association:
            assert not association.is_established
    elif service == "echo":
        with associated(pacs, VERIFICATION, timeout=0.5) as association:
            assert "Status" not in association.send_c_echo()
    elif service == "find":
        assert find(pacs, timeout=0.5).statuses == [None]
    else:
        assert move(pacs, received, timeout=0.5, StudyInstanceUID=CHEST).status is None
    assert time.monotonic() - began >= 0.5
    _wait_for(lambda: not _is_serving())  # the client gave up: nothing waits for it


def test_mute_ends_with_the_server_and_leaves_no_thread() -> None:
    before = threading.active_count()
    pacs = SimulatedPacs(headers(CHEST_CT), faults=Faults(mute=frozenset({"find"}))).start()
    client = threading.Thread(target=find, args=(pacs,), kwargs={"timeout": 20})
    client.start()
    _wait_for(lambda: pacs.requests.queries)

    began = time.monotonic()
    pacs.stop()
    client.join(5)

    assert time.monotonic() - began < 5
    _wait_for(lambda: threading.active_count() <= before)


def test_stop_cuts_a_slow_move_short(received: Received) -> None:
    pacs = SimulatedPacs(headers(CHEST_CT), faults=Faults(delay_per_image=3.0)).start()
    uids = {"StudyInstanceUID": CHEST}
    client = threading.Thread(target=move, args=(pacs, received), kwargs={"timeout": 20, **uids})
    client.start()
    _wait_for(lambda: pacs.requests.moves)

    began = time.monotonic()
    pacs.stop()
    client.join(5)

    assert time.monotonic() - began < 5
    assert not client.is_alive()
    assert received.status is None


def test_images_that_grow(folder: Any, received: Received) -> None:
    with SimulatedPacs(folder, faults=Faults(images_per_second=4.0)) as pacs:
        first = count(pacs)
        move(pacs, received, StudyInstanceUID=CHEST)
        _wait_for(lambda: count(pacs) == 7)
    assert first < 7
    assert 2 <= len(received.images) < 7


def test_images_that_come_later() -> None:
    with SimulatedPacs() as pacs:
        pacs.add_datasets(headers(CHEST_CT), after=0.3)
        assert find(pacs).answers == []
        _wait_for(lambda: find(pacs).answers)


def test_limit_of_associations(serve: Serve) -> None:
    pacs = serve(max_associations=1)
    for _ in range(5):  # one after the other is no more than one
        assert len(find(pacs).answers) == 3
    with associated(pacs, FIND) as first:
        assert first.is_established
        with associated(pacs, FIND) as second:
            assert second.is_rejected
    serve()
    with associated(pacs, FIND), associated(pacs, FIND) as second:
        assert second.is_established


def test_faults_together(serve: Serve, received: Received) -> None:
    pacs = serve(
        unanswered_keys=COUNT_KEYS,
        ignored_keys=frozenset({"StudyDate"}),
        answer_cap=2,
        uid_padding=" ",
        missing_last=1,
        duplicate_images=True,
    )

    found = find(pacs, StudyDate="19990101", NumberOfStudyRelatedInstances="")
    move(pacs, received, StudyInstanceUID=CHEST)

    assert len(found.answers) == 2
    assert "NumberOfStudyRelatedInstances" not in found.answers[0]
    assert (received.status, len(received.images)) == (0, 12)


def _is_serving() -> bool:
    return any(thread.name.startswith("AcceptorThread") for thread in threading.enumerate())


def _wait_for(condition: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
