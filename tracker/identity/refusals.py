"""Refusals: which peers a name keeps in mind without being one customer with them.

A system gives a person one number, so of two numbers of one scoped kind (`tracker/identity/kinds.py`) the one that
was seen first stays. And a name that gathers too many strong names of one kind within a day, such as the number of a
shop's till, is suspect: it links nobody who was seen with it later. What is refused is kept as a claim: it is told,
listed, and comes in when a person cuts the first number, or clears the suspect.
All this depends only on the set of edges and rulings, and not on the order in which they arrive.
"""

from typing import Final, NamedTuple

from tracker.identity.kinds import Kinds
from tracker.identity.ties import Edge, Ties, moment
from tracker.identity.trust import NEVER_MS
from tracker.records.timer import DAY_MS

NOT_SUSPECT_MS: Final = -1


class Refusals(NamedTuple):
    """What a name refuses."""

    peers: tuple[str, ...] = ()
    """Sorted by name."""
    suspect_ms: int = NOT_SUSPECT_MS
    """When the name became suspect: by the last touchpoint that was still accepted."""


def refusals(ties: Ties, kinds: Kinds) -> Refusals:
    """The peers that are refused, and since when the name is suspect.

    Whom a person linked is never refused, takes nobody's place, and arouses no suspicion.
    """
    edges = ties.edges
    if len(edges) <= 1:
        return Refusals()
    scoped: dict[str, list[str]] = {}
    strong: dict[str, list[str]] = {}
    looks = 0 < kinds.suspect_after <= len(edges) and not ties.is_cleared
    for peer, edge in edges.items():
        if ("@" not in peer and not looks) or not _counts(edge):
            continue
        kind = kinds.kind_of(peer)
        if "@" in kind:
            scoped.setdefault(kind, []).append(peer)
        if looks and kinds.is_strong(kind):
            strong.setdefault(kind, []).append(peer)

    def age(peer: str) -> tuple[tuple[int, str], str]:
        return (moment(edges[peer]), peer)

    refused = {peer for peers in scoped.values() for peer in sorted(peers, key=age)[1:]}
    full = [_fullest(sorted(peers, key=age), edges, kinds.suspect_after) for peers in strong.values()]
    last = min((peer for peer in full if peer is not None), key=age, default=None)
    if last is None:
        return Refusals(tuple(sorted(refused)))
    refused.update(peer for peer, edge in edges.items() if _counts(edge) and age(peer) > age(last))
    return Refusals(tuple(sorted(refused)), edges[last].at_ms)


def _fullest(peers: list[str], edges: dict[str, Edge], many: int) -> str | None:
    """Of peers of one kind, the oldest first: the first that ends a day with so many of them, if there is one."""
    for place in range(many - 1, len(peers)):
        if edges[peers[place]].at_ms - edges[peers[place - many + 1]].at_ms <= DAY_MS:
            return peers[place]
    return None


def _counts(edge: Edge) -> bool:
    """Whether a touchpoint made the edge, and no person has ruled on it."""
    return edge.at_ms != NEVER_MS and edge.ruled_ms < 0
