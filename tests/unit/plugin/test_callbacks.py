"""Orthanc's events on their way to the worker."""

from __future__ import annotations

import pytest

from plugin import callbacks
from plugin.callbacks import EventQueue
from plugin.errors import StoreError
from plugin.pipeline.receive import Event, Kind
from tests.unit.plugin.conftest import Lines

NEW, STABLE, OTHER = 4, 9, 2


class StubReceive:
    def __init__(self, error: Exception | None = None) -> None:
        self.events: list[Event] = []
        self.error = error

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if self.error is not None:
            raise self.error


def handled(events: EventQueue, receive: StubReceive) -> int:
    told: list[int] = []
    events.handle_all(receive, lambda: told.append(1))  # type: ignore[arg-type]
    return len(told)


def test_only_new_and_stable_studies_matter() -> None:
    events, woken, receive = EventQueue(NEW, STABLE), list[int](), StubReceive()
    events.wake = lambda: woken.append(1)
    for change in (NEW, OTHER, STABLE, OTHER):
        events.on_change(change, "id")
    assert len(woken) == 2
    assert handled(events, receive) == 1
    assert receive.events == [Event(Kind.NEW_STUDY, "id"), Event(Kind.STABLE_STUDY, "id")]
    assert handled(events, receive) == 0


def test_an_event_that_cannot_be_dealt_with_calls_for_the_reconciler(lines: Lines) -> None:
    events, receive = EventQueue(NEW, STABLE), StubReceive(StoreError("Orthanc is busy"))
    for _ in range(3):
        events.on_change(NEW, "id")
    assert handled(events, receive) == 1
    assert len(receive.events) == 3
    assert events.has_dropped
    assert lines.containing("an event waits for the reconciler: Orthanc is busy")


def test_a_full_queue_drops_events_and_never_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "MOST_EVENTS", 2)
    events, receive = EventQueue(NEW, STABLE), StubReceive()
    for _ in range(5):
        events.on_change(NEW, "id")
    assert events.has_dropped
    handled(events, receive)
    assert len(receive.events) == 2
