"""The canary: customers who never were, whose touchpoints go the whole way and count in no journey.

Their names begin with a reserved prefix. Of them no more is kept than of touchpoints that bear on no journey: the ids
of the latest, by which one sees that a touchpoint has arrived. So no figure needs to leave them out.
"""

from typing import Final

from tracker.home import home
from tracker.records.log import holds_id, short_id
from tracker.records.state import decode

CANARY: Final = "canary:"
"""A `customer_id` that begins so is no customer of anybody's."""
TYPE: Final = "Canary"


def canaries(partitions: int) -> list[str]:
    """By partition, the name of the canary that is at home there."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < partitions:
        name = f"{CANARY}{number}"
        found.setdefault(home(name, partitions), name)
        number += 1
    return [found[partition] for partition in range(partitions)]


def arrived(record: bytes | None, event_id: str) -> bool:
    """Whether a canary's record holds its touchpoint with this id (it holds the latest 32)."""
    return record is not None and holds_id(decode(record).other_ids, short_id(event_id))
