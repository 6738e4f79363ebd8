"""Records as no producer should write them: names of headers that are no text, and clocks of 1970 and 2100."""

import json
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import InvalidTimestampError
from redis import Redis

from schemas.topics import REJECTED, ROUTED
from streams.stores.keys import keys
from tests.integration.test_tools import Installation, installation
from tests.servers import wait_until
from tests.streams.clients.test_any_headers import NoText

__all__ = ["installation"]
pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(240)]
WEB = "touchpoints.web"
STRANGE = [(NoText("x"), b"1")]


def touchpoint(customer: str, at_ms: int, type_: str = "Page Viewed", channel: str = "web") -> bytes:
    about = {"event_id": f"{customer} {type_}", "type": type_, "channel": channel, "occurred_at": at_ms}
    return json.dumps({**about, "ids": {"customer_id": customer}}).encode()


@pytest.fixture
def producer(installation: Installation) -> Iterator[KafkaProducer]:
    with closing(KafkaProducer(bootstrap_servers=installation.kafka)) as producer:
        yield producer


def known(installation: Installation) -> int:
    with Redis.from_url(installation.redis) as client:
        return sum(client.hlen(keys(partition).states) for partition in range(installation.partitions))


def test_names_of_headers_that_are_no_text(installation: Installation, producer: KafkaProducer) -> None:
    """The touchpoint counts, as all around it do, in every topic, and tools that read Kafka read on too."""
    now_ms = int(time.time() * 1000)
    for number in range(100):
        headers = STRANGE if number % 10 == 3 else []
        producer.send(WEB, touchpoint(f"c{number}", now_ms), b"%d" % number, headers=headers)
    producer.send(ROUTED, b"damaged", headers=STRANGE)
    producer.send(REJECTED, b"{}", headers=STRANGE)
    producer.flush()
    with installation.running("worker"):
        wait_until(lambda: known(installation) == 100, 60)
        producer.send(WEB, touchpoint("c-after", now_ms), headers=STRANGE)
        producer.flush()
        wait_until(lambda: known(installation) == 101, 60)
        wait_until(lambda: '"not_routed"' in installation.tracker("rejected", "list", "--json").stdout, 60)
    assert installation.printed("audit")["ok"]
    plan = installation.tracker("plan", "infer", "web-shop", "--channel", "web")
    assert "Page Viewed" in plan.stdout, plan.stderr
    backtest = installation.tracker("backtest", "examples/journeys/seven-stages.yaml", "--kafka", "--json")
    assert "101" in backtest.stdout, backtest.stderr


YEAR_MS = 365 * 86_400_000
IN_1970_MS, IN_2100_MS = 5_000, 4_102_444_800_000


def allow_any_timestamp(installation: Installation) -> None:
    """As brokers before 4.0 do: today's refuse what is more than an hour ahead.

    Returns when the broker has heard of it: it has taken a first record of 2100, which is sent again later.
    """
    with closing(KafkaAdminClient(bootstrap_servers=installation.kafka)) as admin:
        limit = {"message.timestamp.after.max.ms": str(2**62)}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, WEB, limit)])

    def is_taken() -> bool:
        # A new producer each time: one that was refused once is refused everything from then on by its own client.
        with closing(KafkaProducer(bootstrap_servers=installation.kafka)) as producer:
            try:
                producer.send(WEB, touchpoint("c41", IN_2100_MS), partition=1, timestamp_ms=IN_2100_MS).get(30)
            except InvalidTimestampError:
                return False
        return True

    wait_until(is_taken, 60)


@pytest.mark.parametrize("behind", [False, True], ids=["live", "a backlog"])
def test_clocks_of_1970_and_2100(installation: Installation, producer: KafkaProducer, behind: bool) -> None:
    """Nobody drops off for another's clock, the records count at the time of those around them, and are counted."""
    allow_any_timestamp(installation)
    now_ms = int(time.time() * 1000)

    def send() -> None:
        for number in range(400):
            stamp_ms = {40: IN_1970_MS, 41: IN_2100_MS, 42: IN_2100_MS}.get(number, now_ms + number - 60_000)
            event_ms = IN_2100_MS if number in {41, 43} else now_ms + number - 60_000
            value = touchpoint(f"c{number}", event_ms)
            producer.send(WEB, value, b"%d" % number, partition=number % 2, timestamp_ms=stamp_ms)
        producer.send(WEB, touchpoint("c-1970", IN_1970_MS), partition=0)
        producer.flush()

    if behind:
        send()
    with installation.running("worker"):
        if not behind:
            send()
        wait_until(lambda: known(installation) == 400, 60)
        wait_until(lambda: '"impossible_time"' in installation.tracker("rejected", "list", "--json").stdout, 60)
    found = installation.printed("audit")
    assert (found["ok"], found["customers"]) == (True, 400)
    assert not any(installation.figures().by("seven_stages", "dropoffs", "stage").values())
    for number in (40, 41, 42, 43):
        shown = json.loads(installation.tracker("show", f"c{number}", "--json").stdout)
        assert "2100" not in json.dumps(shown), shown
