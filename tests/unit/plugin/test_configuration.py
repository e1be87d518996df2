"""From Orthanc's configuration and the environment to settings; every problem at once, in words that help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugin.configuration import load
from plugin.errors import ConfigError
from plugin.settings import Settings

ROOT = Path("/opt/pacs-pull")
MODALITIES = {"HOSPITAL-PACS": ["GEPACS", "192.168.1.150", 104], "MIRROR": ["M", "192.168.1.151", 104]}
NAN, INFINITY = float("nan"), float("inf")


def loaded(
    section: dict[str, Any] | None = None, environment: dict[str, str] | None = None, **orthanc: Any
) -> Settings:
    configuration = {"DicomModalities": MODALITIES, "PacsPull": section or {}, **orthanc}
    return load(configuration, environment or {}, ROOT)


def problems(
    section: dict[str, Any] | None = None, environment: dict[str, str] | None = None, **orthanc: Any
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(section, environment, **orthanc)
    return list(caught.value.problems)


def test_everything_has_a_default() -> None:
    settings = load({}, {}, ROOT)
    assert settings.sources == {}
    assert settings.database.url.get_secret_value() == "sqlite:///var/pacs-pull.db"
    assert settings.rabbitmq.queue == "pacs-pull.series"
    assert (settings.max_repulls, settings.push_priority, settings.delete_after_send) == (3, 4, True)


def test_the_keys_of_the_contract() -> None:
    section = {
        "Sources": {
            "HOSPITAL-PACS": {
                "QueryLevel": "Series", "PollIntervalSeconds": 1, "CrossDays": [-1, 0, 0], "Stability": "Delay",
                "DelaySeconds": 300, "MaxConcurrentRetrieves": 2, "MaxTries": 3, "MirrorGroup": "main",
                "TimeoutSeconds": 60, "MaxAnswers": 500,
            }
        },
        "Database": {"Url": "mongodb://h/pacs"},
        "RabbitMQ": {"Url": "amqps://u:p@h/v", "Exchange": "x", "Queue": "q", "QueueType": "quorum"},
        "StoreImageDirectory": "/store_image", "StoreImageRetentionHours": 0.5, "DeleteAfterSend": False,
        "ResendOnlyThickerSeries": False, "MaxRepulls": 0, "FiltersFile": "f.toml", "Log": {"File": "x.log"},
    }  # fmt: skip
    settings = loaded(section)
    source = settings.sources["HOSPITAL-PACS"]
    assert (source.query_level, source.poll_interval_seconds, source.cross_days) == ("Series", 1, (-1, 0))
    assert (source.stability, source.max_concurrent_retrieves, source.max_tries) == ("Delay", 2, 3)
    assert settings.rabbitmq.queue_type == "quorum"
    assert (settings.delete_after_send, settings.max_repulls, settings.store_image_retention_hours) == (False, 0, 0.5)


def test_relative_paths_are_below_the_root() -> None:
    settings = loaded({"StoreImageDirectory": "/store_image"})
    assert settings.path(settings.log.file) == ROOT / "var/log/orthanc-python.log"
    assert settings.path(settings.store_image_directory) == Path("/store_image")


def test_all_problems_at_once() -> None:
    found = problems(
        {
            "Sources": {"HOSPITAL_PACS": {"PollIntervalSecond": 5}, "MIRROR": {"QueryLevel": "Patient"}},
            "RabbitMq": {},
            "MaxRepulls": -1,
        },
        HttpServerEnabled=False,
    )
    assert found == [
        "PacsPull.Sources.HOSPITAL_PACS.PollIntervalSecond: unknown key, did you mean PollIntervalSeconds?",
        "PacsPull.Sources.MIRROR.QueryLevel: expected 'Study' or 'Series', found \"Patient\"",
        "PacsPull.MaxRepulls: expected greater than or equal to 0, found -1",
        "PacsPull.RabbitMq: unknown key, did you mean RabbitMQ?",
        "HttpServerEnabled: expected true (the plugin works over Orthanc's own HTTP), found false",
        "PacsPull.Sources.HOSPITAL_PACS: expected an entry of DicomModalities, found none; did you mean HOSPITAL-PACS?",
    ]


def test_the_message_has_them_all() -> None:
    with pytest.raises(ConfigError) as caught:
        loaded({"MaxRepulls": -1, "Nonsense": 1})
    text = str(caught.value)
    assert text.startswith("PACS Pull cannot start, 2 problem(s) in the settings:\n  - PacsPull.")
    assert len(text.splitlines()) == 3


def test_a_key_that_is_like_no_other() -> None:
    (problem,) = problems({"Log": {"Xyzzy": 1}})
    assert problem == "PacsPull.Log.Xyzzy: unknown key, expected one of File, Level, MaxBytes, BackupCount"


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"MaxRepulls": True}, "PacsPull.MaxRepulls: expected a number, found true"),
        ({"MaxRepulls": 1.5}, "PacsPull.MaxRepulls: expected a valid integer"),
        ({"MaxRepulls": None}, "PacsPull.MaxRepulls: expected a valid integer, found null"),
        ({"DeleteAfterSend": "perhaps"}, "PacsPull.DeleteAfterSend: expected a valid boolean"),
        ({"StoreImageRetentionHours": NAN}, "PacsPull.StoreImageRetentionHours: expected greater than 0, found NaN"),
        ({"StoreImageRetentionHours": INFINITY}, "PacsPull.StoreImageRetentionHours: expected less than"),
        ({"StoreImageRetentionHours": 0}, "PacsPull.StoreImageRetentionHours: expected greater than 0, found 0"),
        ({"StoreImageRetentionHours": "soon"}, "PacsPull.StoreImageRetentionHours: expected a valid number"),
        ({"StoreImageRetentionHours": True}, "PacsPull.StoreImageRetentionHours: expected a number, found true"),
        ({"StoreImageDirectory": 5}, "PacsPull.StoreImageDirectory: expected "),
        ({"PushPriority": 10}, "PacsPull.PushPriority: expected less than or equal to 9, found 10"),
        ({"Log": "x.log"}, 'PacsPull.Log: expected an object, found "x.log"'),
        ({"Sources": ["HOSPITAL-PACS"]}, "PacsPull.Sources: expected an object"),
        ({"Sources": {"MIRROR": None}}, "PacsPull.Sources.MIRROR: expected "),
        ({"Sources": {"MIRROR": {"CrossDays": "0"}}}, "PacsPull.Sources.MIRROR.CrossDays: expected a valid tuple"),
        ({"Sources": {"MIRROR": {"CrossDays": []}}}, "PacsPull.Sources.MIRROR.CrossDays: expected at least one day"),
        ({"Sources": {"MIRROR": {"CrossDays": [0.5]}}}, "PacsPull.Sources.MIRROR.CrossDays.0: expected a valid int"),
        ({"Sources": {"MIRROR": {"CrossDays": [1000]}}}, "PacsPull.Sources.MIRROR.CrossDays.0: expected less than"),
        ({"Sources": {"MIRROR": {"MaxTries": 0}}}, "PacsPull.Sources.MIRROR.MaxTries: expected greater than or equal"),
        ({"Database": {"Url": "postgres://h/d"}}, "PacsPull.Database.Url: expected sqlite:///relative/path, "),
        ({"Database": {"Url": "sqlite:///"}}, "PacsPull.Database.Url: expected sqlite:///relative/path, "),
        ({"Database": {"Url": 5}}, "PacsPull.Database.Url: expected "),
        ({"RabbitMQ": {"Url": "http://h/"}}, "PacsPull.RabbitMQ.Url: expected amqp://user:password@host:port/vhost"),
        ({"RabbitMQ": {"Url": "amqp://h:port/"}}, "PacsPull.RabbitMQ.Url: expected amqp://user:password@host:port/vhost"),
        ({"RabbitMQ": {"Url": "amqp:///"}}, "PacsPull.RabbitMQ.Url: expected amqp://user:password@host:port/vhost"),
        ({"RabbitMQ": {"Queue": ""}}, "PacsPull.RabbitMQ.Queue: expected "),
        ({"RabbitMQ": {"Queue": 5}}, "PacsPull.RabbitMQ.Queue: expected a valid string, found 5"),
    ],
)  # fmt: skip
def test_wrong_types_and_values(section: dict[str, Any], problem: str) -> None:
    (found,) = problems(section)
    assert found.startswith(problem)


@pytest.mark.parametrize("section", ["text", None, [], 5])
def test_the_section_is_no_object(section: object) -> None:
    with pytest.raises(ConfigError, match="PacsPull: expected an object, found"):
        load({"PacsPull": section}, {}, ROOT)


SECRET = "swordfish"


@pytest.mark.parametrize(
    "section",
    [
        {"RabbitMQ": {"Url": f"http://u:{SECRET}@h/"}},
        {"RabbitMQ": {"Url": [f"amqp://u:{SECRET}@h/"]}},
        {"RabbitMQ": f"amqp://u:{SECRET}@h/"},
        {"RabbitMQ": [{"Url": f"amqp://u:{SECRET}@h/"}]},
        {"Database": f"mongodb://u:{SECRET}@h/d"},
        {"Database": {"Url": {"Url": f"mongodb://u:{SECRET}@h/d"}}},
        {"Log": {"File": {"Url": f"mongodb://u:{SECRET}@h/d"}}},
        {"RabbitMQ": {"Uri": f"amqp://u:{SECRET}@h/"}},
        {"RabbitMQ": {"Url": f"amqp://u:{SECRET}@h:port/"}},
    ],
)
def test_a_secret_is_never_shown(section: dict[str, Any]) -> None:
    assert SECRET not in " ".join(problems(section))


def test_a_secret_below_what_is_no_object_is_never_shown() -> None:
    found = problems({"RabbitMQ": f"amqp://u:{SECRET}@h/"}, {"PACS_PULL__RABBITMQ__QUEUE": "q"})
    assert SECRET not in " ".join(found)
    assert found[0].startswith("PacsPull.RabbitMQ: expected an object, found ")


def test_secrets_are_stars_when_settings_are_printed() -> None:
    settings = loaded({"RabbitMQ": {"Url": f"amqp://u:{SECRET}@h/"}})
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()


# --- Orthanc's own configuration ----------------------------------------------------------------------------------


def test_a_source_that_orthanc_does_not_know() -> None:
    (problem,) = problems({"Sources": {"ELSEWHERE": {}}})
    assert problem == (
        "PacsPull.Sources.ELSEWHERE: expected an entry of DicomModalities, found none; there are: HOSPITAL-PACS, MIRROR"
    )


def test_orthanc_knows_nobody() -> None:
    (problem,) = problems({"Sources": {"X": {}}}, DicomModalities={})
    assert problem.endswith("there are: none")


def test_modalities_in_orthancs_database_are_not_checked_here() -> None:
    assert "X" in loaded({"Sources": {"X": {}}}, DicomModalitiesInDatabase=True).sources


# --- the environment ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("RABBITMQ__URL", "amqp://a:b@c/", lambda settings: settings.rabbitmq.url.get_secret_value() == "amqp://a:b@c/"),
        ("RABBITMQ__QUEUE_TYPE", "quorum", lambda settings: settings.rabbitmq.queue_type == "quorum"),
        ("RABBITMQ__QUEUE", "2024", lambda settings: settings.rabbitmq.queue == "2024"),
        ("RABBITMQ__EXCHANGE", "true", lambda settings: settings.rabbitmq.exchange == "true"),
        ("DELETE_AFTER_SEND", "false", lambda settings: settings.delete_after_send is False),
        ("MAX_REPULLS", "7", lambda settings: settings.max_repulls == 7),
        ("STORE_IMAGE_RETENTION_HOURS", "1.5", lambda settings: settings.store_image_retention_hours == 1.5),
        ("FILTERS_FILE", "my.toml", lambda settings: settings.filters_file == Path("my.toml")),
        ("LOG__FILE", "my.log", lambda settings: settings.log.file == Path("my.log")),
        ("LOG__LEVEL", "DEBUG", lambda settings: settings.log.level == "DEBUG"),
        ("SOURCES__MIRROR__CROSS_DAYS", "[-1, 0]", lambda settings: settings.sources["MIRROR"].cross_days == (-1, 0)),
        ("SOURCES__MIRROR__MIRROR_GROUP", "1", lambda settings: settings.sources["MIRROR"].mirror_group == "1"),
        (
            "SOURCES__HOSPITAL_PACS__POLL_INTERVAL_SECONDS", "5",
            lambda settings: settings.sources["HOSPITAL-PACS"].poll_interval_seconds == 5,
        ),
    ],
)  # fmt: skip
def test_the_environment_wins(name: str, value: str, read: Any) -> None:
    section = {"Sources": {"HOSPITAL-PACS": {}, "MIRROR": {}}, "RabbitMQ": {"Url": "amqp://x/"}, "MaxRepulls": 1}
    assert read(loaded(section, {f"PACS_PULL__{name}": value}))


def test_other_variables_are_not_ours() -> None:
    loaded({}, {"PATH": "/bin", "PACS_PULL_SHARED": "x", "PACS_PULL__DISPATCHER__WHATEVER": "y"})


def test_a_wrong_variable_is_a_problem_like_any_other() -> None:
    (problem,) = problems({}, {"PACS_PULL__MAX_REPULS": "1"})
    assert problem.startswith("PacsPull.MAX_REPULS: unknown key, did you mean ")


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(f"amqp://u:{SECRET}@h/\n")
    settings = loaded({}, {"PACS_PULL__RABBITMQ__URL_FILE": str(file)})
    assert settings.rabbitmq.url.get_secret_value() == f"amqp://u:{SECRET}@h/"


def test_a_secret_file_that_is_not_there(tmp_path: Path) -> None:
    (problem,) = problems({}, {"PACS_PULL__RABBITMQ__URL_FILE": str(tmp_path / "none")})
    assert problem.startswith("PACS_PULL__RABBITMQ__URL_FILE: expected a readable file, found ")
    assert problem.endswith("(No such file or directory)")


def test_a_secret_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_bytes(b"\xff\xfe\x00")
    (problem,) = problems({}, {"PACS_PULL__RABBITMQ__URL_FILE": str(file)})
    assert problem.startswith("PACS_PULL__RABBITMQ__URL_FILE: expected a readable file, found ")


def test_the_configuration_given_is_not_changed() -> None:
    configuration = {"PacsPull": {"MaxRepulls": 1}}
    load(configuration, {"PACS_PULL__MAX_REPULLS": "2"}, ROOT)
    assert configuration == {"PacsPull": {"MaxRepulls": 1}}
