"""Names that are linked, cut and erased while workers die between the steps: everybody ends as without a fault."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka import KafkaProducer
from redis import Redis

from schemas.routed import Erase
from schemas.topics import ROUTED, topics
from streams import orders
from streams.clients import kafka_admin
from streams.figures import read as read_figures
from streams.repartition_kafka import waiting
from streams.settings import Settings, read
from streams.stores.keys import keys
from streams.topics import create
from streams.torture.crew import Crew
from tests.flow.harness import JOURNEY, SHOP, WEB, World, crash_at, run_through
from tests.laws.test_erasure import mentioned
from tests.laws.test_identity import found
from tests.servers import PrivateServers, wait_until
from tests.touchpoints import touchpoint
from tests.virtual_time import run
from tracker.home import home
from tracker.identity import strongest
from tracker.plan import encode_routed

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(600)]
PARTITIONS, PEOPLE = 4, 24
GONE = range(2, PEOPLE, 4)
CUT = range(1, PEOPLE, 4)


@dataclass
class Scene:
    """The same touchpoints and orders for real servers and for a world in memory."""

    settings: Settings
    crew: Crew
    world: World
    now_ms: int
    died: int = 0
    """Workers that a failpoint has killed."""

    def touchpoints(self) -> None:
        """Each person browses without a name, then buys with one; every fifth address is shared with the next."""
        with closing(KafkaProducer(bootstrap_servers=self.settings.kafka_bootstrap)) as producer:
            for number in range(PEOPLE):
                for place, (topic, kind, ids) in enumerate(steps(number)):
                    at_ms = self.now_ms - 60_000 + 1000 * place + number
                    channel = topic.partition(".")[2]
                    value = touchpoint("", kind, at_ms, event_id=f"e{number}-{place}", channel=channel, ids=ids)
                    name = strongest(ids) or ""
                    producer.send(topic, value, name.encode(), partition=home(name, PARTITIONS))
                    self.world.produce(topic, value, to=name, at_ms=at_ms)

    def rule(self) -> None:
        """Some are cut off their anonymous past, some are erased: all of it at once."""
        said: list[orders.Order] = []
        for number in CUT:
            said += orders.rulings(f"c{number}", f"anonymous_id:a{number}", self.now_ms, linked=False)
        said += [Erase(name, self.now_ms) for number in GONE for name in names(number)]
        with orders.producer(self.settings) as producer:
            orders.send(producer, said, PARTITIONS)
        for order in said:
            self.world.produce(ROUTED, encode_routed(order), to=order.name)

    def apply(self, step: int) -> None:
        """Workers that die after this step of their second batch, and again, until one that lives has all applied."""
        for _ in range(3):
            doomed = self.crew.start(failpoint=f"{step}:2")
            wait_until(lambda doomed=doomed: not doomed.running or self.is_applied(), 60)
            self.died += doomed.process.poll() == -signal.SIGKILL
            self.crew.kill(doomed)
        self.crew.start()
        wait_until(self.is_applied, 60)
        run(run_through(self.world, crash_at()))

    def is_applied(self) -> bool:
        """Whether every topic is applied to its end, twice in a row: what was under way has come home."""
        looks = []
        for _ in range(2):
            with Redis.from_url(self.settings.redis_url) as client, kafka_admin(self.settings) as admin:
                inputs = {topic.name: PARTITIONS for topic in topics() if topic.direction == "input"}
                left = waiting(admin, inputs, read_figures(client, PARTITIONS).offsets)
                boxes = sum(client.llen(keys(each).outbox) for each in range(PARTITIONS))
            looks.append(not left and not boxes)
            time.sleep(0.2)
        return all(looks)

    def real(self) -> World:
        """What Redis holds, as a world to look at."""
        real = World(PARTITIONS)
        with Redis.from_url(self.settings.redis_url) as client:
            for partition in range(PARTITIONS):
                kept, where = real.store.held(partition), keys(partition)
                kept.states = {name.decode(): record for name, record in client.hgetall(where.states).items()}
                kept.aggregates = {name.decode(): int(n) for name, n in client.hgetall(where.aggregates).items()}
                kept.timers = {
                    name.decode(): int(at) for name, at in client.zrange(where.timers, 0, -1, withscores=True)
                }
        return real


def steps(number: int) -> list[tuple[str, str, dict[str, str]]]:
    shared = {"email_sha256": f"e{number - number % 5}"}
    return [
        (WEB, "Page Viewed", {"anonymous_id": f"a{number}"}),
        (WEB, "Product Added", {"anonymous_id": f"a{number}"} | (shared if number % 5 < 2 else {})),
        (SHOP, "Order Completed", {"customer_id": f"c{number}", "anonymous_id": f"a{number}"}),
        (WEB, "Page Viewed", {"anonymous_id": f"a{number}"}),
    ]


def names(number: int) -> list[str]:
    return [f"c{number}", f"anonymous_id:a{number}"]


@pytest.fixture
def scene(private_servers: PrivateServers, tmp_path: Path) -> Iterator[Scene]:
    journey = tmp_path / "retail.yaml"
    journey.write_text(JOURNEY)
    environ = {
        "KAFKA_BOOTSTRAP": private_servers.kafka().bootstrap, "REDIS_URL": private_servers.redis().url,
        "TRACKER_PARTITIONS": str(PARTITIONS), "TRACKER_SESSION_TIMEOUT_S": "6", "TRACKER_JOURNEYS": str(journey),
        "TRACKER_ID_SALT": "salt", "TRACKER_BATCH_RECORDS": "5",
    }  # fmt: skip
    create(read(environ))
    world, now_ms = World(PARTITIONS), int(time.time() * 1000)
    world.now_ms = now_ms
    crew = Crew(environ, tmp_path)
    try:
        yield Scene(read(environ), crew, world, now_ms)
    finally:
        crew.close()


@pytest.mark.parametrize("step", [3, 6, 7])
def test_killed_while_names_move(scene: Scene, step: int) -> None:
    """Linked, then cut and erased, with a worker killed after this step again and again: as without any fault."""
    scene.touchpoints()
    scene.apply(step)
    for hand in list(scene.crew.hands):
        scene.crew.stop(hand)
    assert found(scene.real()) == found(scene.world)
    assert scene.died
    scene.died = 0
    scene.rule()
    scene.apply(step)
    assert scene.died
    real = scene.real()
    assert found(real) == found(scene.world)
    assert real.figures() == real.contributions()
    assert not mentioned(real) & {name for number in GONE for name in names(number)}
