"""The store on Redis, single or Cluster: each write is one transaction, each partition lies in one slot."""
# ruff: noqa: D102  # `Store` says what each method does

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from redis import exceptions as errors

from streams.stores.attendance import KEPT_MS, NOTED_EVERY_MS
from streams.stores.keys import PREFIX, Keys, day_list, keys
from streams.stores.rebuild import SCRIPT, removal
from streams.stores.replies import OF_DAMAGE, integers, marker_number, number, text, texts
from streams.stores.replies import names as stored_names
from streams.stores.store import MOST_GENERATIONS, Damaged, Due, Lease, Sizes, Unavailable, damage, new_generation
from tracker.planning.plan import Plan
from tracker.records.timer import DAY_MS, day_of

_SCRIPTS: Final = files("streams.stores")

# The errors of an outage, a failover, a full memory or a loading server. The write is tried again, never dropped.
OUTAGE: Final = (
    errors.ConnectionError,
    errors.TimeoutError,
    errors.OutOfMemoryError,
    errors.ReadOnlyError,
    errors.TryAgainError,
    errors.ClusterDownError,
    errors.ClusterError,
    errors.MaxConnectionsError,
    errors.WatchError,  # what the library makes of a connection that breaks between WATCH and MULTI
    OSError,
    asyncio.TimeoutError,
)
# A plain ResponseError whose text begins with one of these is an outage too.
OUTAGE_WORDS: Final = ("OOM", "MISCONF", "LOADING", "BUSY", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "READONLY")

# Redis 6.2 puts a script's line before the word: `Error running script …: @user_script:33: -OOM command …`. A change
# within a transaction shows at its end: `Transaction discarded because of: READONLY You can't write …`.
BEFORE_THE_WORD: Final = (": -", "because of: ")


SIGNS: Final = {"HSET": 1, "ZADD": 1, "SADD": 1, "HDEL": -1, "ZREM": -1}
"""Commands that answer how many entries they added or removed."""


