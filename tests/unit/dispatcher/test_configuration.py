"""Settings: file and environment, all problems at once, secrets never shown."""

import json
from pathlib import Path

import pytest

from dispatcher.configuration import load
from dispatcher.errors import ConfigError
from dispatcher.settings import Settings

ROOT = Path("/srv/pacs-pull")
URL = {"PACS_PULL_DISPATCHER__BACKEND__URL": "http://ai:8000/{task}"}
EXAMPLE = Path(__file__).parents[3] / "config" / "dispatcher.example.toml"


def problems(environment: dict[str, str], file: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(file, environment, ROOT)
    return caught.value.problems


def test_defaults_and_paths() -> None:
    settings = load(None, {**URL, "PACS_PULL__RABBITMQ__URL": "the gateway's own"}, ROOT)
    assert settings.ledger.file == Path("/srv/pacs-pull/var/dispatcher.db")
    assert settings.log.file == Path("/srv/pacs-pull/var/log/dispatcher.log")
    assert (settings.workers, settings.prefetch) == (4, 8)
    assert settings.rabbitmq.queue == "pacs-pull.series"


def test_environment_overrides_file(tmp_path: Path) -> None:
    file = tmp_path / "d.toml"
    file.write_text('workers = 2\n[backend]\nurl = "http://file/"\ntimeout_seconds = 7\n')
    settings = load(file, {**URL, "PACS_PULL_DISPATCHER__BACKEND__RETRY_STATUSES": "[429]"}, ROOT)
    assert settings.backend.url == "http://ai:8000/{task}"
    assert settings.backend.timeout_seconds == 7
    assert settings.backend.retry_statuses == (429,)
    assert settings.workers == 2


def test_json_file(tmp_path: Path) -> None:
    file = tmp_path / "d.json"
    file.write_text(json.dumps({"backend": {"url": "http://x", "headers": {"X-Key": "k"}}}))
    assert load(file, {}, ROOT).backend.headers["X-Key"].get_secret_value() == "k"


def test_secrets_from_files_by_environment_and_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    file = tmp_path / "d.toml"
    file.write_text(f'[backend]\ntoken_file = "{tmp_path}/token"\n')
    environment = {**URL, "PACS_PULL_DISPATCHER__GATEWAY__PASSWORD_FILE": f"{tmp_path}/token"}
    settings = load(file, environment, ROOT)
    assert settings.backend.token is not None
    assert settings.backend.token.get_secret_value() == settings.gateway.password.get_secret_value() == "t0ken"
    assert "t0ken" not in repr(settings)


def test_all_problems_at_once() -> None:
    found = problems(
        {
            "PACS_PULL_DISPATCHER__BACKEND__URI": "http://x",
            "PACS_PULL_DISPATCHER__BACKEND__MODE": "xml",
            "PACS_PULL_DISPATCHER__RABBITMQ__URL": "http://guest:s3cret@x",
            "PACS_PULL_DISPATCHER__WORKERS": "none",
            "PACS_PULL_DISPATCHER__GATEWAY__PASSWORD_FILE": "/does/not/exist",
            "PACS_PULL_DISPATCHER__COLOUR": "red",
        }
    )
    text = "\n".join(found)
    assert len(found) == 7
    assert "backend.uri: unknown key, did you mean url?" in text
    assert "backend.url: expected a value, found none" in text
    assert "backend.mode: expected 'json' or 'multipart', found \"xml\"" in text
    assert "rabbitmq.url: expected amqp://" in text
    assert 'workers: expected a valid integer, unable to parse string as an integer, found "none"' in text
    assert "gateway.password_file: expected a readable file, found '/does/not/exist'" in text
    assert "colour: unknown key, expected one of backend" in text
    assert "s3cret" not in text


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("BACKEND__URL", "ftp://x", "http://host"),
        ("BACKEND__URL", "http://x/{patientName}", "{patientName}"),
        ("BACKEND__URL", "http://x/{task", "balanced"),
        ("RABBITMQ__PREFETCH", "3", "at least one a worker"),
        ("RABBITMQ__URL", "amqp://x:port/", "amqp://user"),
        ("RABBITMQ", "x", "rabbitmq: expected"),
    ],
)
def test_wrong_values(key: str, value: str, expected: str) -> None:
    assert expected in problems({**URL, f"PACS_PULL_DISPATCHER__{key}": value})[0]


@pytest.mark.parametrize(("name", "text"), [("d.toml", "workers ="), ("d.json", "{"), ("d.json", "[]")])
def test_broken_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert str(tmp_path / name) in problems(URL, tmp_path / name)[0]


def test_missing_file() -> None:
    assert "No such file" in problems(URL, Path("/does/not/exist.toml"))[0]


def test_the_example_holds_every_key_with_its_default(tmp_path: Path) -> None:
    """Every key stands in the example, as set or as comment with its default."""
    lines = [
        line.removeprefix("# ") if " = " in line and not line.startswith(("# Each", "# `")) else line
        for line in EXAMPLE.read_text().splitlines()
    ]
    file = tmp_path / "all.toml"
    file.write_text("\n".join(line for line in lines if not line.endswith("# no default")))
    settings = load(file, {}, ROOT)
    plain = Settings(backend={"url": settings.backend.url})  # type: ignore[arg-type]
    assert settings == load(None, {"PACS_PULL_DISPATCHER__BACKEND__URL": plain.backend.url}, ROOT)
    for name, section in plain:
        for key in getattr(type(section), "model_fields", {name: None}):
            assert f"{key} = " in EXAMPLE.read_text(), f"{name}.{key} is not in the example"


def test_the_example_runs_as_it_is() -> None:
    assert load(EXAMPLE, {}, ROOT).backend.url.startswith("http://")
