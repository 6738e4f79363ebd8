"""Three brokers that keep three copies: another one leads when one ends or stops, and the stream goes on."""

import logging

import pytest

from schemas.topics import touchpoint_topic
from streams.clients.clients import kafka_admin
from streams.errors import Unreachable
from streams.servers import KafkaServer
from streams.torture.rig import Rig
from streams.worker.preflight import preflight
from tests.faults.profile import LONG, seconds
from tests.faults.steps import Make, begin, end, keep_for
from tests.servers import KafkaCluster, PrivateServers

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(900)]


def test_the_leader_changes(rig: Make, private_servers: PrivateServers, caplog: pytest.LogCaptureFixture) -> None:
    """One leader is killed and another stopped in order, with everything that it coordinates: nobody waits for it."""
    # Its errors hold the sockets of connections that failed, until the log of the test goes.
    caplog.set_level(logging.CRITICAL, logger="kafka")
    cluster = private_servers.kafka_cluster()
    made = rig(kafka=cluster, replication=3, options={"TRACKER_REPLICATION": "3"})
    begin(made, customers=15_000 if LONG else 4000)
    for leave in ("kill9", "stop"):
        leader = leader_of(made, cluster)
        getattr(leader, leave)()
        made.until(lambda: may_start(made), 2, 60, "a worker that starts now asks one of those that are there")
        made.until(lambda gone=leader: leader_of(made, cluster) is not gone, 2, 60, "another broker leads")
        goes_on(made)
        keep_for(made, seconds(1, 20))
        leader.start()
    end(made, within_s=240)


def may_start(made: Rig) -> bool:
    """Whether a worker could start; while the brokers elect a leader they may not answer in time."""
    try:
        preflight(made.settings)
    except Unreachable:
        return False
    return True


def leader_of(made: Rig, cluster: KafkaCluster) -> KafkaServer:
    """The broker that leads a partition of a topic."""
    with kafka_admin(made.settings) as admin:
        (found,) = admin.describe_topics([touchpoint_topic("web")])
    return cluster.nodes[found["partitions"][0]["leader_id"] - 1]


def goes_on(made: Rig) -> None:
    """Wait until records that were sent from now on are applied."""
    sent = made.feeder.confirmed
    made.until(lambda: made.feeder.confirmed > sent + 200 or made.feeder.done, 2, 60, "the stream goes on")
    applied = made.total_applied()
    made.until(lambda: made.total_applied() > applied or made.is_at_rest(), 2, 60, "the workers go on")
