"""The backtest reads what a real Kafka holds, and finds the same there as in files."""

import json

import pytest
from kafka import KafkaProducer

from streams.cli.main import main
from streams.errors import ExitCode
from tests.servers import create_topics
from tests.touchpoints import touchpoint

pytestmark = pytest.mark.integration

MINUTE_MS = 60_000
BEGIN_MS = 1_767_571_200_000
MINUTES = 27 * 60
"""A day, an hour and two more."""
JOURNEY = """
journey: shop
stages:
  - {name: seen, touchpoints: [{type: Page}], drops_after: 10m, alerts: {drop_off: {customers: 6}}}
  - {name: bought, touchpoints: [{type: Order}], goal: true}
"""


def touchpoints() -> list[tuple[str, bytes]]:
    """A customer a minute, of whom one in ten drops off; in the last two hours every second one."""
    made = []
    for minute in range(MINUTES):
        at_ms, customer = BEGIN_MS + minute * MINUTE_MS, f"c{minute}"
        made.append((customer, touchpoint(customer, "Page", at_ms)))
        if minute % (2 if minute > MINUTES - 120 else 10):
            made.append((customer, touchpoint(customer, "Order", at_ms + 5_000)))
    return made


def test_kafka_and_files_give_the_same(servers, names, tmp_path, capsys, monkeypatch) -> None:
    """`--kafka` reads every partition of the channels' topics to its end, and joins no group."""
    channel = names.prefix.replace(".", "-")
    create_topics(servers.kafka_bootstrap, f"touchpoints.{channel}", partitions=3)
    producer = KafkaProducer(bootstrap_servers=servers.kafka_bootstrap)
    for customer, value in touchpoints():
        producer.send(f"touchpoints.{channel}", key=customer.encode(), value=value)
    producer.send(f"touchpoints.{channel}", value=b"nonsense")
    producer.flush()
    producer.close()
    (tmp_path / "shop.yaml").write_text(JOURNEY, encoding="utf-8")
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(value for _, value in touchpoints()))
    monkeypatch.setenv("KAFKA_BOOTSTRAP", servers.kafka_bootstrap)
    monkeypatch.setenv("TRACKER_CHANNELS", channel)
    words = ["backtest", str(tmp_path / "shop.yaml"), "--json", "--every", "5m"]
    assert main([*words, "--kafka"]) == ExitCode.OK
    of_kafka = capsys.readouterr()
    assert main([*words, str(tmp_path / "events.jsonl")]) == ExitCode.OK
    of_topics, of_files = json.loads(of_kafka.out), json.loads(capsys.readouterr().out)
    assert of_topics.pop("events") == {"read": len(touchpoints()) + 1, "rejected": 1}
    assert of_files.pop("events") == {"read": len(touchpoints()), "rejected": 0}
    assert of_topics == of_files
    assert "JourneyDropoffSpike" in of_kafka.out and "1 not_json" in of_kafka.err
