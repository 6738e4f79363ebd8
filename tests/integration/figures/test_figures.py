"""The figures from real Redis servers."""

import pytest
from redis import Redis, RedisCluster

from streams.exporter.figures import read
from streams.stores.keys import keys
from tests.servers import PrivateServers

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("cluster", [False, True])
def test_partitions_add_up(private_servers: PrivateServers, cluster) -> None:
    """One Redis or a Cluster over whose nodes the partitions are spread: the sum is the same."""
    servers = private_servers.redis_cluster() if cluster else private_servers.redis()
    with (RedisCluster if cluster else Redis).from_url(servers.url) as client:
        for partition in range(8):
            client.hset(keys(partition).aggregates, "seven|current|seen|waiting", partition)
            client.hset(keys(partition).offsets, mapping={"touchpoints.web": 10, "timers": 3})
        figures = read(client, 8)
    assert figures.in_status("seven", "waiting", ["seen"]) == {"seen": 28}
    assert figures.applied(["touchpoints.web"]) == 80
