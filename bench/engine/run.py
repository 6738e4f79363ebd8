"""How many touchpoints a second one process folds, and what a touchpoint costs beside a bare decode of its bytes.

    python -m bench.engine.run [--customers 5000]

It measures the CPU time of this process, which depends little on other load. Each figure is the best of three rounds.
"""

import argparse
import random
import time
import uuid
from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from schemas.touchpoint import Touchpoint
from streams.build import engine_build
from tracker.engine.customer import CustomerFold
from tracker.figures.tally import Tally, written
from tracker.journey.definition import Definition, Funnel, Rule, Segment, Stage
from tracker.planning.decode import decode
from tracker.touch import Touch

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_790_000_000_000
EACH = 10
# The broker's time is after all touchpoints, so that no clock is corrected.
RECEIVED_MS = START_MS + 365 * DAY_MS
# Records that a worker takes at once.
BATCH = 5000
TYPES = ("page", "Product Viewed", "Order Completed", "Order Repeated", "Review Submitted")
NAMES = ("awareness", "consideration", "purchase", "retention", "advocacy")

# Sixteen batches of a journey, by type: mostly looking around, sometimes buying, as shops see it.
LIKELY = (0, 0, 0, 1, 1, 2, 3, 4)


def definition() -> Definition:
    """Five stages with drop-offs, a window, a goal and one segment."""
    stages = tuple(
        Stage(name, (Rule(type=kind),), drops_after_ms=30 * DAY_MS if place < 4 else None, goal=place == 2)
        for place, (name, kind) in enumerate(zip(NAMES, TYPES, strict=True))
    )
    segment = Segment("customer_type", ("context", "customer_type"), ("b2b", "b2c"))
    return Definition("retail", 1, stages, funnel=Funnel(window_ms=30 * DAY_MS), segments=(segment,))


def wire(customer: int, place: int, chance: random.Random) -> bytes:
    """One touchpoint as it comes from Kafka, 230 bytes."""
    kind = TYPES[chance.choice(LIKELY) if place else 0]
    return msgspec.json.encode(
        {
            "schema": "touchpoint/1",
            "event_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "type": kind,
            "channel": "web",
            "occurred_at": START_MS + customer * 1000 + place * 8 * HOUR_MS + chance.randrange(HOUR_MS),
            "ids": {"customer_id": f"c-{customer}"},
            "properties": {"product": "p-77", "price": 12.5},
            "context": {"customer_type": "b2b" if customer % 3 else "b2c"},
        }
    )


def best_us(work: Callable[[], object], count: int) -> float:
    """Microseconds an item, the best of three."""
    times = []
    for _ in range(3):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times) / count * 1e6


def fold_all(journeys: CustomerFold, records: Sequence[Sequence[bytes]], size: int) -> float:
    """Bytes of a state on average, after batches as a worker takes them: decoded, by customer, then folded.

    A batch has BATCH records, `size` of each customer.
    """
    states: list[bytes | None] = [None] * len(records)
    longest = max(map(len, records))
    at_once = BATCH // size
    for begin in range(0, longest, size):
        for first in range(0, len(records), at_once):
            batch = [
                cast("list[Touch]", [decode(value, RECEIVED_MS) for value in one[begin : begin + size]])
                for one in records[first : first + at_once]
            ]
            tally: Tally = {}
            for place, touches in enumerate(batch, first):
                if touches:
                    states[place] = journeys.fold(touches[0].customer, states[place], touches, START_MS, tally).after
            written(tally)
    return sum(len(state) for state in states if state) / len(states)


def disordered(values: Sequence[bytes], chance: random.Random) -> list[bytes]:
    """One touchpoint in twenty comes a few places late."""
    arriving = [
        (place + (chance.randint(2, 5) if chance.random() < 0.05 else 0), place) for place in range(len(values))
    ]
    return [values[place] for _, place in sorted(arriving)]


def repeated(values: Sequence[bytes], chance: random.Random) -> list[bytes]:
    """One touchpoint in twenty comes again a little later."""
    arriving = [(float(place), value) for place, value in enumerate(values)]
    arriving += [(place + chance.random() * 3, value) for place, value in enumerate(values) if chance.random() < 0.05]
    return [value for _, value in sorted(arriving, key=lambda one: one[0])]


def log_lengths(lengths: Sequence[int]) -> list[tuple[int, float, float]]:
    """By length of the log: microseconds of a touchpoint that is newest, and of one that is late."""
    journeys = CustomerFold([definition()])
    found = []
    for length in lengths:
        gap_ms = 6 * DAY_MS // length
        given = [Touch("c", START_MS + n * gap_ms, TYPES[n % 3], "web", f"{n:012}", {}, {}) for n in range(length)]
        state = journeys.fold("c", None, given, START_MS).after
        newest = [Touch("c", START_MS + 6 * DAY_MS, "page", "web", "newest", {}, {})]
        late = [Touch("c", START_MS + 1, "page", "web", "late", {}, {})]
        rounds = max(3, 20_000 // length)
        fast = best_us(lambda: [journeys.fold("c", state, newest, START_MS) for _ in range(rounds)], rounds)  # noqa: B023
        slow = best_us(lambda: [journeys.fold("c", state, late, START_MS) for _ in range(rounds)], rounds)  # noqa: B023
        found.append((length, fast, slow))
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5000)
    count = parser.parse_args().customers
    chance = random.Random(7)
    records = [[wire(customer, place, chance) for place in range(EACH)] for customer in range(count)]
    flat = [value for one in records for value in one]
    bare = msgspec.json.Decoder(Touchpoint).decode
    bare_us = best_us(lambda: [None for value in flat if bare(value) is None], len(flat))
    decode_us = best_us(lambda: [None for value in flat if decode(value, RECEIVED_MS) is None], len(flat))
    print(f"engine: {engine_build()}")
    print(f"bare msgspec decode   {bare_us:6.2f} µs")
    print(f"tracker.planning.decode        {decode_us:6.2f} µs  ({decode_us / bare_us:.1f} x bare)")
    print()
    print("touchpoints of a customer in one batch →        10         2         1")
    kinds: list[tuple[str, list[list[bytes]]]] = [
        ("in order", records),
        ("5 % disorder", [disordered(one, chance) for one in records]),
        ("5 % duplicates", [repeated(one, chance) for one in records]),
    ]
    journeys = CustomerFold([definition()])
    total = len(flat)
    for name, customers in kinds:
        with_decode = [best_us(lambda: fold_all(journeys, customers, size), total) for size in (10, 2, 1)]  # noqa: B023
        print(f"{name:15} fold and decode   {'  '.join(f'{cost:6.2f} µs' for cost in with_decode)}")
        print(f"{'':15} fold alone        {'  '.join(f'{cost - decode_us:6.2f} µs' for cost in with_decode)}")
        print(f"{'':15} x bare decode     {'  '.join(f'{cost / bare_us:7.1f} x' for cost in with_decode)}")
        print(f"{'':15} a second          {'  '.join(f'{1e6 / cost:8,.0f} ' for cost in with_decode)}")
    print(f"\nstate: {fold_all(journeys, records, 10):.0f} bytes on average\n")
    print("entries in the log      newest        late")
    for length, fast, slow in log_lengths((10, 30, 100, 300, 1000, 3000)):
        print(f"{length:10}         {fast:8.1f} µs {slow:8.1f} µs")


if __name__ == "__main__":
    main()
