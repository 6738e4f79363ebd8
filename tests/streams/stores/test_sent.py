"""What `tracker doctor` says of messages between partitions, on a real Redis."""

import pytest
from redis import Redis

from streams.stores.keys import keys
from streams.stores.sent import findings
from tracker.planning.marks import SEQUENCE_BITS

pytestmark = pytest.mark.integration


def store(url: str, **fields: int) -> list[tuple[str, str]]:
    """The findings where partition 1 in generation `b` has sent 9 messages, and partition 0 holds these fields."""
    with Redis.from_url(url) as client:
        for partition, name in enumerate(("a", "b")):
            names = keys(partition)
            client.mset({names.epoch: 4, names.generation: f"{name} old", names.sequence: 9})
        client.hset(keys(0).offsets, mapping={name.replace("_", " "): value for name, value in fields.items()})
        return [(state, message) for state, message, _ in findings(client, 2)]


def test_repeats_of_an_earlier_owner_are_in_order(empty_redis: str) -> None:
    """What the next owner sends again is dropped; the number is shown."""
    marks = {"from_1_b": 4 << SEQUENCE_BITS | 9, "from_1_old": 3 << SEQUENCE_BITS | 7, "repeats_1_old": 3}
    assert store(empty_redis, **marks) == [("ok", "3 messages between partitions came again and were dropped")]


def test_repeats_of_the_present_owner_are_a_warning(empty_redis: str) -> None:
    """Nobody has taken the partition since, so nobody has had a reason to send them again."""
    [(state, message)] = store(empty_redis, from_1_b=4 << SEQUENCE_BITS | 9, repeats_1_b=3)
    assert state == "warning" and "dropped 3 messages of partition 1" in message


def test_a_mark_above_all_that_was_sent_is_a_problem(empty_redis: str) -> None:
    """A forged number: what the sender sends next would be dropped."""
    [(state, message)] = store(empty_redis, from_1_b=4 << SEQUENCE_BITS | 10)
    assert state == "problem" and "drops what partition 1 sends" in message


def test_a_store_without_generations_says_nothing(empty_redis: str) -> None:
    """No worker of this version has taken a partition yet."""
    with Redis.from_url(empty_redis) as client:
        client.set(keys(0).epoch, 7)
        assert list(findings(client, 2)) == []
