"""Rulings: what people decided about names, as a shadow must know it too.

They came over the served build's topic of routed messages, which keeps them for a while, and a shadow has another one.
The states keep them for good. A ruling that is told twice changes nothing, since the latest moment holds.
"""

from collections.abc import Iterator
from typing import Any, Final

from schemas.routed import Clearance, Ruling
from streams.stores.keys import PREFIX, keys
from tracker.identity.ties import may_have_ties, read
from tracker.records.state import ties_of

SCANNED: Final = 1000
"""States that are looked at in one call."""


def rulings_in(client: Any, partitions: int, prefix: str = PREFIX) -> Iterator[Ruling | Clearance]:
    """Every ruling that the states of a build know, for the home of each of its names."""
    for partition in range(partitions):
        for name, record in client.hscan_iter(keys(partition, prefix).states, count=SCANNED):
            if not may_have_ties(record):
                continue
            ties = read(ties_of(record))
            if ties.cleared_ms >= 0:
                yield Clearance(name.decode(), ties.cleared_ms, ties.is_cleared)
            for peer, edge in ties.edges.items():
                if edge.ruled_ms >= 0:
                    yield Ruling(name.decode(), peer, edge.ruled_ms, not edge.is_cut)
