"""What Kafka is started with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.servers import jars, kafka
from streams.servers.kafka import KafkaServer
from streams.servers.process_group import ProcessGroup


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ProcessGroup]:
    """A group where preparing Kafka fetches nothing and runs no Java."""
    monkeypatch.setattr(jars, "fetch", lambda _report: tmp_path)
    monkeypatch.setattr(kafka, "find_java", lambda: Path("/usr/bin/true"))
    with ProcessGroup() as home:
        yield home


def prepare(server: KafkaServer) -> tuple[list[str], dict[str, str]]:
    server.port = 9092
    server.directory.mkdir(exist_ok=True)
    command = server.prepare()
    lines = Path(command[-1]).read_text().splitlines()
    return command, dict(line.split("=", 1) for line in lines)


def test_clients_get_an_address_on_loopback(home: ProcessGroup) -> None:
    """What the broker advertises is where it listens; nothing listens on other interfaces."""
    _, properties = prepare(KafkaServer(home))
    assert properties["advertised.listeners"] == "CLIENT://127.0.0.1:9092"
    assert all("://127.0.0.1:" in place for place in properties["listeners"].split(","))


def test_topics_are_not_made_by_accident(home: ProcessGroup) -> None:
    """A misspelt topic is an error, not a new topic."""
    _, properties = prepare(KafkaServer(home))
    assert properties["auto.create.topics.enable"] == "false"


def test_properties_and_options_can_be_replaced(home: ProcessGroup) -> None:
    """A benchmark gives more heap, a fault test other time-outs."""
    server = KafkaServer(home, properties={"num.io.threads": "8"}, jvm_options=["-Xmx2g"])
    command, properties = prepare(server)
    assert properties["num.io.threads"] == "8"
    assert "-Xmx2g" in command
    assert "-Xmx400m" not in command


def test_everything_it_writes_is_in_its_directory(home: ProcessGroup) -> None:
    """Data, scratch files and crash reports go with the directory."""
    command, properties = prepare(KafkaServer(home))
    inside = f"{home.directory}/kafka/"
    assert properties["log.dirs"].startswith(inside)
    assert any(word.startswith(f"-Djava.io.tmpdir={inside}") for word in command)
    assert "-XX:-UsePerfData" in command


def test_no_two_listeners_get_one_port(home: ProcessGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may offer a port twice while nothing listens on it yet."""
    offered = iter([7101, 7101, 7101, 7102, 7102, 7103])
    monkeypatch.setattr(kafka.ports, "free_port", lambda: next(offered))
    server = KafkaServer(home, port=7101, listeners={"OTHER": "PLAINTEXT"})
    prepare(server)
    assert len({server.port, *server._more_ports.values()}) == 3
