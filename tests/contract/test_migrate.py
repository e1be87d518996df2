"""A record copied from one database to the other: all of it, and nothing over what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from plugin import migrate as program
from plugin.adapters.databases import open_record
from plugin.domain.holding import GATEWAY
from plugin.domain.study import Lease, State, Study
from plugin.errors import PermanentError
from plugin.migrate import Copied, migrate
from plugin.ports import Record
from tests.contract.test_record import NOW, WHOLE

NUMBER = 603
Open = Callable[[str], Record]


@pytest.fixture
def urls(tmp_path: Path, mongodb_url: str) -> dict[str, str]:
    return {
        "sqlite": f"sqlite:///{tmp_path / 'record.db'}",
        "back": f"sqlite:///{tmp_path / 'back.db'}",
        "mongodb": mongodb_url,
    }


@pytest.fixture
def opened(urls: dict[str, str]) -> Iterator[Open]:
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(closing(open_record(urls[name], Path("/"))))


def fill(record: Record) -> None:
    states = list(State)
    record.put([replace(WHOLE, study_instance_uid=f"1.2.{n}", state=states[n % 6], version=n) for n in range(NUMBER)])


def copied(source: Record, target: Record, resume: bool = False) -> Copied:
    return migrate(source, target, NOW, resume, lambda _: None)


def test_there_and_back_nothing_is_changed(opened: Open) -> None:
    there, mongodb, back = opened("sqlite"), opened("mongodb"), opened("back")
    fill(there)
    assert copied(there, mongodb) == Copied(NUMBER, NUMBER)
    assert copied(mongodb, back) == Copied(NUMBER, NUMBER)
    assert list(back.all()) == list(there.all())
    assert len(list(back.all())) == NUMBER


def test_what_is_there_is_not_written_over_unless_asked_for(opened: Open) -> None:
    source, target = opened("sqlite"), opened("mongodb")
    fill(source)
    target.insert(replace(WHOLE, study_instance_uid="1.2.7", patient_id="older"))
    with pytest.raises(PermanentError, match="TO holds 1 studies already"):
        copied(source, target)
    assert target.number_of() == {"pull_data": 1}
    assert copied(source, target, resume=True) == Copied(NUMBER, NUMBER)
    assert copied(source, target, resume=True) == Copied(0, NUMBER)


def test_an_interrupted_copy_goes_on(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = opened("sqlite"), opened("mongodb")
    fill(source)
    put, calls = target.put, iter([True])

    def put_once(studies: list[Study]) -> None:
        if not next(calls, False):
            raise KeyboardInterrupt
        put(studies)

    with monkeypatch.context() as patch:
        patch.setattr(target, "put", put_once)
        with pytest.raises(KeyboardInterrupt):
            copied(source, target)
    assert copied(source, target, resume=True) == Copied(NUMBER - program.BATCH, NUMBER)


def test_a_target_of_another_record_is_told(opened: Open) -> None:
    source, target = opened("sqlite"), opened("mongodb")
    fill(source)
    target.insert(Study("9.9"))
    with pytest.raises(PermanentError, match=r"9\.9"):
        copied(source, target, resume=True)


@pytest.mark.parametrize("busy", ["sqlite", "mongodb"])
def test_no_gateway_may_be_at_work(opened: Open, busy: str) -> None:
    records = {name: opened(name) for name in ("sqlite", "mongodb")}
    records[busy].hold(f"{GATEWAY}a/8042", Lease("a/8042", NOW + timedelta(seconds=9)), NOW)
    with pytest.raises(PermanentError, match="a/8042 works on"):
        copied(records["sqlite"], records["mongodb"])


def test_the_command_says_what_it_did_and_shows_no_password(
    urls: dict[str, str], opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(opened("sqlite"))
    assert program.main([urls["sqlite"], urls["mongodb"]]) == 0
    assert f"{NUMBER} studies copied; both records hold the same {NUMBER} studies" in capsys.readouterr().out
    assert program.main([urls["sqlite"], urls["mongodb"]]) == 1
    assert "RESUME=1" in capsys.readouterr().err
    assert program.main([urls["sqlite"], "mongodb://user:secret@:1:2:3/"]) == 1
    assert "secret" not in capsys.readouterr().err
