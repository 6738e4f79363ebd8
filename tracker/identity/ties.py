"""Ties: what one alias knows of those that it was seen with, and which customer follows from it.

Aliases are the nodes of a graph, touchpoints that carry two of them its edges. A customer is a unique name and what is
connected to it, where of two ways to different unique names the one counts whose youngest edge is older; without a
unique name the strongest alias stands for all. So who belongs to whom depends on the set of edges alone, and each
alias can find it out at its own home from what its peers tell (docs/identity.md).
It knows no records and no partitions.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.routed import Offer, Ruling, Tie, Weight
from tracker.identity.kinds import Kinds

# Whoever is more than so many steps away stays alone: chains this long come from shared devices and from machines.
MAX_PATH: Final = 12
NEVER_MS: Final = 1 << 62


class Edge(msgspec.Struct, array_like=True, gc=False):
    """What is known of one peer."""

    at_ms: int = NEVER_MS
    """When both were first seen together; NEVER_MS where only a ruling says so."""
    event_id: str = ""
    """The touchpoint that carried both."""
    offer: Offer | None = None
    """Whom the peer belongs to, as it told last."""
    ruled_ms: int = -1
    """When a person decided on it last."""
    is_cut: bool = False
    """A person said that the two are not one."""


class Ties(msgspec.Struct, array_like=True, gc=False):
    """Everything that a name remembers of its peers."""

    edges: dict[str, Edge] = {}
    """By the peer's name."""
    offered: Offer | None = None
    """The offer that the peers were sent; None stands for the name itself alone."""
    adopted: dict[str, bytes] = {}
    """Of a customer: by alias, the short ids of the touchpoints that came under it."""
    refused: tuple[str, ...] = ()
    """Unique names that were reported as conflicts."""
    end: bool = True
    """Makes the last byte differ from that of a record without ties."""

    def see(self, peer: str, at_ms: int, event_id: str, fresh: set[str]) -> None:
        """Take in that a touchpoint carried both names; `fresh` gets peers who must be told."""
        edge = self.edges.get(peer)
        if edge is None:
            edge = self.edges[peer] = Edge()
        if (at_ms, event_id) < (edge.at_ms, edge.event_id) or edge.at_ms == NEVER_MS:
            edge.at_ms, edge.event_id = at_ms, event_id
            fresh.add(peer)

    def hear(self, message: Tie, fresh: set[str]) -> None:
        """Take in what a peer says. Who hears of the peer for the first time, or knows an older tie, answers."""
        edge = self.edges.get(message.peer)
        if edge is None:
            edge = self.edges[message.peer] = Edge(message.at_ms, message.event_id)
            fresh.add(message.peer)
        elif (message.at_ms, message.event_id) < (edge.at_ms, edge.event_id):
            edge.at_ms, edge.event_id = message.at_ms, message.event_id
        elif (message.at_ms, message.event_id) != (edge.at_ms, edge.event_id):
            fresh.add(message.peer)
        edge.offer = message.offer

    def obey(self, message: Ruling, fresh: set[str]) -> None:
        """Take in a person's ruling; of a link and a cut at one moment the cut holds."""
        edge = self.edges.get(message.peer)
        if edge is None:
            edge = self.edges[message.peer] = Edge()
        if (message.at_ms, not message.linked) > (edge.ruled_ms, edge.is_cut):
            edge.ruled_ms, edge.is_cut = message.at_ms, not message.linked
            if edge.is_cut:
                # Nothing is said across a cut, so this would grow old; a ruling that ends the cut has it said anew.
                edge.offer = None
            fresh.add(message.peer)


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Ties).decode
_NO_TIES: Final = b"\xc4\x00"


def may_have_ties(record: bytes) -> bool:
    """False where a stored record surely has no ties: a look at its end instead of decoding it."""
    return not record.endswith(_NO_TIES)


def read(data: bytes) -> Ties:
    """The ties in a record's field, empty where there are none."""
    return _decode(data) if data else Ties()


def write(ties: Ties) -> bytes:
    """Ties as a record's field."""
    return _encode(ties) if ties.edges or ties.adopted else b""


def root(name: str, ties: Ties) -> str:
    """The customer whom the name belongs to; itself where it belongs to nobody else."""
    return ties.offered.path[0] if ties.offered is not None else name


def choose(name: str, ties: Ties, kinds: Kinds) -> Offer:
    """Whom a name belongs to, by all that it knows."""
    alone = Offer((name,))
    if kinds.is_unique(name):
        return alone
    best, best_rank = alone, _rank(alone, "", kinds)
    for peer, edge in ties.edges.items():
        offer = edge.offer
        if edge.is_cut or offer is None or name in offer.path or len(offer.path) >= MAX_PATH:
            continue
        if edge.at_ms == NEVER_MS and edge.ruled_ms < 0:
            # The peer has heard of a ruling that is still on its way here.
            continue
        weight = _weight(name, peer, edge)
        if offer.weight is not None and offer.weight > weight:
            weight = offer.weight
        mine = Offer((*offer.path, name), weight)
        rank = _rank(mine, peer, kinds)
        if rank < best_rank:
            best, best_rank = mine, rank
    return best


def conflicts(name: str, ties: Ties, kinds: Kinds) -> dict[str, Edge]:
    """Unique names that the name was tied to and does not belong to, with the edge that says so."""
    if kinds.is_unique(name):
        # Its aliases' homes decide, and tell.
        return {}
    mine = root(name, ties)
    found: dict[str, Edge] = {}
    for edge in ties.edges.values():
        if edge.offer is None or edge.is_cut or name in edge.offer.path:
            continue
        other = edge.offer.path[0]
        if other != mine and kinds.is_unique(other):
            found[other] = min(found.get(other, edge), edge, key=lambda one: (one.at_ms, one.event_id))
    return found


def excess(ties: Ties, kinds: Kinds) -> list[str]:
    """The peers beyond the limits of their kinds, and of all: the earliest stay."""
    if len(ties.edges) <= kinds.least_limit:
        return []
    left, total, over = dict(kinds.limits), kinds.limit, []
    for peer, _ in sorted(ties.edges.items(), key=lambda item: (_moment(item[1]), item[0])):
        kind = kinds.kind_of(peer)
        if total <= 0 or left.get(kind, 1) <= 0:
            over.append(peer)
            continue
        total -= 1
        if kind in left:
            left[kind] -= 1
    return over


def aliases(ties: Ties) -> Iterable[str]:
    """Whom the name is tied to."""
    return (peer for peer, edge in ties.edges.items() if not edge.is_cut)


def _moment(edge: Edge) -> tuple[int, str]:
    # What a person said is known from then on; what was seen, since it was.
    return (edge.at_ms, edge.event_id) if edge.at_ms != NEVER_MS else (edge.ruled_ms, "")


def _weight(name: str, peer: str, edge: Edge) -> Weight:
    one, other = sorted((name, peer))
    return (*_moment(edge), one, other)


def _rank(offer: Offer, peer: str, kinds: Kinds) -> tuple[object, ...]:
    """Lower is better: a unique customer by the oldest way, else the strongest alias by the shortest."""
    customer, length = offer.path[0], len(offer.path)
    if kinds.is_unique(customer):
        return (0, offer.weight, length, peer)
    return (1, kinds.strength(customer), customer, length, peer)
