"""What identity costs a touchpoint: the same journeys under one id, under two, and anonymous until half-way.

    python -m bench.identity.cost [--customers 8000]

CPU time of `Planner.read` and `Planner.plan` in this process, with every message of `journey.routed` until none is
left; of each batch the best of five rounds, taken in turn. Kafka and Redis have no part in it.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from bench.engine.run import DAY_MS, EACH, START_MS, definition, wire
from schemas.topics import ROUTED, touchpoint_topic
from tracker.engine.customer import CustomerFold
from tracker.home import home
from tracker.identity.kinds import KINDS, Kinds
from tracker.planning.plan import PartitionBatch
from tracker.planning.planner import Planner

PARTITIONS = 4
BATCH = 1000
ROUNDS = 5
# From here on the anonymous visitors are known.
KNOWN_FROM = EACH // 2
# After the last touchpoint, and before anybody has dropped off.
NOW_MS = START_MS + 5 * DAY_MS
Ids = Callable[[int, int], dict[str, str]]
WEB = touchpoint_topic("web")
# With no kind but the one that never links there are no ties to look for.
OFF = Kinds(("customer_id",))


@dataclass(slots=True)
class Record:
    """A record of Kafka, as far as the planner looks."""

    offset: int
    value: bytes | None
    key: bytes | None
    timestamp: int = NOW_MS
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(slots=True)
class Cluster:
    """Partitions as lists, and the states of all of them; only what the planner does is timed."""

    planner: Planner
    states: list[dict[str, bytes]] = field(default_factory=lambda: [{} for _ in range(PARTITIONS)])
    routed: list[list[Record]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    spent_s: list[float] = field(default_factory=list)
    """By batch."""

    def apply(self, topic: str, partition: int, records: Sequence[Record]) -> None:
        """One batch; what it sends on waits in `routed`."""
        states = self.states[partition]
        begin = time.process_time()
        reading = self.planner.read(partition, [PartitionBatch(topic, partition, records)], NOW_MS)
        plan = self.planner.plan(reading, {name: states.get(name) for name in reading.names()}, NOW_MS)
        self.spent_s.append(time.process_time() - begin)
        states.update(plan.states)
        for message in plan.messages:
            if message.topic == ROUTED:
                self.routed[message.partition].append(Record(0, message.value, message.key))

    def deliver(self) -> None:
        """All messages on their way, and those that these bring about."""
        while any(self.routed):
            waiting, self.routed = self.routed, [[] for _ in range(PARTITIONS)]
            for partition, records in enumerate(waiting):
                for batch in chunks(records):
                    self.apply(ROUTED, partition, batch)


def chunks(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """As a worker takes them."""
    for begin in range(0, len(records), BATCH):
        yield records[begin : begin + BATCH]


def one_id(customer: int, _place: int) -> dict[str, str]:
    """As producers send who know their customers."""
    return {"customer_id": f"c-{customer}"}


def two_ids(customer: int, _place: int) -> dict[str, str]:
    """As web shops send behind a login."""
    return {"customer_id": f"c-{customer}", "anonymous_id": f"a-{customer}"}


def known_later(customer: int, place: int) -> dict[str, str]:
    """As web shops send whose visitors log in half-way."""
    return two_ids(customer, place) if place >= KNOWN_FROM else {"anonymous_id": f"a-{customer}"}


STREAMS: dict[str, tuple[Ids, Kinds]] = {
    "one id, linking off": (one_id, OFF),
    "one id": (one_id, KINDS),
    "two ids, linking off": (two_ids, OFF),
    "two ids": (two_ids, KINDS),
    "anonymous, known half-way": (known_later, KINDS),
}


def batches(ids: Ids, customers: int) -> list[list[tuple[int, Sequence[Record]]]]:
    """The stream: by touchpoint of a customer, the batches of all partitions."""
    chance = random.Random(7)
    values = [[wire(customer, place, chance) for place in range(EACH)] for customer in range(customers)]
    found = []
    for place in range(EACH):
        records: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        for customer in range(customers):
            given = ids(customer, place)
            known = KINDS.strongest(given) or ""
            value = msgspec.json.encode(msgspec.json.decode(values[customer][place]) | {"ids": given})
            records[home(known, PARTITIONS)].append(Record(0, value, known.encode()))
        found.append([(partition, batch) for partition, waiting in enumerate(records) for batch in chunks(waiting)])
    return found


def seconds(stream: list[list[tuple[int, Sequence[Record]]]], kinds: Kinds) -> list[float]:
    """CPU seconds of each batch after everybody's first touchpoint."""
    cluster = Cluster(Planner(CustomerFold([definition()]), PARTITIONS, kinds))
    for place, waiting in enumerate(stream):
        for partition, batch in waiting:
            cluster.apply(WEB, partition, batch)
        cluster.deliver()
        if not place:
            # Ties are made once for a customer; what is asked for is what they cost ever after.
            cluster.spent_s.clear()
    return cluster.spent_s


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=8_000)
    customers = parser.parse_args().customers
    streams = {ids: batches(ids, customers) for ids, _ in STREAMS.values()}
    rounds: dict[str, list[list[float]]] = {name: [] for name in STREAMS}
    for _ in range(ROUNDS):
        for name, (ids, kinds) in STREAMS.items():
            rounds[name].append(seconds(streams[ids], kinds))
    best = {name: sum(map(min, zip(*times, strict=True))) for name, times in rounds.items()}
    touchpoints = customers * (EACH - 1)
    print(f"{'':26} {'µs':>6} {'a second':>9} {'throughput':>10}")
    for name, spent_s in best.items():
        against = best["two ids, linking off" if name == "two ids" else "one id, linking off"]
        cost_us = spent_s / touchpoints * 1e6
        print(f"{name:26} {cost_us:6.2f} {1e6 / cost_us:9,.0f} {against / spent_s:10.1%}")


if __name__ == "__main__":
    main()
