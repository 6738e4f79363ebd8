"""The store on Redis, single or Cluster: one transaction a write, one slot a partition."""
# ruff: noqa: D102  # `Store` says what each method does

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from redis import exceptions as errors

from streams.stores.keys import PREFIX, Keys, day_list, keys
from streams.stores.store import MOST_GENERATIONS, Due, Lease, Unavailable, new_generation
from tracker.planning.plan import Plan
from tracker.records.timer import DAY_MS, day_of

_SCRIPTS: Final = files("streams.stores")

# What an outage, a failover, a full memory or a loading server looks like: the write is tried again, never dropped.
OUTAGE: Final = (
    errors.ConnectionError,
    errors.TimeoutError,
    errors.OutOfMemoryError,
    errors.ReadOnlyError,
    errors.TryAgainError,
    errors.ClusterDownError,
    errors.ClusterError,
    errors.MaxConnectionsError,
    OSError,
    asyncio.TimeoutError,
)
# A plain ResponseError that begins with one of these is an outage too.
OUTAGE_WORDS: Final = ("OOM", "MISCONF", "LOADING", "BUSY", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "READONLY")


class RedisStore:
    """Speaks `streams.stores.store.Store` with an asyncio Redis client, single or Cluster."""

    def __init__(self, client: Any, prefix: str = PREFIX) -> None:
        self._client = client
        self._prefix = prefix
        self._take = client.register_script(_SCRIPTS.joinpath("take.lua").read_text())
        self._trim = client.register_script(_SCRIPTS.joinpath("trim.lua").read_text())
        # Within a transaction by their text: one that Redis has forgotten the name of would leave a write half done.
        self._look = _SCRIPTS.joinpath("look.lua").read_text()
        self._unlist = _SCRIPTS.joinpath("unlist.lua").read_text()

    async def take(self, partition: int, floor_epoch: int) -> Lease:
        names = keys(partition, self._prefix)
        script_keys = [
            names.epoch, names.generation, names.offsets, names.sequence, names.outbox, names.writes, names.suppressed
        ]  # fmt: skip
        reply = await _ask(self._take(keys=script_keys, args=[floor_epoch, new_generation(), MOST_GENERATIONS]))
        epoch, generation, offsets, sequence, outbox, writes, suppressed = reply
        by_topic = {offsets[i].decode(): int(offsets[i + 1]) for i in range(0, len(offsets), 2)}
        return Lease(
            partition, int(epoch), by_topic, int(sequence), list(outbox), int(writes), set(suppressed),
            _names(generation),
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
        """All changes or none: where epoch or writes are others than was seen, Redis drops the transaction.

        A script could look and write in one, at twice the time that Redis takes: every value goes through Lua.
        """
        names, sums = changes.names, changes.sums
        looked = [names.epoch, names.generation, names.writes, names.offsets, *sums]
        wanted = [part for fields in (changes.offsets, *sums.values()) for part in (len(fields), *fields)]
        while True:
            async with self._client.pipeline(transaction=True) as pipe:
                await pipe.watch(names.epoch, names.writes)
                reply = await pipe.eval(self._look, len(looked), *looked, *wanted)
                epoch, generations, writes = _number(reply[0]), _names(reply[1]), _number(reply[2])
                offsets, *held = reply[3:]
                if writes == lease.writes + 1 and list(map(_number, offsets)) == list(changes.offsets.values()):
                    # An answer was lost on its way, where the owner is still the same.
                    lease.require(epoch, generations, lease.writes)
                    return
                lease.require(epoch, generations, writes)
                pipe.multi()
                for command in changes.commands(held):
                    pipe.execute_command(*command)
                if changes.plan.removed:
                    pipe.eval(self._unlist, 1, names.days, *changes.plan.removed)
                try:
                    await pipe.execute()
                except errors.WatchError:
                    # Somebody has written, or the connection is gone: another look tells.
                    continue
                return

    async def verify(self, lease: Lease) -> None:
        names = keys(lease.partition, self._prefix)
        epoch, generation, writes = await _ask(self._client.mget(names.epoch, names.generation, names.writes))
        lease.require(_number(epoch), _names(generation), _number(writes))

    async def trim(self, lease: Lease, sequence: int) -> None:
        names = keys(lease.partition, self._prefix)
        script_keys = [names.epoch, names.generation, names.sequence, names.outbox]
        await _ask(self._trim(keys=script_keys, args=[lease.epoch, lease.generation, sequence]))

    async def due(self, partition: int, now_ms: int, limit: int) -> Due:
        names = keys(partition, self._prefix)
        for day in sorted(map(int, await _ask(self._client.hkeys(names.days)))):
            if day * DAY_MS > now_ms:
                break
            if listed := await _ask(self._client.lrange(day_list(names.days, day), 0, limit - 1)):
                return Due([customer.decode() for customer in listed], day)
        found = await _ask(self._client.zrange(names.timers, "-inf", now_ms, byscore=True, offset=0, num=limit))
        return Due([customer.decode() for customer in found])

    async def miss(self, partition: int, topic: str, first: int, end: int) -> None:
        await _ask(self._client.hset(keys(partition, self._prefix).missing, f"{topic}:{first}", end))

    async def close(self) -> None:
        await self._client.aclose()


@dataclass(frozen=True, slots=True)
class _Changes:
    """What one write changes."""

    names: Keys
    offsets: Mapping[str, int]
    plan: Plan
    blob: bytes
    sequence: int
    fired: Due | None

    @property
    def sums(self) -> dict[str, Mapping[Any, int]]:
        """By hash of integers: differences by field."""
        days = Counter(day for day in map(day_of, self.plan.timers.values()) if day is not None)
        if self.fired is not None and self.fired.day is not None:
            days[self.fired.day] -= len(self.fired.customers)
        return {self.names.aggregates: self.plan.aggregates, self.names.days: days}

    def commands(self, held: Sequence[Sequence[bytes | None]]) -> Iterator[Sequence[Any]]:
        """The commands of the transaction. `held`: what stands in the fields of `sums`."""
        names = self.names
        yield "HSET", names.offsets, *_flat(self.offsets)
        yield "INCR", names.writes
        for command, key, values in self._sections(held):
            if values:
                yield command, key, *values
        if self.blob:
            yield "RPUSH", names.outbox, self.blob
            yield "SET", names.sequence, self.sequence

    def _sections(self, held: Sequence[Sequence[bytes | None]]) -> Iterator[tuple[str, str, list[Any]]]:
        names, plan, fired = self.names, self.plan, self.fired
        yield "HDEL", names.offsets, plan.forgotten
        yield "HSET", names.states, _flat(plan.states)
        for (key, differences), before in zip(self.sums.items(), held, strict=True):
            fields = zip(differences.items(), before, strict=True)
            after = [(field, _number(was) + more) for (field, more), was in fields]
            yield "HSET", key, [part for field, total in after if total for part in (field, total)]
            yield "HDEL", key, [field for field, total in after if not total]
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
        yield "HDEL", names.states, plan.removed
        yield "ZREM", names.timers, plan.removed
        yield "SADD", names.suppressed, plan.suppressed


def _number(held: bytes | None) -> int:
    """What Redis says of an integer; 0 where there is none."""
    return int(held) if held is not None else 0


def _names(held: bytes | None) -> tuple[str, ...]:
    """Generations, newest first; none where there is nothing, or what a version without generations left."""
    return tuple(held.decode().split()) if held is not None else ()


def _flat(mapping: Mapping[Any, Any]) -> list[Any]:
    """Keys and values by turns, as Redis takes them."""
    return [part for pair in mapping.items() for part in pair]


async def _ask(call: Awaitable[Any]) -> Any:
    """The answer, or `Unavailable`. A command in flight is never cancelled: its connection would be out of step."""
    try:
        return await asyncio.shield(call if asyncio.isfuture(call) else asyncio.ensure_future(call))
    except OUTAGE as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
    except errors.ResponseError as error:
        # Redis 6.2 puts the script's place before the word: `Error running script …: @user_script:33: -OOM command …`.
        if str(error).rpartition(": -")[2].startswith(OUTAGE_WORDS) or str(error).startswith(OUTAGE_WORDS):
            raise Unavailable(str(error)) from error
        raise
