"""docs/one-person.md: its files are written, its commands are run, and they print what it shows."""

import re
import shlex
from pathlib import Path

import pytest

from streams.cli.main import main
from streams.errors import ExitCode
from streams.sdk.producer import Producer
from tests.streams.broker import Broker

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "one-person.md").read_text(encoding="utf-8")
FILE = re.compile(r"`([\w.-]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"```sh\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with the files of the page, and the tables that ship."""
    for name, text in FILE.findall(PAGE):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_prints_what_it_shows(place, capsys, monkeypatch) -> None:
    """Every command ends well, and its output is the text below it."""
    monkeypatch.setattr("streams.sdk.producer.connect", lambda _settings: Producer(Broker()))
    assert sorted(path.name for path in place.iterdir()) == [
        "contacts.csv", "examples", "ga4.jsonl", "one-person.yaml", "tickets.jsonl",
    ]  # fmt: skip
    shown = COMMAND.findall(PAGE)
    assert len(shown) == 4
    for commands, expected in shown:
        for line in commands.replace("\\\n", "").splitlines():
            assert main(shlex.split(line)[1:]) == ExitCode.OK, line
        printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.rstrip().splitlines())
        assert not expected or printed == expected.rstrip()


def test_without_the_address_they_are_two(place, capsys) -> None:
    """The page says what ties the contact to the person: without it, it is somebody else."""
    contacts = place / "contacts.csv"
    contacts.write_text(contacts.read_text().replace("somebody@example.org", ""))
    tables = [
        word for name in ("ga4-export", "hubspot-contacts") for word in ("--map", f"examples/imports/{name}.yaml")
    ]
    assert main(["replay", "one-person.yaml", "ga4.jsonl", "contacts.csv", *tables, "--customers"]) == ExitCode.OK
    assert "hubspot_contact@hubspot:501" in capsys.readouterr().out
