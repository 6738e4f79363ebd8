"""Topics that are deleted and created again, before the workers start and under them."""

from collections.abc import Iterable
from contextlib import closing

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError
from redis import Redis

from schemas.topics import ROUTED, TRANSITIONS
from schemas.transition import Transition
from streams.stores.keys import keys
from tests.integration.test_tools import Installation, installation
from tests.servers import wait_until
from tracker.home import home

__all__ = ["installation"]
pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(240)]
CHANNELS = ("touchpoints.web", "touchpoints.shop")


def create_anew(installation: Installation, topics: Iterable[str]) -> None:
    """Delete the topics and create them again, as soon as Kafka lets them be created."""
    with closing(KafkaAdminClient(bootstrap_servers=installation.kafka)) as admin:
        admin.delete_topics(list(topics))
        for topic in topics:
            wait_until(lambda topic=topic: _created(admin, NewTopic(topic, installation.partitions, 1)), 30)


def _created(admin: KafkaAdminClient, topic: NewTopic) -> bool:
    try:
        admin.create_topics([topic])
    except TopicAlreadyExistsError:
        return False
    return True


def reached(installation: Installation) -> int:
    return installation.reached().get("purchase_decision", 0)


def ids(installation: Installation, partition: int = 0) -> dict[str, str]:
    with Redis.from_url(installation.redis) as client:
        found = client.hgetall(keys(partition).topics).items()
    return {field.decode(): text.decode() for field, text in found}


def completed(installation: Installation) -> list[tuple[str, bool]]:
    """Whose journey was completed, and whether the transition says that it was published before."""
    places = [TopicPartition(TRANSITIONS, partition) for partition in range(installation.partitions)]
    with closing(KafkaConsumer(bootstrap_servers=installation.kafka)) as consumer:
        consumer.assign(places)
        consumer.seek_to_beginning()
        ends, values = consumer.end_offsets(places), []
        while any(consumer.position(place) < ends[place] for place in places):
            for records in consumer.poll(1_000).values():
                values += [msgspec.json.decode(record.value, type=Transition) for record in records]
    return [(one.customer, bool(one.again)) for one in values if one.kind == "completed"]


def test_a_longer_topic_created_anew_is_read_whole(installation: Installation) -> None:
    """Of 1,500 customers in topics created anew while nobody ran, none is lost, and none is marked as known before."""
    with installation.running("worker"):
        installation.send(range(300))
        wait_until(lambda: reached(installation) == 300, 60)
    before = ids(installation)
    create_anew(installation, CHANNELS)
    installation.send(range(300, 1_800))
    said = installation.tracker("doctor").stdout
    assert "touchpoints.web was created anew" in said, said
    with installation.running("worker"):
        wait_until(lambda: reached(installation) == 1_800, 90)
    now = ids(installation)
    assert all(now[topic] != before[topic] and now[f"before {topic}"].split()[0] == before[topic] for topic in CHANNELS)
    assert now[ROUTED] == before[ROUTED]
    assert installation.printed("audit")["ok"]
    found = completed(installation)
    assert len(found) == len(set(found)) == 1_800
    assert not any(again for _, again in found)
    said = installation.tracker("doctor").stdout
    assert "touchpoints.web/0 was created anew; " in said, said


def test_topics_created_anew_under_running_workers(installation: Installation) -> None:
    """The workers notice by themselves: all of both lives is counted, the new one from its first record on."""
    with installation.running("worker") as process:
        installation.send(range(200))
        wait_until(lambda: reached(installation) == 200, 60)
        before = ids(installation)
        create_anew(installation, CHANNELS)
        installation.send(range(200, 900))
        wait_until(lambda: reached(installation) == 900, 90)
        wait_until(lambda: all(ids(installation)[topic] != before[topic] for topic in CHANNELS), 30)
        assert process.poll() is None
    assert installation.printed("audit")["ok"]
    assert {customer for customer, again in completed(installation) if not again} == {f"c{n}" for n in range(900)}


def test_the_topic_between_partitions_created_anew(installation: Installation) -> None:
    """What comes to another partition than its customer's goes on to its home over the new `journey.routed`."""
    with installation.running("worker"):
        installation.send(range(100), by=1)
        wait_until(lambda: reached(installation) == 100, 60)
        before = ids(installation)
        create_anew(installation, [ROUTED])
        wait_until(lambda: ids(installation).get(ROUTED) != before[ROUTED], 60)
        installation.send(range(100, 400), by=1)
        wait_until(lambda: reached(installation) == 400, 60)
    assert installation.printed("audit")["ok"]


def test_offsets_lost_while_nobody_runs(installation: Installation, tmp_path) -> None:
    """The next owner notices, builds that partition again alone, and marks what it publishes again."""
    with installation.running("worker"):
        installation.send(range(300))
        wait_until(lambda: reached(installation) == 300, 60)
        wait_until(lambda: len(completed(installation)) == 300, 60)
    with Redis.from_url(installation.redis) as client:
        assert client.delete(keys(0).offsets)
        log = tmp_path / "log"
        with log.open("wb") as output, installation.running("worker", stdout=output, stderr=output):
            wait_until(lambda: len(completed(installation)) > 300 and reached(installation) == 300, 60)
            wait_until(lambda: installation.printed("audit") | {"partitions": []} == {
                "ok": True, "customers": 300, "partitions": []
            }, 60)  # fmt: skip
    assert installation.visits()["purchase_decision"] == 300
    said = [line for line in log.read_text().splitlines() if "redis has lost keys" in line]
    assert len(said) == 1 and "offsets has 0 entries" in said[0], log.read_text()[-3_000:]
    found = completed(installation)
    assert sorted(customer for customer, again in found if not again) == sorted(f"c{number}" for number in range(300))
    assert {customer for customer, again in found if again} == {
        f"c{number}" for number in range(300) if home(f"c{number}", installation.partitions) == 0
    }
