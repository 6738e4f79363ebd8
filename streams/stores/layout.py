"""The layout of the store: its number of partitions, and whether a repartition is under way.

It knows the two keys for that, and the error for a layout that differs from the settings.
`streams/repartition/repartition.py` changes the layout.
"""

from typing import Any, Final

from streams.errors import Mismatch
from streams.stores.keys import PREFIX, keys
from tracker.home import home

LOOKED_AT: Final = 32
"""Customers of partition 0. In a store of half as many partitions, half of them are at home in another."""


def plan_key(prefix: str = PREFIX) -> str:
    """String (JSON): the repartition that is under way; the key exists only while there is one."""
    return f"{prefix}:repartition"


def layout_key(partition: int, prefix: str = PREFIX) -> str:
    """Integer: the number of partitions to which this partition's states were last moved."""
    return f"{prefix}:{{{partition}}}:layout"


def require(client: Any, partitions: int, prefix: str = PREFIX) -> None:
    """Return when the store may be read and written as `partitions` partitions. Raises `Mismatch`."""
    if client.exists(plan_key(prefix)):
        raise Mismatch(
            "The store is between two numbers of partitions: `tracker repartition` has not finished.",
            "Let it finish, or run it again: it continues where it stopped.",
        )
    found = client.get(layout_key(0, prefix))
    if found is not None and int(found) != partitions:
        raise Mismatch(
            f"The store has {int(found)} partitions, TRACKER_PARTITIONS says {partitions}.",
            f"Set TRACKER_PARTITIONS={int(found)} everywhere.",
        )
    # A store that was never moved has no layout key; a partition beyond the settings' last gives it away.
    if client.exists(keys(partitions, prefix).epoch):
        raise Mismatch(
            f"The store has more partitions than TRACKER_PARTITIONS={partitions}.",
            "Set TRACKER_PARTITIONS to the number that the workers run with.",
        )
    # With fewer there may be none beyond the last, so customers are looked at too.
    _, some = client.hscan(keys(0, prefix).states, 0, count=LOOKED_AT)
    if any(home(customer.decode(), partitions) for customer in some):
        raise Mismatch(
            f"The store was not written with TRACKER_PARTITIONS={partitions}: partition 0 holds customers of others.",
            "Set TRACKER_PARTITIONS to the number that the workers ran with; `tracker repartition` changes it.",
        )
