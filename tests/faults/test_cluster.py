"""The same worker on a real Redis Cluster of three nodes."""

import pytest

from streams.torture.rig import Rig
from tests.faults.steps import end
from tests.servers import PrivateServers

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(300)]


def test_the_worker_runs_on_a_redis_cluster(private_servers: PrivateServers, tmp_path) -> None:
    """Every partition lives in one slot, and the slots on three nodes; a node that dies is waited for."""
    cluster = private_servers.redis_cluster()
    rig = Rig(private_servers.kafka(), cluster, tmp_path, options={"REDIS_CLUSTER": "true"})
    try:
        rig.create_topics()
        rig.crew.keep(2)
        rig.feed(2000, 600)
        rig.until(lambda: rig.total_applied() > 300, 2, 60, "the first batches are applied")
        cluster.nodes[1].kill9()
        rig.until(lambda: rig.feeder.confirmed > 1500, 2, 60, "the stream goes on")
        cluster.nodes[1].restart()
        verdict = end(rig, within_s=120, outbox_whole=False)
        assert verdict.customers > 1500
    finally:
        rig.close()
