import dataclasses
import os
from pathlib import Path

import pytest

from streams.errors import ConfigurationError, ExitCode
from streams.settings import settings
from streams.settings.settings import SETTINGS, Settings

REPOSITORY = Path(__file__).parents[3]


def env_file(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_empty_environment_is_enough() -> None:
    """Nothing set gives the defaults, with no addresses: the embedded servers are meant."""
    found = settings.read({})
    assert (found.kafka_bootstrap, found.redis_url, found.partitions) == (None, None, 8)
    assert found.channels == ("web", "shop", "support")


def test_table_and_value_name_the_same_fields() -> None:
    """Each setting has its field, and each field its setting, in the same order."""
    assert [field.name for field in dataclasses.fields(Settings)] == [setting.field for setting in SETTINGS]


def test_variables_are_distinct() -> None:
    """No variable stands in the table twice."""
    assert len({setting.variable for setting in SETTINGS}) == len(SETTINGS)


def test_all_processes_run_on_one_machine() -> None:
    """No two processes want one port by default: a collector's further processes take the ports after its first one."""
    found = settings.read({})
    fixed = [found.exporter_port, found.canary_port, found.collector_metrics_port]
    assert len(set(fixed)) == 3
    assert max(fixed) == found.collector_metrics_port


def test_reference_is_complete() -> None:
    """deploy/env/reference.env is what the table says, every setting at its default."""
    assert (REPOSITORY / "deploy/env/reference.env").read_text(encoding="utf-8") == settings.reference()


def test_reference_can_be_used_as_it_is() -> None:
    """An installation that takes reference.env unchanged gets the defaults."""
    assert settings.read(env_file(REPOSITORY / "deploy/env/reference.env")) == settings.read({})


def test_minimal_names_existing_knobs() -> None:
    """Every variable of deploy/env/minimal.env is one of ours."""
    assert settings.unknown(env_file(REPOSITORY / "deploy/env/minimal.env")) == {}


def test_all_wrong_variables_are_named_at_once() -> None:
    """Each wrong variable comes with its value and what is allowed."""
    with pytest.raises(ConfigurationError) as caught:
        settings.read({"TRACKER_PARTITIONS": "many", "TRACKER_LOG_LEVEL": "loud"})
    assert (
        "TRACKER_PARTITIONS is 'many': it must be a whole number of partitions from 1 to 4096." in caught.value.message
    )
    assert "TRACKER_LOG_LEVEL is 'loud': it must be one of debug, info, warning, error." in caught.value.message
    assert caught.value.exit_code is ExitCode.CONFIGURATION


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KAFKA_BOOTSTRAP", "kafka"),
        ("KAFKA_BOOTSTRAP", "kafka:0"),
        ("KAFKA_SSL_CAFILE", "/there/is/none"),
        ("KAFKA_SSL_CHECK_HOSTNAME", "perhaps"),
        ("REDIS_URL", "http://redis:6379"),
        ("REDIS_URL", "redis://redis:port"),
        ("TRACKER_CHANNELS", "web,web"),
        ("TRACKER_CHANNELS", "web shop"),
        ("TRACKER_COMMIT_INTERVAL_S", "nan"),
        ("TRACKER_HTTP_PORT", "70000"),
        ("TRACKER_JOURNEYS", "/there/is/none.yaml"),
    ],
)
def test_wrong_value_is_refused(variable, value) -> None:
    """A value that is not allowed is refused with the variable's name."""
    with pytest.raises(ConfigurationError, match=variable):
        settings.read({variable: value})


def test_secret_comes_from_a_file(tmp_path) -> None:
    """NAME_FILE gives a secret without its trailing newline."""
    (tmp_path / "password").write_text("s3cret\n", encoding="utf-8")
    environ = {
        "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
        "KAFKA_SASL_USERNAME": "tracker",
        "KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "password"),
    }
    found = settings.read(environ)
    assert (found.kafka_sasl_password, found.kafka_security_protocol) == ("s3cret", "SASL_SSL")


def test_secret_from_both_places_is_refused() -> None:
    """A variable and its _FILE together leave it open which one is meant."""
    with pytest.raises(ConfigurationError, match="both set"):
        settings.read({"TRACKER_ID_SALT": "a", "TRACKER_ID_SALT_FILE": "/b"})


def test_missing_secret_file_is_named() -> None:
    """A secret's file that cannot be read is named with the reason."""
    with pytest.raises(ConfigurationError, match="TRACKER_ID_SALT_FILE names '/none', which cannot be read: No such"):
        settings.read({"TRACKER_ID_SALT_FILE": "/none"})


def test_secrets_are_never_shown() -> None:
    """Neither the print, the repr nor an error repeats a secret."""
    found = settings.read({"REDIS_URL": "redis://me:pa55@redis:6379/0", "TRACKER_ID_SALT": "s4lt"})
    shown = repr(found) + str(found) + repr(list(found.shown()))
    assert "pa55" not in shown and "s4lt" not in shown
    assert "redis://me:***@redis:6379/0" in shown
    with pytest.raises(ConfigurationError) as caught:
        settings.read({"REDIS_URL": "redis//me:pa55@redis"})
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_PASSWORD": "x"}, "KAFKA_SASL_USERNAME is missing"),
        ({"KAFKA_SASL_PASSWORD": "x"}, "neither SASL_SSL nor"),
        ({"REDIS_CLUSTER": "true"}, "REDIS_URL does not say"),
        ({"REDIS_SSL_CERTFILE": __file__}, "belong together"),
        ({"TRACKER_COMMIT_INTERVAL_S": "10"}, "must be shorter"),
    ],
)
def test_contradictions_are_refused(environ, missing) -> None:
    """Settings that cannot be meant together are refused with the sentence that says why."""
    with pytest.raises(ConfigurationError, match=missing):
        settings.read(environ)


def test_mistyped_variable_is_noticed() -> None:
    """A variable that is none of ours is reported with the nearest that is."""
    environ = {"TRACKER_PARTITION": "8", "TRACKER_VENV": "/elsewhere", "PATH": "/bin", "TRACKER_ID_SALT_FILE": "x"}
    assert settings.unknown(environ) == {"TRACKER_PARTITION": "TRACKER_PARTITIONS"}


def test_folder_of_journeys_is_opened(tmp_path) -> None:
    """A folder stands for its journey files, in the order of their names."""
    for name in ("b.yaml", "a.yaml", "notes.txt"):
        (tmp_path / name).touch()
    found = settings.read({"TRACKER_JOURNEYS": f"{tmp_path}{os.pathsep}{tmp_path / 'b.yaml'}"})
    assert [path.name for path in found.journey_files()] == ["a.yaml", "b.yaml", "b.yaml"]


def test_default_journey_ships() -> None:
    """Where no journey is named, the one that runs exists."""
    assert [path.is_file() for path in settings.read({}).journey_files()] == [True]


def test_kinds_of_alias_are_read() -> None:
    """By commas or blanks; printed as they are written; nonsense is one clear line."""
    found = settings.read({"TRACKER_ALIAS_KINDS": "customer_id anonymous_id, device_id:10"})
    assert (found.kinds.order, found.kinds.limits) == (("customer_id", "anonymous_id", "device_id"), {"device_id": 10})
    shown = {setting.field: value for setting, value in found.shown()}
    assert shown["alias_kinds"] == "customer_id,anonymous_id,device_id:10"
    with pytest.raises(ConfigurationError, match="TRACKER_ALIAS_KINDS is 'device_id': it must be kinds of alias"):
        settings.read({"TRACKER_ALIAS_KINDS": "device_id"})
