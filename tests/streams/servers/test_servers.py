"""The pair: ours, or those that were named."""

import pytest

from streams.errors import TrackerError
from streams.servers import Servers, kafka
from streams.servers.kafka import KafkaServer


def test_named_servers_are_used_and_nothing_starts() -> None:
    """With both addresses there is nothing to run."""
    with Servers("kafka:9092", "redis://redis:6379/0") as servers:
        assert (servers.kafka_bootstrap, servers.redis_url) == ("kafka:9092", "redis://redis:6379/0")
        assert servers.kafka is None
        assert servers.redis is None


def test_one_named_server_leaves_the_other_to_us() -> None:
    """A Kafka by name, a Redis of our own."""
    with Servers("kafka:9092") as servers:
        assert servers.kafka_bootstrap == "kafka:9092"
        assert servers.redis is not None
        assert servers.redis.is_ready()
        directory = servers.redis.group.directory
    assert not directory.exists()


def test_a_start_that_fails_half_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis runs when Kafka fails: it is stopped, the directory removed."""
    monkeypatch.setattr(KafkaServer, "prepare", lambda _self: ["/bin/sh", "-c", "echo no; exit 1"])
    servers = Servers()
    with pytest.raises(TrackerError, match=r"Kafka did not start \(status 1\)"), servers:
        pytest.fail("it should not have started")
    assert servers.redis is not None
    assert not servers.redis.runs
    assert not servers.redis.group.directory.exists()


def test_no_java_is_reported_before_anything_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy reaches the caller as it was raised."""

    def none() -> None:
        raise TrackerError("No Java.", "Install it.")

    monkeypatch.setattr(kafka, "find_java", none)
    with pytest.raises(TrackerError, match="No Java"), Servers():
        pytest.fail("it should not have started")
