"""Redis that dies, forgets, freezes or fills up: the tracker waits, reads again and ends exact."""

import pytest

from tests.faults.profile import seconds
from tests.faults.steps import Make, begin, end, keep_for

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(900)]


def test_killed_with_an_append_only_file(rig: Make) -> None:
    """Kill -9 with AOF everysec: up to a second of writes is gone, and read again from Kafka."""
    made = rig()
    begin(made)
    made.redis_server.kill9()
    keep_for(made, 1)
    made.redis_server.restart()
    assert end(made, outbox_whole=False).customers > 2500


def test_killed_without_persistence(rig: Make) -> None:
    """An empty Redis is built again from Kafka, while the workers run."""
    made = rig(aof=False, redis_options={"save": ""})
    begin(made)
    made.redis_server.kill9()
    keep_for(made, 1)
    made.redis_server.restart()
    assert end(made, outbox_whole=False).customers > 2500


def test_down_for_a_while(rig: Make) -> None:
    """The workers pause, say that they are not ready, and go on by themselves."""
    made = rig()
    begin(made)
    made.redis_server.stop()
    keep_for(made, seconds(10, 60))
    made.redis_server.restart()
    assert end(made, outbox_whole=True).customers > 2500
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
    assert end(made, outbox_whole=True).customers > 2500


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
    assert end(made, outbox_whole=True).customers > 2500


def test_flushed_under_the_workers(rig: Make) -> None:
    """FLUSHALL by mistake: everything is built again without a restart."""
    made = rig()
    begin(made)
    made.client.flushall()
    assert end(made, outbox_whole=False).customers > 2500


def test_flushed_while_nothing_happens(rig: Make) -> None:
    """Nobody sends anything, and yet Redis is built again within seconds."""
    made = rig()
    begin(made, customers=800, rate=2000)
    made.settle(2, 120)
    made.client.flushall()
    made.until(made.is_at_rest, 2, 60, "everything is applied again")
    verdict = made.judge(outbox_whole=False)
    assert verdict.holds, (verdict.lost, verdict.wrong[:5])
