"""The store's part of a repartition: copy every customer to the new home, beside the old one; verify; switch.

The copies have keys of their own until they are verified; the keys that workers read stay untouched before. Each
partition is switched in one script. Every step may be repeated. It knows Redis and homes;
`streams/repartition/repartition.py` knows Kafka and the order of the steps.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from importlib.resources import files
from itertools import chain
from typing import Any, Final, NamedTuple

from streams.stores.keys import PREFIX, day_list, keys
from streams.stores.layout import layout_key
from tracker.engine.customer import CustomerFold
from tracker.home import home

AT_ONCE: Final = 1000
_SCRIPTS: Final = files("streams.stores")


class Staged(NamedTuple):
    """The keys of a partition's copy, in the slot of the partition."""

    ready: str
    """Integer: customers in the copy; set only when the copy has been verified."""
    states: str
    timers: str
    days: str
    aggregates: str
    suppressed: str


def staged(partition: int, prefix: str = PREFIX) -> Staged:
    """The keys of the copy that will replace a partition."""
    start = f"{prefix}:{{{partition}}}:next"
    return Staged(start, *(f"{start}:{name}" for name in Staged._fields[1:]))


class StoredPartition(NamedTuple):
    """A partition as the command has taken it."""

    epoch: int
    writes: int
    layout: int | None


class MoveTally(NamedTuple):
    """The sums over all partitions that must be equal for the originals and their copies."""

    customers: int
    timers: int
    digest: int
    """A sum of hashes over all customers and their states, which does not depend on their order."""
    aggregates: dict[str, int]
    suppressed: int = 0
    """Digests of erased names; for the copies, the number in the partition with the fewest."""


