"""More partitions for the topics while workers run: they end, and a repartition finds everybody and every record."""

import json
from contextlib import closing

import pytest
from kafka.admin import KafkaAdminClient
from redis import Redis

from schemas.topics import ROUTED
from streams.errors import ExitCode, Mismatch
from streams.stores.layout import require
from tests.integration.test_tools import Installation, installation
from tests.servers import wait_until

__all__ = ["installation"]
pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(240)]
WEB, SHOP = "touchpoints.web", "touchpoints.shop"


def reached(installation: Installation) -> int:
    return installation.reached().get("purchase_decision", 0)


def raise_to(installation: Installation, partitions: int, *topics: str) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=installation.kafka)) as admin:
        admin.create_partitions(dict.fromkeys(topics, partitions))


@pytest.mark.parametrize("topics", [(WEB,), (WEB, SHOP, ROUTED)], ids=["one topic", "all topics"])
def test_partitions_raised_under_running_workers(installation: Installation, topics: tuple[str, ...], tmp_path) -> None:
    """The group ends with the code for a mismatch and says what to do; afterwards everybody is counted once."""
    log = tmp_path / "log"
    with log.open("wb") as output, installation.running("worker", "-p", "2", stderr=output, stdout=output) as process:
        installation.send(range(200))
        wait_until(lambda: reached(installation) == 200, 60)
        raise_to(installation, 5, *topics)
        installation.send(range(200, 500))
        wait_until(lambda: process.poll() is not None, 60)
        assert process.returncode == ExitCode.MISMATCH
    said = log.read_text()
    assert f"{WEB} has 5" in said and "tracker repartition --to 5" in said, said[-3_000:]
    assert installation.printed("audit")["ok"]
    assert installation.tracker("worker").returncode == ExitCode.MISMATCH
    with Redis.from_url(installation.redis) as client, pytest.raises(Mismatch, match="TRACKER_PARTITIONS=5"):
        require(client, 5)
    wait_until(lambda: installation.tracker("repartition", "--to", "5", "--allow-lag").returncode == ExitCode.OK, 60)
    installation.partitions = 5
    with installation.running("worker", "-p", "2"):
        wait_until(lambda: reached(installation) == 500, 60)
        installation.send(range(500, 600))
        wait_until(lambda: reached(installation) == 600, 60)
    found = installation.printed("audit")
    assert (found["ok"], found["customers"]) == (True, 600), json.dumps(found)
    assert installation.visits()["purchase_decision"] == 600
