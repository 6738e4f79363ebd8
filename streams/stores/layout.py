"""The layout of the store: over how many partitions it is spread, and whether that is being changed.

It knows the two keys that say so and what to tell who meets another layout than the settings ask for; changing the
layout is `streams/repartition/repartition.py`'s.
"""

from typing import Any

from streams.errors import Mismatch
from streams.stores.keys import PREFIX, keys


def plan_key(prefix: str = PREFIX) -> str:
    """String (JSON): the change of layout that is under way; no such key when there is none."""
    return f"{prefix}:repartition"


def layout_key(partition: int, prefix: str = PREFIX) -> str:
    """Integer: over how many partitions the states were spread when this partition's were last moved."""
    return f"{prefix}:{{{partition}}}:layout"


def require(client: Any, partitions: int, prefix: str = PREFIX) -> None:
    """Returns when what is stored may be read and written as `partitions` partitions. Raises `Mismatch`."""
    if client.exists(plan_key(prefix)):
        raise Mismatch(
            "The store is between two numbers of partitions: `tracker repartition` has not finished.",
            "Let it finish, or run it again: it goes on where it stopped.",
        )
    found = client.get(layout_key(0, prefix))
    if found is not None and int(found) != partitions:
        raise Mismatch(
            f"The store has {int(found)} partitions, TRACKER_PARTITIONS says {partitions}.",
            f"Set TRACKER_PARTITIONS={int(found)} everywhere.",
        )
    if client.exists(keys(partitions, prefix).epoch):
        raise Mismatch(
            f"The store has more partitions than TRACKER_PARTITIONS={partitions}.",
            "Set TRACKER_PARTITIONS to the number that the workers run with.",
        )
