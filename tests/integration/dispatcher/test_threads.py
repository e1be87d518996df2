"""Worker threads that die in the middle of a message."""

import threading
from collections.abc import Iterator

import pytest

from dispatcher.answer import Answer
from dispatcher.backend import Backend
from dispatcher.ledger import Ledger
from dispatcher.message import Message
from dispatcher.service import Service
from dispatcher.settings import BackendSettings, RabbitMQSettings, Settings
from tests.integration.dispatcher.bench import Bench
from tests.simulators.process import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


@pytest.fixture
def service_thread(bench: Bench) -> Iterator[threading.Thread]:
    """A dispatcher inside this process, with a single worker."""
    settings = Settings(
        backend=BackendSettings(url=f"{bench.backend.url}/{{studyUID}}", first_delay_seconds=0.1, max_tries=3),
        rabbitmq=RabbitMQSettings(url=bench.broker.url, queue=bench.queue, dead_letter_exchange=bench.dlx),  # type: ignore[arg-type]
        workers=1,
    )
    stop = threading.Event()
    thread = threading.Thread(target=Service(settings, Ledger(bench.folder / "l.db"), stop).run)
    yield thread
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def test_a_dead_worker_is_replaced_and_its_message_is_not_lost(
    bench: Bench, service_thread: threading.Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, killers = Backend.post, {"1.1": 1, "1.2": 99}

    def deadly(self: Backend, message: Message, message_id: str) -> Answer:
        killers[message.studyUID] = left = killers.get(message.studyUID, 0) - 1
        if left >= 0:
            raise SystemExit if message.studyUID == "1.1" else MemoryError
        return post(self, message, message_id)

    monkeypatch.setattr(Backend, "post", deadly)
    service_thread.start()
    for study in ("1.1", "1.2", "1.3"):
        bench.send(study, studyUID=study)
    wait_until(lambda: len(bench.backend.posts) == 2, 20, "both posts")
    bench.wait_dead(1)
    assert sorted(post["studyUID"] for post in bench.backend.messages) == ["1.1", "1.3"]
    ((_, properties),) = bench.dead_letters()
    assert properties.message_id == "1.2"
    assert properties.headers["dead-letter-reason"] == "the worker thread died of it (try 3 of 3)"
    assert properties.headers["dead-letter-tries"] == 3
