"""Refusals: which peers a name keeps in mind without being one customer with them.

A system gives a person one number, so of two numbers of one scoped kind (`tracker/identity/kinds.py`) the one that was
seen first stays. The other is kept as a claim: it is told, listed, and comes in when a person cuts the first.
It depends only on the set of edges and rulings, and not on the order in which they arrive.
"""

from tracker.identity.kinds import Kinds
from tracker.identity.ties import Edge, Ties, moment
from tracker.identity.trust import NEVER_MS


def refusals(ties: Ties, kinds: Kinds) -> list[str]:
    """The peers that are refused, sorted by name. Whom a person linked is never refused, and takes nobody's place."""
    if len(ties.edges) <= 1:
        return []
    by_kind: dict[str, list[str]] = {}
    for peer, edge in ties.edges.items():
        if "@" in peer and _counts(edge) and "@" in (kind := kinds.kind_of(peer)):
            by_kind.setdefault(kind, []).append(peer)
    refused = []
    for peers in by_kind.values():
        if len(peers) > 1:
            first = min(peers, key=lambda peer: (moment(ties.edges[peer]), peer))
            refused += [peer for peer in peers if peer != first]
    return sorted(refused)


def _counts(edge: Edge) -> bool:
    """Whether a touchpoint made the edge, and no person has ruled on it."""
    return edge.at_ms != NEVER_MS and edge.ruled_ms < 0
