"""Keys of one partition deleted under load, on a real Kafka, a real Redis and real workers."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition
from redis import Redis

from schemas.topics import TRANSITIONS
from schemas.transition import Transition
from streams.errors import ExitCode
from streams.sdk.repeats import Repeats, transition_id
from streams.stores.keys import keys
from tests.integration.test_tools import Installation, installation
from tests.servers import wait_until

__all__ = ["installation"]
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(240)]
KEYS = ("states", "aggregates", "offsets", "days")
"""`timers` is empty here: nobody drops off within a day. The contract of the stores has it."""


@contextmanager
def load(installation: Installation) -> Iterator[list[int]]:
    """Customers who go all the way, one after the other; how many there were, once it ends."""
    sent = [0]
    over = threading.Event()

    def send() -> None:
        while not over.is_set():
            installation.send(range(sent[0], sent[0] + 20))
            sent[0] += 20
            time.sleep(0.05)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        over.set()
        thread.join()


def writes(client: Redis, partition: int) -> int:
    return int(client.get(keys(partition).writes) or 0)


def generation(client: Redis, partition: int) -> bytes:
    return (client.get(keys(partition).generation) or b"").split(b" ")[0]


def completed(installation: Installation) -> set[str]:
    """Whose journey was completed, to a consumer who drops repeats and what was published before: each thing once."""
    consumer = KafkaConsumer(bootstrap_servers=installation.kafka)
    places = [TopicPartition(TRANSITIONS, partition) for partition in range(installation.partitions)]
    consumer.assign(places)
    consumer.seek_to_beginning()
    ends, repeats, values = consumer.end_offsets(places), Repeats(), []
    while any(consumer.position(place) < ends[place] for place in places):
        for records in consumer.poll(1_000).values():
            values += [record.value for record in repeats.fresh(records)]
    consumer.close()
    assert repeats.again > 0
    assert len({transition_id(value) for value in values}) == len(values)
    published = [msgspec.json.decode(value, type=Transition) for value in values]
    return {one.customer for one in published if one.kind == "completed"}


def lose(client: Redis, name: str) -> None:
    """Delete a key of partition 0, and wait until its worker has begun anew and written more."""
    before, key = generation(client, 0), getattr(keys(0), name)
    wait_until(lambda: client.delete(key), 60)
    wait_until(lambda: generation(client, 0) != before, 30)
    rebuilt = writes(client, 0)
    wait_until(lambda: writes(client, 0) > rebuilt + 3, 60)


def test_a_deleted_key_is_built_again_and_no_other_partition(installation: Installation) -> None:
    """Each key in turn, while customers come: every figure is right in the end, and the neighbour has gone on."""
    with Redis.from_url(installation.redis) as client, installation.running("worker"):
        with load(installation) as sent:
            wait_until(lambda: writes(client, 0) > 5 and writes(client, 1) > 5, 60)
            other = generation(client, 1)
            for name in KEYS:
                lose(client, name)
            assert generation(client, 1) == other
        wait_until(lambda: installation.reached().get("purchase_decision") == sent[0], 60)
        assert installation.visits()["purchase_decision"] == sent[0]
        assert installation.printed("audit")["ok"]
    assert len(completed(installation)) == sent[0]


def test_a_partition_is_built_again_by_hand(installation: Installation) -> None:
    """A figure that was changed in place is found by the audit alone; `tracker repair` brings the truth back."""
    with Redis.from_url(installation.redis) as client, installation.running("worker"):
        installation.send(range(100))
        wait_until(lambda: installation.reached().get("purchase_decision") == 100, 60)
        other = generation(client, 1)
        field = next(iter(client.hgetall(keys(0).aggregates)))
        client.hincrby(keys(0).aggregates, field, 7)
        assert not installation.printed("audit")["ok"]
        assert installation.tracker("repair", "--partition", "0").returncode == ExitCode.USAGE
        assert installation.tracker("repair", "--partition", "2", "--yes").returncode == ExitCode.USAGE
        answer = installation.tracker("repair", "--partition", "0", "--yes")
        assert answer.returncode == ExitCode.OK, answer.stderr
        wait_until(lambda: installation.printed("audit") | {"partitions": []} == {
            "ok": True, "customers": 100, "partitions": []
        }, 60)  # fmt: skip
        assert installation.reached()["purchase_decision"] == 100
        assert generation(client, 1) == other
    assert len(completed(installation)) == 100
