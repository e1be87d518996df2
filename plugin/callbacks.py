"""Orthanc's change events: translate, hand on, return. Runs on Orthanc's own event thread, four times an image."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable

from plugin.errors import TransientError
from plugin.pipeline.receive import Event, Kind, Receive

log = logging.getLogger(__name__)

MOST_EVENTS = 100_000


class EventQueue:
    """Events between Orthanc's thread and our worker.

    When it is full events are dropped, and ``has_dropped`` calls for the reconciler.
    """

    def __init__(self, new_study: int, stable_study: int) -> None:
        self._kinds = {new_study: Kind.NEW_STUDY, stable_study: Kind.STABLE_STUDY}
        self._events: queue.Queue[Event] = queue.Queue(MOST_EVENTS)
        self.has_dropped = False
        self.wake: Callable[[], None] = lambda: None

    def on_change(self, change_type: int, resource_id: str) -> None:
        """Called for each change in Orthanc; most are of no interest."""
        kind = self._kinds.get(change_type)
        if kind is None:
            return
        try:
            self._events.put_nowait(Event(kind, resource_id))
        except queue.Full:
            self.has_dropped = True
        self.wake()

    def handle_all(self, receive: Receive, tell: Callable[[], None]) -> float:
        """Deal with what has come; ``tell`` wakes the next worker. The seconds until the next look."""
        handled = 0
        while True:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                break
            try:
                receive(event)
            except TransientError as error:
                log.error("an event waits for the reconciler: %s", error)
                self.has_dropped = True
            handled += 1
        if handled:
            tell()
        return 5.0
