"""The canary: synthetic customers whose touchpoints go the whole way and count in no journey.

Their names begin with a reserved prefix. Their record holds only the ids of the latest touchpoints, which show that a
touchpoint has arrived. They add to no figure, so no figure has to exclude them.
"""

from typing import Final

from tracker.home import home
from tracker.records.log import holds_id, short_id
from tracker.records.state import decode

CANARY: Final = "canary:"
"""A `customer_id` with this prefix is synthetic."""
TYPE: Final = "Canary"


def canaries(partitions: int) -> list[str]:
    """By partition: the name of the canary whose home it is."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < partitions:
        name = f"{CANARY}{number}"
        found.setdefault(home(name, partitions), name)
        number += 1
    return [found[partition] for partition in range(partitions)]


def arrived(record: bytes | None, event_id: str) -> bool:
    """Whether a canary's record has the touchpoint with this id among its latest 32."""
    return record is not None and holds_id(decode(record).other_ids, short_id(event_id))