class Moving:
    """The move of one store to `to` partitions."""

    def __init__(self, client: Any, to: int, advance: Callable[[int], None], prefix: str = PREFIX) -> None:
        self._client = client
        self._to = to
        self._advance = advance
        self._prefix = prefix
        self._hold = client.register_script(_SCRIPTS.joinpath("hold.lua").read_text())
        self._switch = client.register_script(_SCRIPTS.joinpath("switch.lua").read_text())

    def hold(self) -> list[StoredPartition]:
        """Take every partition, the new ones too, under a new epoch: no earlier holder can write any more."""
        held = []
        for partition in range(self._to):
            names = keys(partition, self._prefix)
            epoch, writes, layout = self._hold(keys=[names.epoch, names.writes, layout_key(partition, self._prefix)])
            held.append(StoredPartition(int(epoch), int(writes), int(layout) if layout else None))
        return held

    def release(self, origin: int) -> None:
        """Delete the epochs of partitions that would have been new: `require` takes one for a further partition."""
        for partition in range(origin, self._to):
            names = keys(partition, self._prefix)
            if not self._client.exists(names.offsets):
                self._client.unlink(names.epoch)

    def clear(self) -> None:
        """Delete the copies of an earlier run."""
        for partition in range(self._to):
            names = staged(partition, self._prefix)
            self._client.unlink(*names, *(day_list(names.days, day) for day in self._days(names.days)))

    def copy(self) -> MoveTally:
        """Copy every customer and timer to the new home; returns the sums of the originals."""
        customers = timers = digest = 0
        aggregates: Counter[str] = Counter()
        for partition in range(self._to):
            names = keys(partition, self._prefix)
            for page in self._states(names.states):
                self._write(page)
                customers += len(page)
                digest += sum(map(_fingerprint, page.keys(), page.values()))
                self._advance(len(page))
            timers += self._copy_timers(names.timers) + self._copy_days(names.days)
            aggregates.update(self._figures(names.aggregates))
        return MoveTally(customers, timers, _folded(digest), _without_zeros(aggregates), self._copy_suppressed())

    def verify(self, journeys: CustomerFold) -> tuple[MoveTally, list[int]]:
        """The sums of the copies, read again, and the customers of each partition.

        The figures are recounted from the copied states and written to the copies. They cannot be copied: one
        aggregate is a sum over customers who may move to different partitions. Raises `NotAtHome` for a customer in the
        wrong partition.
        """
        digest = timers = 0
        counts: list[int] = []
        total: Counter[str] = Counter()
        for partition in range(self._to):
            names = staged(partition, self._prefix)
            figures: Counter[str] = Counter()
            count = 0
            for page in self._states(names.states):
                for customer, record in page.items():
                    if home(customer.decode(), self._to) != partition:
                        raise NotAtHome(f"{customer!r} is not at home in partition {partition}")
                    figures.update(journeys.contribution(record))
                count += len(page)
                digest += sum(map(_fingerprint, page.keys(), page.values()))
                self._advance(len(page))
            self._put_figures(names.aggregates, figures)
            timers += int(self._client.zcard(names.timers)) + self._count_days(names.days)
            total.update(self._figures(names.aggregates))
            counts.append(count)
        kept = min(int(self._client.scard(staged(each, self._prefix).suppressed)) for each in range(self._to))
        return MoveTally(sum(counts), timers, _folded(digest), _without_zeros(total), kept), counts

    def mark(self, customers: list[int]) -> None:
        """Mark every copy as verified; `switch` refuses a copy without the mark."""
        for partition, count in enumerate(customers):
            self._client.set(staged(partition, self._prefix).ready, count)

    def switch(self, partition: int, epoch: int) -> str:
        """Replace a partition by its copy; returns one of the answers of `stores/switch.lua`."""
        names, copy = keys(partition, self._prefix), staged(partition, self._prefix)
        pairs = [(getattr(names, name), getattr(copy, name)) for name in Staged._fields[1:]]
        days = sorted({*self._days(names.days), *self._days(copy.days)})
        pairs += [(day_list(names.days, day), day_list(copy.days, day)) for day in days]
        # Sizes of before say nothing of the copy, which has none: they go.
        pairs.append((names.sizes, f"{copy.ready}:sizes"))
        fixed = [names.epoch, layout_key(partition, self._prefix), copy.ready]
        answer: bytes = self._switch(keys=[*fixed, *chain.from_iterable(pairs)], args=[epoch, self._to])
        return answer.decode()

    def homes(self) -> tuple[Counter[int], int]:
        """How many customers each partition will have, and how many customers must move."""
        after: Counter[int] = Counter()
        moving = 0
        for partition in range(self._to):
            for page in self._states(keys(partition, self._prefix).states):
                there = [home(customer.decode(), self._to) for customer in page]
                after.update(there)
                moving += sum(each != partition for each in there)
                self._advance(len(page))
        return after, moving

    def _states(self, key: str) -> Iterator[dict[bytes, bytes]]:
        """The states of a partition in pages, each customer once; HSCAN may return one several times."""
        seen: set[bytes] = set()
        cursor: int | None = None
        while cursor != 0:
            cursor, page = self._client.hscan(key, cursor or 0, count=AT_ONCE)
            new = {customer: record for customer, record in page.items() if customer not in seen}
            seen.update(new)
            if new:
                yield new

    def _write(self, page: dict[bytes, bytes]) -> None:
        there: dict[str, list[bytes]] = {}
        for customer, record in page.items():
            key = staged(home(customer.decode(), self._to), self._prefix).states
            there.setdefault(key, []).extend((customer, record))
        with self._client.pipeline(transaction=False) as pipe:
            for key, items in there.items():
                pipe.hset(key, items=items)
            pipe.execute()

    def _copy_timers(self, key: str) -> int:
        count, page = 0, self._client.zrange(key, 0, AT_ONCE - 1, withscores=True)
        while page:
            there: dict[str, dict[bytes, float]] = {}
            for customer, due_ms in page:
                copy = staged(home(customer.decode(), self._to), self._prefix)
                there.setdefault(copy.timers, {})[customer] = due_ms
            with self._client.pipeline(transaction=False) as pipe:
                for name, scores in there.items():
                    pipe.zadd(name, scores)
                pipe.execute()
            count += len(page)
            page = self._client.zrange(key, count, count + AT_ONCE - 1, withscores=True)
        return count

    def _copy_days(self, key: str) -> int:
        count = 0
        for day in self._days(key):
            at, page = 0, self._client.lrange(day_list(key, day), 0, AT_ONCE - 1)
            while page:
                there: dict[str, list[bytes]] = {}
                for customer in page:
                    there.setdefault(staged(home(customer.decode(), self._to), self._prefix).days, []).append(customer)
                with self._client.pipeline(transaction=False) as pipe:
                    for days, customers in there.items():
                        # The day before its list: after a crash, `clear` finds the list by the day.
                        pipe.hset(days, day, 0)
                        pipe.rpush(day_list(days, day), *customers)
                    pipe.execute()
                at += len(page)
                page = self._client.lrange(day_list(key, day), at, at + AT_ONCE - 1)
            count += at
        return count

    def _copy_suppressed(self) -> int:
        """Copy every digest to every partition: a digest does not show whose it is, so its home is unknown."""
        names = [keys(partition, self._prefix).suppressed for partition in range(self._to)]
        digests = sorted(set().union(*(self._client.smembers(name) for name in names)))
        for partition in range(self._to):
            for at in range(0, len(digests), AT_ONCE):
                self._client.sadd(staged(partition, self._prefix).suppressed, *digests[at : at + AT_ONCE])
        return len(digests)

    def _count_days(self, key: str) -> int:
        """How many customers the lists of the days hold; writes the length of each list to the hash of days."""
        counts = {day: int(self._client.llen(day_list(key, day))) for day in self._days(key)}
        if counts:
            self._client.hset(key, mapping=counts)
        return sum(counts.values())

    def _days(self, key: str) -> list[int]:
        return sorted(map(int, self._client.hkeys(key)))

    def _put_figures(self, key: str, figures: Counter[str]) -> None:
        self._client.delete(key)
        counts = _without_zeros(figures)
        if counts:
            self._client.hset(key, mapping=counts)

    def _figures(self, key: str) -> dict[str, int]:
        return {field.decode(): int(count) for field, count in self._client.hgetall(key).items()}


class NotAtHome(Exception):  # noqa: N818  # a state of the store
    """A customer was copied to a partition that is not the home."""


def _fingerprint(customer: bytes, record: bytes) -> int:
    digest = blake2b(record, digest_size=8, key=customer[:64])
    digest.update(customer)
    return int.from_bytes(digest.digest(), "big")


def _folded(digest: int) -> int:
    return digest & 0xFFFFFFFFFFFFFFFF


def _without_zeros(counts: Counter[str]) -> dict[str, int]:
    return {field: count for field, count in counts.items() if count}
