"""The store on Redis, single or Cluster: one script a write, one slot a partition."""
# ruff: noqa: D102  # `Store` says what each method does

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

from redis import exceptions as errors

from streams.stores.keys import PREFIX, Keys, day_list, keys
from streams.stores.store import Due, Fenced, Lost, Tenure, Unavailable
from tracker.plan import Plan
from tracker.timer import DAY_MS, day_of

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
        self._apply = client.register_script(_SCRIPTS.joinpath("apply.lua").read_text())
        self._trim = client.register_script(_SCRIPTS.joinpath("trim.lua").read_text())

    async def take(self, partition: int, floor_epoch: int) -> Tenure:
        names = keys(partition, self._prefix)
        script_keys = [names.epoch, names.offsets, names.sequence, names.outbox, names.writes, names.suppressed]
        reply = await _ask(self._take(keys=script_keys, args=[floor_epoch]))
        epoch, offsets, sequence, outbox, writes, suppressed = reply
        by_topic = {offsets[i].decode(): int(offsets[i + 1]) for i in range(0, len(offsets), 2)}
        return Tenure(partition, int(epoch), by_topic, int(sequence), list(outbox), int(writes), set(suppressed))

    async def read(self, partition: int, customers: Sequence[str]) -> list[bytes | None]:
        if not customers:
            return []
        found: list[bytes | None] = await _ask(self._client.hmget(keys(partition, self._prefix).states, customers))
        return found

    async def apply(
        self,
        tenure: Tenure,
        offsets: Mapping[str, int],
        plan: Plan,
        blob: bytes,
        sequence: int,
        fired: Due | None = None,
    ) -> None:
        names = keys(tenure.partition, self._prefix)
        script_keys = [names.epoch, names.writes, names.offsets]
        args: list[Any] = [tenure.epoch, tenure.writes, 2 * len(offsets), *_flat(offsets)]
        for command, key, values in _sections(names, plan, blob, sequence, fired):
            if values:
                script_keys.append(key)
                args += (command, len(values), *values)
        answer = [part.decode() for part in await _ask(self._apply(keys=script_keys, args=args))]
        if answer[0] == "fenced":
            raise _refusal(tenure, int(answer[1] or 0))
        if answer[0] == "lost":
            raise Lost(f"partition {tenure.partition}: {answer[1]} writes are there, not {tenure.writes}")
        tenure.suppressed.update(plan.suppressed)
        tenure.offsets.update(offsets)
        tenure.sequence = sequence
        tenure.writes += 1

    async def verify(self, tenure: Tenure) -> None:
        names = keys(tenure.partition, self._prefix)
        epoch, writes = await _ask(self._client.mget(names.epoch, names.writes))
        if int(epoch or 0) != tenure.epoch:
            raise _refusal(tenure, int(epoch or 0))
        if int(writes or 0) != tenure.writes:
            raise Lost(f"partition {tenure.partition}: {int(writes or 0)} writes are there, not {tenure.writes}")

    async def trim(self, tenure: Tenure, blob: bytes) -> None:
        names = keys(tenure.partition, self._prefix)
        await _ask(self._trim(keys=[names.epoch, names.outbox], args=[tenure.epoch, blob]))

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


def _sections(
    names: Keys, plan: Plan, blob: bytes, sequence: int, fired: Due | None
) -> Iterator[tuple[str, str, list[Any]]]:
    """What `apply.lua` does, in this order: a command, its key and its values; none where there are no values."""
    yield "HSET", names.states, _flat(plan.states)
    yield "SUM", names.aggregates, [part for pair in plan.aggregates.items() if pair[1] for part in pair]
    if fired is not None and fired.day is None:
        yield "ZREM", names.timers, fired.customers
    elif fired is not None and fired.day is not None:
        yield "LTRIM", day_list(names.days, fired.day), [len(fired.customers), -1]
        yield "SUM", names.days, [fired.day, -len(fired.customers)]
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
    yield "SUM", names.days, [part for day, customers in days.items() for part in (day, len(customers))]
    yield "HDEL", names.states, plan.removed
    yield "ZREM", names.timers, plan.removed
    yield "UNLIST", names.days, plan.removed
    yield "SADD", names.suppressed, plan.suppressed
    if blob:
        yield "RPUSH", names.outbox, [blob]
        yield "SET", names.sequence, [sequence]


def _flat(mapping: Mapping[Any, Any]) -> list[Any]:
    """Keys and values by turns, as Redis takes them."""
    return [part for pair in mapping.items() for part in pair]


def _refusal(tenure: Tenure, held: int) -> Fenced | Lost:
    """What it means that another epoch is held than the tenure's."""
    if held > tenure.epoch:
        return Fenced(f"partition {tenure.partition}: epoch {held} is newer than {tenure.epoch}")
    return Lost(f"partition {tenure.partition}: epoch {tenure.epoch} is gone")


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