class RedisStore:
    """Implements `streams.stores.store.Store` with an asyncio Redis client, single or Cluster."""

    def __init__(self, client: Any, prefix: str = PREFIX) -> None:
        self._client = client
        self._prefix = prefix
        self._take = client.register_script(_SCRIPTS.joinpath("take.lua").read_text())
        self._trim = client.register_script(_SCRIPTS.joinpath("trim.lua").read_text())
        self._verify = client.register_script(_SCRIPTS.joinpath("verify.lua").read_text())
        self._note_topics = client.register_script(_SCRIPTS.joinpath("topics.lua").read_text())
        self._rebuild = client.register_script(SCRIPT.read_text())
        self._mark = client.register_script(_SCRIPTS.joinpath("mark.lua").read_text())
        self._stand = client.register_script(_SCRIPTS.joinpath("stand.lua").read_text())
        # Sent as text, not by their hash: after a restart Redis no longer knows the hash, and EVALSHA would fail in the
        # middle of a transaction, whose other commands Redis carries out all the same.
        self._look = _SCRIPTS.joinpath("look.lua").read_text()
        self._unlist = _SCRIPTS.joinpath("unlist.lua").read_text()

    async def take(self, partition: int, floor_epoch: int) -> Lease:
        try:
            return await self._taken(partition, floor_epoch)
        except Damaged as error:
            # Nobody can say who owns a partition that cannot be read: all goes but what Kafka does not bring again.
            asked = removal(keys(partition, self._prefix), unreadable=True)
            await _ask(self._rebuild(keys=asked.names, args=asked.arguments))
            lease = await self._taken(partition, floor_epoch)
            lease.damage = str(error)
            return lease

    async def _taken(self, partition: int, floor_epoch: int) -> Lease:
        names = keys(partition, self._prefix)
        script_keys = [
            names.epoch, names.generation, names.offsets, names.sequence, names.outbox, names.writes,
            names.suppressed, names.sizes, names.states, names.aggregates, names.timers, names.days,
            names.published, names.topics, names.definitions,
        ]  # fmt: skip
        reply = await _ask(self._take(keys=script_keys, args=[floor_epoch, new_generation(), MOST_GENERATIONS]))
        epoch, generation, offsets, sequence, outbox, writes, suppressed, seal, counted, published, *others = reply
        topics, marker = others[0], _marker(others[1])
        sizes = Sizes(*counted)
        return Lease(
            partition, number(epoch), integers(offsets), number(sequence), list(outbox), number(writes),
            set(suppressed), stored_names(generation), sizes, damage(sizes, text(seal), number(writes)),
            marker.get("revision", 0), marker.get("left", 0), integers(published), texts(topics),
        )  # fmt: skip

    async def read(self, partition: int, customers: Sequence[str]) -> list[bytes | None]:
        if not customers:
            return []
        found: list[bytes | None] = await _ask(self._client.hmget(keys(partition, self._prefix).states, customers))
        return found

    async def apply(
        self,
        lease: Lease,
        offsets: Mapping[str, int],
        plan: Plan,
        blob: bytes,
        sequence: int,
        fired: Due | None = None,
    ) -> None:
        changes = _Changes(keys(lease.partition, self._prefix), offsets, plan, blob, sequence, fired)
        await _ask(self._write(lease, changes))
        lease.moved_on(offsets, plan, sequence)

    async def _write(self, lease: Lease, changes: "_Changes") -> None:
        """Write all changes or none: when epoch or writes have changed since the look, Redis drops the transaction.

        A script could look and write in one call, but it takes Redis twice the time, since every value passes through
        Lua.
        """
        names, sums = changes.names, changes.sums
        looked = [
            names.epoch, names.generation, names.writes, names.definitions, *_counted(names), names.offsets, *sums,
        ]  # fmt: skip
        wanted = [part for fields in (changes.offsets, *sums.values()) for part in (len(fields), *fields)]
        while True:
            async with self._client.pipeline(transaction=True) as pipe:
                await pipe.watch(names.epoch, names.writes)
                reply = await pipe.eval(self._look, len(looked), *looked, *wanted)
                epoch, generations, writes = number(reply[0]), stored_names(reply[1]), number(reply[2])
                revision, sizes, (offsets, *held) = marker_number(reply[3]), Sizes(*reply[4]), reply[5:]
                # A repeat after a lost answer: exactly one more write, which ended at these very offsets. Offsets alone
                # would not do: the store may hold these and have lost another topic's writes.
                if writes == lease.writes + 1 and list(map(number, offsets)) == list(changes.offsets.values()):
                    lease.require(epoch, generations, lease.writes, revision)
                    lease.sizes = sizes
                    return
                lease.require(epoch, generations, writes, revision)
                lease.require_whole(sizes)
                commands = list(changes.commands(offsets, held, sizes, writes + 1))
                pipe.multi()
                for command in commands:
                    pipe.execute_command(*command)
                if changes.plan.removed:
                    pipe.eval(self._unlist, 1, names.days, *changes.plan.removed)
                # An answer that does not come leaves the sizes unknown: the next look takes them as they are.
                lease.sizes = None
                try:
                    replies = await pipe.execute()
                except errors.WatchError:
                    # Another client has written, or the connection broke: the next look decides which.
                    continue
                lease.sizes = changes.sizes_after(sizes, commands, replies)
                return

    async def verify(self, lease: Lease) -> None:
        names = keys(lease.partition, self._prefix)
        seal = lease.sizes.sealed(lease.writes) if lease.sizes else ""
        reply = await _ask(
            self._verify(
                keys=[
                    names.epoch,
                    names.generation,
                    names.writes,
                    names.sizes,
                    *_counted(names),
                    names.definitions,
                    names.attended,
                ],
                args=[lease.epoch, lease.generation, lease.writes, seal, KEPT_MS, KEPT_MS - NOTED_EVERY_MS],
            )
        )
        epoch, generation, writes, sizes, revision = reply
        lease.require(number(epoch), stored_names(generation), number(writes), marker_number(revision))
        lease.require_whole(Sizes(*sizes))

    async def mark(self, lease: Lease, revision: int, left: int) -> None:
        names = keys(lease.partition, self._prefix)
        script_keys = [names.epoch, names.generation, names.definitions]
        if await _ask(self._mark(keys=script_keys, args=[lease.epoch, lease.generation, revision, left])):
            lease.revision, lease.left = revision, left

    async def scan(self, partition: int, cursor: int, count: int) -> tuple[int, dict[str, bytes]]:
        states = keys(partition, self._prefix).states
        cursor, found = await _ask(self._client.hscan(states, cursor, count=count))
        return int(cursor), {text(customer): record for customer, record in found.items()}

    async def stand(self, lease: Lease, standstill: bytes) -> None:
        names = keys(lease.partition, self._prefix)
        script_keys = [names.epoch, names.generation, names.standstill]
        await _ask(self._stand(keys=script_keys, args=[lease.epoch, lease.generation, standstill]))

    async def standing(self, partition: int, prefix: str) -> bytes | None:
        return await _ask(self._client.get(keys(partition, prefix).standstill))

    async def adopt(self, lease: Lease, prefix: str) -> None:
        own, other = (keys(lease.partition, each).suppressed for each in (self._prefix, prefix))
        await _ask(self._client.sunionstore(own, own, other))
        lease.suppressed = set(await _ask(self._client.smembers(own)))
        # The next look takes the sizes as they are.
        lease.sizes = None

    async def rebuild(self, lease: Lease) -> None:
        asked = removal(keys(lease.partition, self._prefix), lease.epoch, lease.generation)
        await _ask(self._rebuild(keys=asked.names, args=asked.arguments))

    async def note_published(self, lease: Lease, published: Mapping[str, int]) -> None:
        await _ask(self._client.hset(keys(lease.partition, self._prefix).published, mapping=dict(published)))
        lease.published.update(published)

    async def note_topics(self, lease: Lease, topics: Mapping[str, str], offsets: Mapping[str, int]) -> None:
        names = keys(lease.partition, self._prefix)
        script_keys = [names.epoch, names.generation, names.topics, names.offsets]
        fields = [*_flat(topics), *_flat(offsets)]
        await _ask(self._note_topics(keys=script_keys, args=[lease.epoch, lease.generation, len(topics), *fields]))
        lease.topics.update(topics)
        lease.offsets.update(offsets)

    async def trim(self, lease: Lease, sequence: int) -> None:
        names = keys(lease.partition, self._prefix)
        script_keys = [names.epoch, names.generation, names.sequence, names.outbox]
        await _ask(self._trim(keys=script_keys, args=[lease.epoch, lease.generation, sequence]))

    async def due(self, partition: int, now_ms: int, limit: int) -> Due:
        names = keys(partition, self._prefix)
        # The lists of days first, the oldest first: each sweep takes a list's head, so days that have begun empty out.
        for day in sorted(map(number, await _ask(self._client.hkeys(names.days)))):
            if day * DAY_MS > now_ms:
                break
            listed = await _ask(self._client.lrange(day_list(names.days, day), 0, limit - 1))
            if not listed:
                raise Damaged(f"partition {partition}: the list of day {day} is gone")
            return Due(list(map(text, listed)), day)
        found = await _ask(self._client.zrange(names.timers, "-inf", now_ms, byscore=True, offset=0, num=limit))
        return Due(list(map(text, found)))

    async def miss(self, partition: int, topic: str, first: int, end: int) -> None:
        await _ask(self._client.hset(keys(partition, self._prefix).missing, f"{topic}:{first}", end))

    async def close(self) -> None:
        await self._client.aclose()


