"""Threads that die are replaced, but not those that end because of a stop."""

import threading

from dispatcher.crew import Crew
from tests.simulators.process import wait_until


def test_the_dead_are_replaced_until_the_stop() -> None:
    stop, deaths = threading.Event(), threading.Semaphore(0)
    starts: list[str] = []

    def mortal() -> None:
        starts.append("mortal")
        deaths.acquire()

    def steady() -> None:
        starts.append("steady")
        stop.wait()

    def on_death(name: str) -> None:
        assert starts.count(name) == 1, "told before the replacement"
        told.append(name)

    told: list[str] = []
    crew = Crew({"mortal": mortal, "steady": steady}, on_death, stop)
    crew.start()
    crew.heal()
    assert told == []
    deaths.release()
    wait_until(lambda: "mortal" not in {thread.name for thread in threading.enumerate()}, 5, "the death")
    crew.heal()
    assert told == ["mortal"]
    wait_until(lambda: sorted(starts) == ["mortal", "mortal", "steady"], 5, "the replacement")
    stop.set()
    deaths.release()
    wait_until(lambda: not {"mortal", "steady"} & {thread.name for thread in threading.enumerate()}, 5, "the end")
    crew.heal()
    assert told == ["mortal"]
    assert len(starts) == 3
