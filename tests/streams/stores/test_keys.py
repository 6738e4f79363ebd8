from redis.crc import key_slot

from streams.stores.keys import Keys, keys


def test_a_partition_is_one_slot() -> None:
    """All keys of a partition lie in one slot of a cluster, so that one write can be atomic."""
    for partition in (0, 7, 4095):
        assert len({key_slot(name.encode()) for name in keys(partition)}) == 1


def test_no_name_is_used_twice() -> None:
    """Each key of each partition has a name of its own, under the prefix."""
    names = [name for partition in range(20) for name in keys(partition, "mine")]
    assert len(set(names)) == 20 * len(Keys._fields)
    assert all(name.startswith("mine:{") for name in names)
