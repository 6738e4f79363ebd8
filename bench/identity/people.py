"""A crowd under many names: every state and every count against a union-find and one fold a person.

    python -m bench.identity.people [--people 100000]

Ten touchpoints of each person under one to five aliases, tied at random times, some on a stranger's device; two
workers on a Kafka and a Redis of their own, one of which is killed half-way. Exit code 0 says that everything is equal.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from schemas.topics import ROUTED
from streams.servers import Servers
from streams.simulator.event import Event
from streams.simulator.steps import SEVEN_STAGES
from streams.simulator.truth import Truth
from streams.stores.keys import keys
from streams.torture.feeder import Feeder
from streams.torture.rig import Rig
from tests.people import by_customer, counted
from tracker.engine.customer import CustomerFold
from tracker.engine.recount import recount
from tracker.identity.kinds import KINDS
from tracker.planning.decode import decode
from tracker.touch import Touch

EACH = 10
HOUR_MS = 3_600_000
SPAN_MS = 72 * HOUR_MS
# Of the people: who never says a customer_id, and who is seen on somebody else's device.
NEVER_KNOWN, BORROWS = 0.1, 0.02
# Of the touchpoints: how many come up to six hours late, and how many twice.
LATE, TWICE = 0.05, 0.02
WITHIN_S = 3_600.0
MOST_SHOWN = 5


def aliases(person: int, chance: random.Random) -> list[tuple[str, str]]:
    """One to five of them; `customer_id` first, unless it is never said."""
    found = [("customer_id", f"c-{person}"), ("anonymous_id", f"a-{person}"), ("email_sha256", f"{person:064x}")]
    found += [("anonymous_id", f"a-{person}-{device}") for device in (2, 3)]
    count = chance.randint(1, 5)
    return found[1 : 1 + min(count, 4)] if chance.random() < NEVER_KNOWN else found[:count]


def ids(person: int, place: int, names: Sequence[tuple[str, str]], chance: random.Random) -> dict[str, str]:
    """The ids of a touchpoint: one alias alone, or two, by which each alias is tied to the ones before it once."""
    if place and place < len(names):
        mine = names[place]
        # Two devices are never in one touchpoint.
        other = chance.choice([name for name in names[:place] if name[0] != mine[0]])
        return dict((other, mine))
    alone = dict([chance.choice(names)])
    if person and chance.random() < BORROWS and "customer_id" in alone:
        alone["anonymous_id"] = f"a-{chance.randrange(person)}"
    return alone


def crowd(people: int, starts_ms: int) -> Iterator[Event]:
    """All touchpoints, as they arrive."""
    chance = random.Random(people)
    arrivals = []
    for person in range(people):
        names = aliases(person, chance)
        for place in range(EACH):
            at_ms = starts_ms + chance.randrange(SPAN_MS)
            arrives_ms = at_ms + (chance.randrange(6 * HOUR_MS) if chance.random() < LATE else 0)
            arrivals.append((arrives_ms, at_ms, person * EACH + place, ids(person, place, names, chance)))
    arrivals += [chance.choice(arrivals) for _ in range(round(len(arrivals) * TWICE))]
    for _, at_ms, number, given in sorted(arrivals, key=lambda one: one[:3]):
        step = SEVEN_STAGES[number % 7 * (number % 5) // 4]
        fields = {
            "event_id": f"e-{number}",
            "type": step.type,
            "channel": step.channel,
            "occurred_at": at_ms,
            "ids": given,
            "context": {"customer_type": "b2b" if number % 3 else "b2c"},
        }
        yield Event(step.channel, (KINDS.strongest(given) or "").encode(), msgspec.json.encode(fields))


class Heard(Truth):
    """Keeps what was confirmed, to be read when all is over."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[bytes] = []

    def add(self, event: Event) -> None:
        """Nothing is folded here: the bytes are enough."""
        self.values.append(event.value or b"")

    def touches(self) -> list[Touch]:
        """Every touchpoint once."""
        found = (decode(value, None) for value in self.values)
        return list({one.event_id: one for one in found if isinstance(one, Touch)}.values())


def differences(rig: Rig, touches: Sequence[Touch]) -> tuple[list[str], int, int]:
    """What is not as it must be, how many customers there are, and how many records."""
    journeys = CustomerFold([rig.definition], rig.settings.lateness_horizon_ms)
    now_ms = int(time.time() * 1000)
    expected = {}
    for name, theirs in by_customer(touches).items():
        if figures := counted(journeys, journeys.fold(name, None, theirs, now_ms).after):
            expected[name] = figures
    customers, records, wrong = len(expected), 0, []
    for partition in range(rig.settings.partitions):
        places = keys(partition)
        states = {name.decode(): record for name, record in rig.client.hscan_iter(places.states, count=1_000)}
        aggregates = {name.decode(): int(count) for name, count in rig.client.hgetall(places.aggregates).items()}
        records += len(states)
        wrong += [
            f"partition {partition}: {found.field} is {found.stored}, the states say {found.summed}"
            for found in recount(journeys, states.values(), aggregates)
        ]
        for name, record in states.items():
            if (figures := counted(journeys, record)) != expected.pop(name, {}):
                wrong.append(f"{name} adds {figures}")
        if left := rig.client.llen(places.outbox):
            wrong.append(f"partition {partition}: {left} batches are left in the outbox")
    return wrong + [f"{name} is missing" for name in expected], customers, records


def torture(rig: Rig, people: int) -> Heard:
    """The crowd through two workers, one of which is killed half-way."""
    heard = Heard()
    events = crowd(people, int(time.time() * 1000) - SPAN_MS - 6 * HOUR_MS)
    rig.feeder = Feeder(rig.kafka.bootstrap, rig.settings.partitions, events, None, heard)
    rig.crew.keep(2)
    rig.feeder.start()
    rig.until(lambda: rig.total_applied() > people * EACH // 2, 2, WITHIN_S, "half of them are applied")
    rig.crew.kill(rig.crew.hands[0])
    print(f"{rig.total_applied():,} messages applied: one worker is killed", flush=True)
    rig.settle(2, WITHIN_S)
    return heard


def main() -> int:
    """Run it, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    people = parser.parse_args().people
    with Servers() as servers, tempfile.TemporaryDirectory(prefix="journey-bench-") as directory:
        assert servers.kafka is not None and servers.redis is not None  # noqa: PT018  # none are named
        rig = Rig(servers.kafka, servers.redis, Path(directory), options={"TRACKER_BATCH_RECORDS": "5000"})
        try:
            rig.create_topics()
            begun_s = time.monotonic()
            heard = torture(rig, people)
            spent_s = time.monotonic() - begun_s
            routed = sum(end for (topic, _), end in rig.view.ends().items() if topic == ROUTED)
            touches = heard.touches()
            wrong, customers, records = differences(rig, touches)
        finally:
            rig.close()
    names = {name for one in touches for name in (one.customer, *one.links)}
    print(f"{len(touches):,} touchpoints in {len(heard.values):,} messages of {people:,} people, {len(names):,} names")
    print(f"{customers:,} customers, {records:,} records, {routed:,} messages between homes, {spent_s:.0f} s")
    print("\n".join(wrong[:MOST_SHOWN]) or "Every state and every count is the reference's.")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
