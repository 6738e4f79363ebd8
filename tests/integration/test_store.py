"""The contract of a store on a real Redis and on a real Redis Cluster, and what these alone can do."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError

from streams.clients.clients import async_redis_client, redis_client
from streams.servers import RedisServer
from streams.settings import settings
from streams.stores.keys import Keys, day_list, keys
from streams.stores.memory import Held
from streams.stores.redis import RedisStore, _ask
from streams.stores.store import Damaged, Fenced, Lost, Unavailable
from tests.faults.proxy import Proxy
from tests.servers import PrivateServers, fresh_names, start_private_servers
from tests.streams.stores.build_contract import BuildContract
from tests.streams.stores.contract import WEB, Rig, StoreContract, plan
from tests.streams.stores.damage_contract import DamageContract

pytestmark = pytest.mark.integration
PARTITIONS = 8


class RedisRig:
    """A store on a real Redis under names of its own."""

    def __init__(self, url: str, *, cluster: bool = False) -> None:
        environ = {"REDIS_URL": url, "REDIS_CLUSTER": str(cluster).lower(), "TRACKER_REDIS_TIMEOUT_S": "0.5"}
        self.settings = settings.read(environ)
        self.prefix = fresh_names().prefix

    def run(self, scenario):
        async def opened():
            store = RedisStore(async_redis_client(self.settings), self.prefix)
            try:
                return await scenario(store)
            finally:
                await store.close()

        return asyncio.run(opened())

    def held(self, partition: int) -> Held:
        names = keys(partition, self.prefix)
        with closing(redis_client(self.settings)) as client:
            return Held(
                int(client.get(names.epoch) or 0),
                {topic.decode(): int(offset) for topic, offset in client.hgetall(names.offsets).items()},
                {customer.decode(): record for customer, record in client.hgetall(names.states).items()},
                {field.decode(): int(count) for field, count in client.hgetall(names.aggregates).items()},
                {
                    customer.decode(): int(at_ms)
                    for customer, at_ms in client.zrange(names.timers, 0, -1, withscores=True)
                },
                {day: self._listed(client, day_list(names.days, day), count) for day, count in _days(client, names)},
                client.lrange(names.outbox, 0, -1),
                int(client.get(names.sequence) or 0),
                int(client.get(names.writes) or 0),
                suppressed=client.smembers(names.suppressed),
                topics={field.decode(): text.decode() for field, text in client.hgetall(names.topics).items()},
                attended=(client.get(names.attended) or b"").decode(),
            )

    @staticmethod
    def _listed(client: Redis, key: str, count: int) -> list[str]:
        customers = [customer.decode() for customer in client.lrange(key, 0, -1)]
        assert len(customers) == count
        return customers

    def save(self) -> dict[str, bytes | None]:
        with closing(redis_client(self.settings)) as client:
            return {name: client.dump(name) for name in self._names()}

    def restore(self, saved: dict[str, bytes | None]) -> None:
        with closing(redis_client(self.settings)) as client:
            for name, dump in saved.items():
                client.delete(name)
                if dump is not None:
                    client.restore(name, 0, dump)

    def wipe(self) -> None:
        with closing(redis_client(self.settings)) as client:
            client.flushall()
            client.script_flush()

    def delete(self, partition: int, name: str) -> None:
        with closing(redis_client(self.settings)) as client:
            assert client.delete(getattr(keys(partition, self.prefix), name))

    def _names(self) -> list[str]:
        return [name for partition in range(PARTITIONS) for name in keys(partition, self.prefix)]


def _days(client: Redis, names: Keys) -> list[tuple[int, int]]:
    return [(int(day), int(count)) for day, count in client.hgetall(names.days).items()]


@pytest.fixture(scope="module")
def own() -> Iterator[PrivateServers]:
    """Servers of this file, which its tests may empty."""
    with start_private_servers() as starter:
        yield starter


@pytest.fixture(scope="module")
def single(own: PrivateServers) -> RedisServer:
    return own.redis(aof=False)


@pytest.fixture(scope="module")
def cluster_url(own: PrivateServers) -> str:
    return own.redis_cluster(save="").url


class TestRedisStore(StoreContract, DamageContract, BuildContract):
    """Redis keeps the contract."""

    @pytest.fixture
    def rig(self, single: RedisServer) -> Rig:
        return RedisRig(single.url)


class TestRedisClusterStore(StoreContract, DamageContract, BuildContract):
    """A Redis Cluster of three nodes keeps the contract."""

    @pytest.fixture
    def rig(self, cluster_url: str) -> Rig:
        return RedisRig(cluster_url, cluster=True)


def fill(client: Redis) -> list[str]:
    """Keys that leave no room for anything else."""
    names = []
    for number in range(1_000):
        try:
            client.set(f"ballast {number}", b"x" * 10_000)
        except OutOfMemoryError:
            return names
        names.append(f"ballast {number}")
    pytest.fail("Redis does not fill up")


def test_a_full_redis_is_an_outage_and_nothing_half(own: PrivateServers) -> None:
    """Under `noeviction` a write that does not fit any more is refused whole, and goes through once there is room."""
    server = own.redis(aof=False, maxmemory="3mb", maxmemory_policy="noeviction")
    rig = RedisRig(server.url)

    async def scenario(store):
        lease = await store.take(0, 1)
        with Redis.from_url(server.url) as client:
            ballast = fill(client)
            # What the filling itself took for a moment is free again: without this, a small write may still fit.
            client.config_set("maxmemory", "2mb")
            before = rig.held(0)
            with pytest.raises(Unavailable):
                await store.apply(lease, {WEB: 5}, plan({"a": b"A"}, {"f": 1}, {"a": 1}), b"blob", 1)
            assert rig.held(0) == before
            client.delete(*ballast)
        await store.apply(lease, {WEB: 5}, plan({"a": b"A"}, {"f": 1}, {"a": 1}), b"blob", 1)

    rig.run(scenario)
    assert rig.held(0) == Held(1, {WEB: 5}, {"a": b"A"}, {"f": 1}, {"a": 1}, {}, [b"blob"], 1, 1)


def test_memory_that_runs_out_within_a_write_tears_nothing(own: PrivateServers) -> None:
    """A plan bigger than all that is left is written whole or not at all."""
    rig = RedisRig(own.redis(aof=False, maxmemory="3mb", maxmemory_policy="noeviction").url)

    async def scenario(store):
        lease = await store.take(0, 1)
        big = plan({f"c{number}": b"x" * 1_000 for number in range(6_000)}, {"f": 1})
        try:
            await store.apply(lease, {WEB: 5}, big, b"blob", 1)
        except Unavailable:
            assert rig.held(0).writes == 0
            assert rig.held(0).states == {}
        else:
            held = rig.held(0)
            assert (len(held.states), held.aggregates, held.offsets) == (6_000, {"f": 1}, {WEB: 5})

    rig.run(scenario)


def test_a_frozen_redis_is_an_outage_and_the_write_counts_once(own: PrivateServers) -> None:
    """The answer does not come in time; the same call afterwards finds out whether the write was done."""
    server = own.redis(aof=False)
    rig = RedisRig(server.url)

    async def scenario(store):
        lease = await store.take(0, 1)
        await store.apply(lease, {WEB: 1}, plan(aggregates={"f": 1}), b"", 0)
        server.pause()
        try:
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await store.apply(lease, {WEB: 2}, plan(aggregates={"f": 1}), b"", 0)
        finally:
            server.resume()
        await store.apply(lease, {WEB: 2}, plan(aggregates={"f": 1}), b"", 0)

    rig.run(scenario)
    assert rig.held(0).aggregates == {"f": 2}


def test_a_redis_that_comes_back_empty_is_taken_again(own: PrivateServers) -> None:
    """Killed without a file to read from: first an outage, then loss, and scripts are sent again by themselves."""
    server = own.redis(aof=False, save="")
    rig = RedisRig(server.url)

    async def scenario(store):
        lease = await store.take(0, 1)
        await store.apply(lease, {WEB: 1}, plan({"a": b"A"}), b"", 0)
        server.kill9()
        with pytest.raises(Unavailable):
            await store.read(0, ["a"])
        server.start()
        heir = await store.take(0, 500)
        assert (heir.epoch, heir.offsets) == (500, {})

    rig.run(scenario)


EDITS = {
    "an epoch": lambda client, names: client.set(names.epoch, "abc"),
    "writes": lambda client, names: client.set(names.writes, "abc"),
    "writes of another type": lambda client, names: (client.delete(names.writes), client.sadd(names.writes, "a")),
    "a sequence": lambda client, names: client.set(names.sequence, "abc"),
    "a generation": lambda client, names: client.set(names.generation, b"\xff\xfe"),
    "an offset": lambda client, names: client.hset(names.offsets, WEB, "abc"),
    "an aggregate": lambda client, names: client.hset(names.aggregates, "f", "abc"),
    "a timer": lambda client, names: client.zadd(names.timers, {b"\xff\xfe": 1}),
    "a day": lambda client, names: client.hset(names.days, "abc", 1),
    "states of another type": lambda client, names: (client.delete(names.states), client.set(names.states, "a")),
    "what was published": lambda client, names: client.hset(names.published, WEB, "abc"),
    "a marker": lambda client, names: client.hset(names.definitions, "revision", "abc"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_cannot_be_read_is_damage(single: RedisServer, edit: str) -> None:
    """Whatever somebody writes into a key, its owner or the next take says so, and the partition works after that."""
    rig = RedisRig(single.url)

    async def scenario(store):
        lease = await store.take(0, 1)
        await store.apply(lease, {WEB: 1}, plan({"a": b"A"}, {"f": 1}, {"a": 5}), b"", 0)
        with closing(redis_client(rig.settings)) as client:
            EDITS[edit](client, keys(0, rig.prefix))
        noticed = []
        try:
            await store.verify(lease)
            await store.due(0, 10, 10)
            await store.apply(lease, {WEB: 2}, plan({"b": b"B"}, {"f": 1}), b"", 0)
        except (Damaged, Fenced, Lost) as error:
            noticed.append(str(error))
        heir = await store.take(0, lease.epoch + 1)
        noticed += [heir.damage] if heir.damage else []
        # The owner knows both and puts them right.
        assert noticed or edit in ("an offset", "a marker")
        await store.rebuild(heir)
        last = await store.take(0, heir.epoch + 1)
        assert (last.damage, last.offsets) == ("", {})
        await store.apply(last, {WEB: 1}, plan({"a": b"A"}, {"f": 1}, {"a": 5}), b"blob", 1)
        await store.verify(last)
        assert (await store.due(0, 10, 10)).customers == ["a"]

    rig.run(scenario)


def test_a_connection_that_breaks_within_a_look_is_an_outage(own: PrivateServers) -> None:
    """The answer to the look before a write never comes: nothing is written, and a second try writes once."""
    with Proxy(own.redis().port) as proxy:
        answers = iter((False, True))

        def late_s() -> float:
            if next(answers, False):
                proxy.cut()
            return 0.0

        async def scenario(store: RedisStore) -> None:
            lease = await store.take(0, 1)
            proxy.late_s = late_s
            with pytest.raises(Unavailable, match="WatchError"):
                await store.apply(lease, {WEB: 5}, plan(), b"", 0)
            await store.apply(lease, {WEB: 5}, plan(), b"", 0)
            assert lease.writes == 1

        RedisRig(proxy.url).run(scenario)


def test_a_fail_over_within_a_write_is_an_outage(own: PrivateServers) -> None:
    """A primary that becomes a replica between the commands of a transaction and its end refuses it as a whole."""
    server = own.redis()

    async def scenario() -> None:
        client = async_redis_client(settings.read({"REDIS_URL": server.url}))
        connection = await client.connection_pool.get_connection()
        try:
            for words in (("MULTI",), ("SET", "a", "1")):
                await connection.send_command(*words)
                await connection.read_response()
            await client.replicaof("127.0.0.1", server.port)
            await connection.send_command("EXEC")
            with pytest.raises(Unavailable, match="READONLY"):
                await _ask(connection.read_response())
        finally:
            await client.connection_pool.release(connection)
            await client.aclose()

    asyncio.run(scenario())
