"""Redis with a replica, and Redis behind a slow line: whatever vanishes with a primary is read again from Kafka.

A proxy stands for the address that leads to the primary: a virtual IP, a name, or a sentinel's proxy.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from redis import Redis

from streams.errors import ExitCode
from streams.servers import RedisServer
from streams.stores.keys import keys
from streams.torture.rig import Rig
from tests.faults.profile import LONG, seconds
from tests.faults.proxy import Proxy
from tests.faults.steps import Make, begin, end, keep_for
from tests.servers import PrivateServers, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends the proxies and clients of a test."""
    with ExitStack() as opened:
        yield opened


def writes(made: Rig, server: RedisServer) -> dict[int, int]:
    """How many writes a server has seen of each partition."""
    with Redis.from_url(server.url) as client:
        return {number: int(client.get(keys(number).writes) or 0) for number in range(made.settings.partitions)}


def follow(server: RedisServer, port: int) -> None:
    """Make a server the replica of what is behind a port, and wait until it has all of it."""
    with Redis.from_url(server.url) as client:
        client.replicaof("127.0.0.1", port)
        wait_until(lambda: client.info("replication").get("master_link_status") == "up", 30)


def promote(server: RedisServer) -> None:
    """Make a replica a primary."""
    with Redis.from_url(server.url) as client:
        client.replicaof("NO", "ONE")


def test_a_replica_that_lags_is_promoted(rig: Make, private_servers: PrivateServers, stack: ExitStack) -> None:
    """Writes that the old primary had confirmed are missing on the new one: the workers notice and read again."""
    primary, replica = private_servers.redis(), private_servers.redis()
    door, line = stack.enter_context(Proxy(primary.port)), stack.enter_context(Proxy(primary.port))
    made = rig(redis=door)
    follow(replica, int(line.url.rpartition(":")[2].partition("/")[0]))
    begin(made)
    line.late_s = lambda: seconds(2, 10)
    keep_for(made, seconds(3, 20))
    confirmed = writes(made, primary)
    primary.kill9()
    line.cut()
    promote(replica)
    arrived = writes(made, replica)
    assert sum(arrived.values()) < sum(confirmed.values())
    door.lead_to(replica.port)
    assert end(made, outbox_whole=False).customers > 2500
    assert made.crew.ends == []
    assert made.crew.said("store has lost writes") > 0


def test_two_primaries(rig: Make, private_servers: PrivateServers, stack: ExitStack) -> None:
    """One worker goes on writing to the old primary, which is then demoted: what it wrote there is applied again."""
    old, new = private_servers.redis(), private_servers.redis()
    follow(new, old.port)
    cut_off, door = stack.enter_context(Proxy(old.port)), stack.enter_context(Proxy(old.port))
    made = rig(redis=door)
    alone = made.crew.start(options={"REDIS_URL": cut_off.url})
    begin(made, customers=12_000 if LONG else 4000)
    promote(new)
    door.lead_to(new.port)
    before = writes(made, old)
    made.until(lambda: sum(writes(made, old).values()) > sum(before.values()) + 4, 2, 60, "both primaries are written")
    # A third worker: partitions move between workers that see different primaries.
    made.crew.start()
    made.until(lambda: made.crew.said('"worker starts"') > 2, 3, 60, "the third worker starts")
    keep_for(made, seconds(5, 30))
    assert writes(made, old) != writes(made, new)
    follow(old, new.port)
    keep_for(made, seconds(1, 10))
    cut_off.lead_to(new.port)
    assert end(made, workers=3, outbox_whole=False).customers > 3500
    assert alone.running or alone.process.returncode == ExitCode.FENCED
    assert set(made.crew.ends) <= {ExitCode.FENCED}, made.crew.tail()


def test_slow_answers(rig: Make, private_servers: PrivateServers, stack: ExitStack) -> None:
    """Answers that are late make work slow; answers that come after the time-out stop it, and no write counts twice."""
    server, chance = private_servers.redis(), random.Random(3)
    door = stack.enter_context(Proxy(server.port))
    made = rig(redis=door)
    begin(made)
    door.late_s = lambda: chance.uniform(0.05, 0.3)
    before = sum(writes(made, server).values())
    keep_for(made, seconds(4, 60))
    assert sum(writes(made, server).values()) > before + 4, "work goes on"
    door.late_s = lambda: made.settings.redis_timeout_s * 1.5
    keep_for(made, seconds(6, 60))
    door.late_s = lambda: 0.0
    assert end(made).customers > 2500
    assert made.crew.ends == []