@dataclass(frozen=True, slots=True)
class _Changes:
    """The changes of one write, and the commands that make them."""

    names: Keys
    offsets: Mapping[str, int]
    plan: Plan
    blob: bytes
    sequence: int
    fired: Due | None

    @property
    def sums(self) -> dict[str, Mapping[Any, int]]:
        """By hash of integers, the differences by field."""
        days = Counter(day for day in map(day_of, self.plan.timers.values()) if day is not None)
        if self.fired is not None and self.fired.day is not None:
            days[self.fired.day] -= len(self.fired.customers)
        return {self.names.aggregates: self.plan.aggregates, self.names.days: days}

    def commands(
        self, offsets: Sequence[bytes | None], held: Sequence[Sequence[bytes | None]], sizes: Sizes, writes: int
    ) -> Iterator[Sequence[Any]]:
        """The commands of the transaction. `offsets` and `held` are the present values of its offsets and of `sums`.

        `writes` is the number of this write. Sums are written as absolute values (HSET, HDEL for zeros), which the
        watched count of writes makes safe: no HINCRBY, which would leave fields of value 0 behind.
        """
        names = self.names
        yield "HSET", names.offsets, *_flat(self.offsets)
        yield "INCR", names.writes
        yield "SET", names.sizes, self._least(sizes, offsets.count(None), held).sealed(writes)
        for command, key, values in self._sections(held):
            if values:
                yield command, key, *values
        if self.blob:
            yield "RPUSH", names.outbox, self.blob
            yield "SET", names.sequence, self.sequence

    def _least(self, sizes: Sizes, new_offsets: int, held: Sequence[Sequence[bytes | None]]) -> Sizes:
        """What the keys hold at least after the write. How many of the states and timers are new is not known yet."""
        plan, fired = self.plan, self.fired
        aggregates, days = (_grown(*each) for each in zip(self.sums.values(), held, strict=True))
        removed = len(plan.removed)
        fired_timers = len(fired.customers) if fired is not None and fired.day is None else 0
        return Sizes(
            max(0, sizes.states - removed),
            sizes.aggregates + aggregates,
            max(0, sizes.offsets + new_offsets - len(plan.forgotten)),
            max(0, sizes.timers - removed - fired_timers),
            max(0, sizes.days + days - removed),
            sizes.suppressed,
        )

    def sizes_after(self, sizes: Sizes, commands: Sequence[Sequence[Any]], replies: Sequence[Any]) -> Sizes:
        """What the keys hold after the write, by what Redis answered to each command."""
        counted = dict(zip(_counted(self.names), sizes, strict=True))
        for (command, key, *_), reply in zip(commands, replies, strict=False):
            if key in counted and command in SIGNS:
                counted[key] += SIGNS[command] * int(reply)
        if self.plan.removed:
            counted[self.names.days] -= int(replies[-1])
        return Sizes(*counted.values())

    def _sections(self, held: Sequence[Sequence[bytes | None]]) -> Iterator[tuple[str, str, list[Any]]]:
        names, plan, fired = self.names, self.plan, self.fired
        yield "HDEL", names.offsets, plan.forgotten
        yield "HSET", names.states, _flat(plan.states)
        for (key, differences), before in zip(self.sums.items(), held, strict=True):
            fields = zip(differences.items(), before, strict=True)
            after = [(field, number(was) + more) for (field, more), was in fields]
            yield "HSET", key, [part for field, total in after if total for part in (field, total)]
            yield "HDEL", key, [field for field, total in after if not total]
        # Fired timers go before new ones are set: the plan may set a timer for the same customer again.
        if fired is not None and fired.day is None:
            yield "ZREM", names.timers, fired.customers
        elif fired is not None and fired.day is not None:
            yield "LTRIM", day_list(names.days, fired.day), [len(fired.customers), -1]
        moments: list[Any] = []
        days: dict[int, list[str]] = {}
        for customer, at_ms in plan.timers.items():
            day = day_of(at_ms)
            if day is None:
                moments += (at_ms, customer)
            else:
                days.setdefault(day, []).append(customer)
        yield "ZADD", names.timers, moments
        for day, customers in days.items():
            yield "RPUSH", day_list(names.days, day), customers
        # Removals come last: an erased name must not be left in what was written above.
        yield "HDEL", names.states, plan.removed
        yield "ZREM", names.timers, plan.removed
        yield "SADD", names.suppressed, plan.suppressed


