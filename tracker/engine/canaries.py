"""The canary: synthetic customers whose touchpoints go the whole way and count in no journey.

Their names begin with a reserved prefix. Their record holds only the ids of the latest touchpoints, which show that a
touchpoint has arrived. They add to no figure, so no figure has to exclude them.
"""

from typing import Final

from tracker.home import home
from tracker.records.log import ID_BYTES, holds_id, short_id
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


def newest_sent_ms(record: bytes | None) -> int | None:
    """When the newest touchpoint in a canary's record was sent, as its id says; None where there is none."""
    ids = decode(record).other_ids if record is not None else b""
    sent = [_moment(ids[at : at + ID_BYTES]) for at in range(0, len(ids), ID_BYTES)]
    return max((moment for moment in sent if moment is not None), default=None)


def _moment(short: bytes) -> int | None:
    try:
        return int(short.rstrip(b"\0"), 16)
    except ValueError:  # somebody else has sent under the canary's name
        return None


def arrived(record: bytes | None, event_id: str) -> bool:
    """Whether a canary's record has the touchpoint with this id among its latest 32."""
    return record is not None and holds_id(decode(record).other_ids, short_id(event_id))
