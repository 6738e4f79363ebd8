"""Redis that dies, forgets, freezes or fills up: the tracker waits, reads again and ends exact."""

import time
from collections.abc import Callable

import pytest

from streams.torture.rig import Rig
from tests.faults.profile import seconds
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(900)]
Make = Callable[..., Rig]


def begin(made: Rig, customers: int = 3000, rate: float = 600) -> None:
    """Two workers in the middle of a stream."""
    made.crew.keep(2)
    made.feed(customers, rate)
    wait_until(lambda: made.total_applied() > 500, 60)


def end(made: Rig, *, outbox_whole: bool) -> None:
    """Everything applied, and as in truth."""
    made.settle(2, 180)
    verdict = made.judge(outbox_whole=outbox_whole)
    assert verdict.holds, (verdict.lost, verdict.wrong[:5])
    assert verdict.customers > 2500


def keep_for(made: Rig, length_s: float) -> None:
    """Workers are kept at work while a fault lasts."""
    until_s = time.monotonic() + length_s
    while time.monotonic() < until_s:
        made.crew.keep(2)
        time.sleep(0.2)


def test_killed_with_an_append_only_file(rig: Make) -> None:
    """Kill -9 with AOF everysec: up to a second of writes is gone, and read again from Kafka."""
    made = rig()
    begin(made)
    made.redis_server.kill9()
    keep_for(made, 1)
    made.redis_server.restart()
    end(made, outbox_whole=False)


def test_killed_without_persistence(rig: Make) -> None:
    """An empty Redis is built again from Kafka, while the workers run."""
    made = rig(aof=False, redis_options={"save": ""})
    begin(made)
    made.redis_server.kill9()
    keep_for(made, 1)
    made.redis_server.restart()
    end(made, outbox_whole=False)


def test_down_for_a_while(rig: Make) -> None:
    """The workers pause, say that they are not ready, and go on by themselves."""
    made = rig()
    begin(made)
    made.redis_server.stop()
    keep_for(made, seconds(10, 60))
    made.redis_server.restart()
    end(made, outbox_whole=True)
    assert made.crew.ends == []


@pytest.mark.parametrize("length_s", [seconds(4, 12), pytest.param(60, marks=pytest.mark.slow)])
def test_frozen(rig: Make, length_s: float) -> None:
    """SIGSTOP: time-outs repeat writes, and none is applied twice."""
    if length_s == 60 and seconds(0, 1) == 0:
        length_s = 8
    made = rig()
    begin(made)
    made.redis_server.pause()
    keep_for(made, length_s)
    made.redis_server.resume()
    end(made, outbox_whole=True)


def test_out_of_memory(rig: Make) -> None:
    """Writes refused under noeviction pause the worker; with room again it goes on."""
    made = rig(redis_options={"maxmemory": "0", "maxmemory_policy": "noeviction"})
    begin(made)
    client = made.client
    client.config_set("maxmemory", "1mb")
    at_s = made.total_applied()
    keep_for(made, seconds(4, 30))
    assert made.total_applied() - at_s < 1500
    client.config_set("maxmemory", "0")
    end(made, outbox_whole=True)


def test_flushed_under_the_workers(rig: Make) -> None:
    """FLUSHALL by mistake: everything is built again without a restart."""
    made = rig()
    begin(made)
    made.client.flushall()
    end(made, outbox_whole=False)


def test_flushed_while_nothing_happens(rig: Make) -> None:
    """Nobody sends anything, and yet Redis is built again within seconds."""
    made = rig()
    begin(made, customers=800, rate=2000)
    made.settle(2, 120)
    made.client.flushall()
    made.until(made.is_at_rest, 2, 60, "everything is applied again")
    verdict = made.judge(outbox_whole=False)
    assert verdict.holds, (verdict.lost, verdict.wrong[:5])
