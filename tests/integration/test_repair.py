"""Keys of one partition deleted under load, on a real Kafka, a real Redis and real workers."""

import pytest
from redis import Redis

from streams.errors import ExitCode
from streams.stores.keys import keys
from tests.integration.test_tools import Installation, installation
from tests.servers import wait_until

__all__ = ["installation"]
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(240)]
KEYS = ("states", "aggregates", "offsets", "days")
"""`timers` is empty here: nobody drops off within a day. The contract of the stores has it."""


def writes(client: Redis, partition: int) -> int:
    return int(client.get(keys(partition).writes) or 0)


def generation(client: Redis, partition: int) -> bytes:
    return (client.get(keys(partition).generation) or b"").split(b" ")[0]


def completed(installation: Installation) -> set[str]:
    """Whose journey was completed, to a consumer who drops repeats and what was published before: each thing once."""
    published, repeats = installation.transitions()
    assert repeats.again > 0
    return {one.customer for one in published if one.kind == "completed"}


def lose(client: Redis, name: str) -> None:
    """Delete a key of partition 0, and wait until its worker has begun anew and written more."""
    before, key = generation(client, 0), getattr(keys(0), name)
    wait_until(lambda: client.delete(key), 60)
    wait_until(lambda: generation(client, 0) != before, 30)
    rebuilt = writes(client, 0)
    wait_until(lambda: writes(client, 0) > rebuilt + 3, 60)


def test_a_deleted_key_is_built_again_and_no_other_partition(installation: Installation) -> None:
    """Each key in turn, while customers come: every figure is right in the end, and the neighbour has gone on."""
    with Redis.from_url(installation.redis) as client, installation.running("worker"):
        with installation.load() as sent:
            wait_until(lambda: writes(client, 0) > 5 and writes(client, 1) > 5, 60)
            other = generation(client, 1)
            for name in KEYS:
                lose(client, name)
            assert generation(client, 1) == other
        wait_until(lambda: installation.reached().get("purchase_decision") == sent[0], 60)
        assert installation.visits()["purchase_decision"] == sent[0]
        assert installation.printed("audit")["ok"]
    assert len(completed(installation)) == sent[0]


def test_a_partition_is_built_again_by_hand(installation: Installation) -> None:
    """A figure that was changed in place is found by the audit alone; `tracker repair` brings the truth back."""
    with Redis.from_url(installation.redis) as client, installation.running("worker"):
        installation.send(range(100))
        wait_until(lambda: installation.reached().get("purchase_decision") == 100, 60)
        other = generation(client, 1)
        field = next(iter(client.hgetall(keys(0).aggregates)))
        client.hincrby(keys(0).aggregates, field, 7)
        assert not installation.printed("audit")["ok"]
        assert installation.tracker("repair", "--partition", "0").returncode == ExitCode.USAGE
        assert installation.tracker("repair", "--partition", "2", "--yes").returncode == ExitCode.USAGE
        answer = installation.tracker("repair", "--partition", "0", "--yes")
        assert answer.returncode == ExitCode.OK, answer.stderr
        wait_until(lambda: installation.printed("audit") | {"partitions": []} == {
            "ok": True, "customers": 100, "partitions": []
        }, 60)  # fmt: skip
        assert installation.reached()["purchase_decision"] == 100
        assert generation(client, 1) == other
    assert len(completed(installation)) == 100
