import json

import pytest

from streams.cli import audit as command
from streams.errors import Mismatch, TrackerError
from streams.stores.audit import audit_store, customers
from streams.stores.keys import keys
from streams.stores.layout import layout_key, plan_key, require
from tests.stored import Redis, crowd, fill
from tracker.home import home


@pytest.fixture
def redis() -> Redis:
    client = Redis()
    fill(client, crowd(60), 4)
    return client


def audited(redis: Redis, partitions: int = 4):
    return list(audit_store(redis, fill(Redis(), [], 1), partitions))


def test_what_workers_write_is_sound(redis) -> None:
    """States and aggregates of the same folds agree in every partition."""
    found = audited(redis)
    assert [each.partition for each in found] == [0, 1, 2, 3]
    assert all(each.sound for each in found)
    assert sum(each.customers for each in found) == customers(redis, 4) == 60


def test_a_figure_that_is_off_is_named(redis) -> None:
    """An aggregate that is not the sum is reported with both numbers, in its partition."""
    partition = home("c0", 4)
    bought = "shop|reached|2025-11-24|bought|1"
    redis.hincrby(keys(partition).aggregates, bought, 5)
    (wrong,) = [each for each in audited(redis) if not each.sound]
    assert wrong.partition == partition
    ((field, stored, summed),) = wrong.differences
    assert (field, stored) == (bought, summed + 5)
    assert f"{bought} is {stored}, the customers add up to {summed}" in command.as_text([wrong])
    assert json.loads(command.as_data([wrong]))["ok"] is False


def test_customers_away_from_home_are_counted(redis) -> None:
    """A customer in a partition that is not theirs is found although the figures agree."""
    away = (home("c1", 4) + 1) % 4
    fill(other := Redis(), crowd(2), 1)
    for name in ("states", "aggregates"):
        redis.held[getattr(keys(away), name)] = other.held[getattr(keys(0), name)]
    assert audited(redis)[away].strays >= 1


def test_progress_hears_of_every_customer(redis) -> None:
    """The progress reported while it runs adds up to all customers."""
    reported = []
    list(audit_store(redis, fill(Redis(), [], 1), 4, advance=reported.append))
    assert sum(reported) == 60


def test_an_unreadable_state_is_one_clear_error(redis) -> None:
    """A state of another version ends the audit with a remedy."""
    redis.hset(keys(2).states, "c1", b"\xc1")
    with pytest.raises(TrackerError, match="Partition 2 holds a state that this version cannot read"):
        audited(redis)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (plan_key(), "{}", "has not finished"),
        (layout_key(0), 8, "has 8 partitions, TRACKER_PARTITIONS says 4"),
        (keys(4).epoch, 1, "more partitions than TRACKER_PARTITIONS=4"),
    ],
)
def test_another_layout_is_refused(redis, key, value, said) -> None:
    """A store that is not laid out as the settings say is not read, rather than read wrongly."""
    require(redis, 4)
    redis.set(key, value)
    with pytest.raises(Mismatch, match=said):
        require(redis, 4)
