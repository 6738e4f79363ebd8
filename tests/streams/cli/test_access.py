"""`tracker access`."""

import json
from pathlib import Path

import pytest

from streams.access.roles import ROLES
from streams.cli import main
from streams.errors import ExitCode

ROOT = Path(__file__).parents[3]


def test_the_roles_are_listed(capsys, monkeypatch) -> None:
    """Each role with its rights in Kafka and Redis, by the channels and the group of the settings."""
    monkeypatch.setenv("TRACKER_CHANNELS", "web,till")
    monkeypatch.setenv("TRACKER_GROUP", "mine")
    assert main.main(["access", "list"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "worker: tracker worker\n" in said
    assert "Kafka  write on topic touchpoints.till" in said and "Kafka  read on group mine*" in said
    assert main.main(["access", "list", "--json"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)["roles"]
    assert [each["role"] for each in found] == [each.name for each in ROLES]
    assert next(each for each in found if each["role"] == "exporter")["kafka"] == []


def test_the_page_shows_the_roles(capsys, monkeypatch) -> None:
    """docs/access.md has what the command prints with the default settings."""
    for name in ("TRACKER_CHANNELS", "TRACKER_GROUP"):
        monkeypatch.delenv(name, raising=False)
    assert main.main(["access", "list"]) == ExitCode.OK
    assert f"```text\n{capsys.readouterr().out}```" in (ROOT / "docs/access.md").read_text("utf-8")


def test_secrets_are_made_and_never_printed(capsys, tmp_path) -> None:
    """The command names the files that it made; the second time there are none."""
    assert main.main(["access", "secrets", str(tmp_path)]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "made  worker/kafka-password\n" in said
    assert not any(path.read_text("utf-8").strip() in said for path in tmp_path.glob("*/*-password"))
    assert main.main(["access", "secrets", str(tmp_path), "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == {"made": []}


@pytest.mark.parametrize("word", ["worker", "kafka=me:1", "1000", "redis=1:"])
def test_an_owner_that_is_none(capsys, tmp_path, word) -> None:
    """An owner is two numbers; anything else is an error before anything is made."""
    assert main.main(["access", "secrets", str(tmp_path), "--owner", word]) == ExitCode.USAGE
    assert "names no owner" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_rights_want_a_kafka(capsys, monkeypatch) -> None:
    """Without an address of Kafka nothing can be granted, and the error says which variable is missing."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    assert main.main(["access", "grant"]) == ExitCode.CONFIGURATION
    assert "KAFKA_BOOTSTRAP" in capsys.readouterr().err