def _counted(names: Keys) -> list[str]:
    """The keys of `Sizes`."""
    return [getattr(names, name) for name in Sizes._fields]


def _marker(pairs: Sequence[bytes]) -> dict[str, int]:
    """A partition's marker, as a script gives it."""
    return {text(name): marker_number(value) for name, value in zip(pairs[::2], pairs[1::2], strict=True)}


def _grown(differences: Mapping[Any, int], before: Sequence[bytes | None]) -> int:
    """How many fields more a hash of integers has when the differences are added to what stands in it."""
    grown = 0
    for more, was in zip(differences.values(), before, strict=True):
        grown += bool(number(was) + more) - (was is not None)
    return grown


def _flat(mapping: Mapping[Any, Any]) -> list[Any]:
    """Keys and values alternating, as Redis takes them."""
    return [part for pair in mapping.items() for part in pair]


async def _ask(call: Awaitable[Any]) -> Any:
    """The answer. Raises `Unavailable` in an outage.

    A command in flight is never cancelled: the next command on its connection would read its answer.
    """
    try:
        return await asyncio.shield(call if asyncio.isfuture(call) else asyncio.ensure_future(call))
    except OUTAGE as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
    except errors.ResponseError as error:
        if any(str(error).rpartition(before)[2].startswith(OUTAGE_WORDS) for before in BEFORE_THE_WORD):
            raise Unavailable(str(error)) from error
        if any(words in str(error) for words in OF_DAMAGE):
            raise Damaged(str(error)) from error
        raise
