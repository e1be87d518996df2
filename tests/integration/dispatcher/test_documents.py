"""The programs in docs/consuming.md are run as they stand; the tables in docs/message.md and the schema agree."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.dispatcher.bench import ROOT, Bench
from tests.simulators.process import ServerProcess, wait_until
from tests.unit.dispatcher.examples import message

pytestmark = pytest.mark.integration


def programs() -> list[str]:
    return re.findall(
        r"^```python\n(.*?)^```$",
        (ROOT / "docs" / "consuming.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )


def program(folder: Path, number: int) -> Path:
    file = folder / "program.py"
    file.write_text(programs()[number], encoding="utf-8")
    return file


def test_the_20_line_consumer(bench: Bench) -> None:
    code = [line for line in programs()[0].splitlines() if line.strip()]
    assert len(code) <= 21
    for number, priority in enumerate([0, 9, 4]):
        bench.send(f"m{number}", studyUID=f"1.{number}", priorities=priority)
    bench.send("m2", studyUID="1.2")
    bad = [b"not json", b"7", json.dumps(message(schemaVersion=2)).encode()]
    for body in bad:
        bench.send(None, body)
    consumer = ServerProcess(
        "consumer",
        [sys.executable, program(bench.folder, 0)],
        bench.folder,
        ready=lambda: True,
        env={"AMQP_URL": bench.broker.url, "QUEUE": bench.queue},
    )
    with consumer:
        bench.wait_dead(3)
        wait_until(lambda: consumer.log_text().count("compute") == 3, 10, "three studies")
        wait_until(lambda: bench.ready(bench.queue) == 0, 10, "an empty queue")
    folder = bench.images
    assert consumer.log_text().splitlines() == [f"compute chest-ct 1.{number} {folder}" for number in (1, 2, 0)]
    assert [body for body, _ in bench.dead_letters()] == bad
    assert bench.ready(bench.queue) == 0


def test_putting_dead_letters_back(bench: Bench) -> None:
    bench.send("m1", schemaVersion=2)
    bench.send("m2", schemaVersion=2)
    bench.start()
    bench.wait_dead(2)
    bench.dispatchers[0].stop()
    environment = {**os.environ, "AMQP_URL": bench.broker.url, "QUEUE": bench.queue}
    command = [sys.executable, str(program(bench.folder, 1))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line[:11] for line in lines] == ["put back m1", "put back m2"]
    assert all("unknown schemaVersion 2" in line for line in lines)
    assert (bench.ready(bench.queue), bench.ready(bench.dead)) == (2, 0)


def test_every_key_is_told() -> None:
    schema = json.loads((ROOT / "config" / "message.schema.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "message.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|", text.partition("## AMQP")[0], re.MULTILINE)
    assert told == list(schema["properties"])
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    assert list(json.loads(example.group(1))) == told
