"""Ties: what one alias knows of the names that it was seen with, and the customer that follows from it.

Aliases are the nodes of a graph; a touchpoint that carries two of them is an edge. A customer is a unique name and all
that is connected to it. Where paths lead to different unique names, the path counts whose youngest edge is older. In a
component without a unique name the strongest alias stands for all. So who belongs to whom depends only on the set of
edges, and not on the order in which they arrive. A browser's edges come after all of a server's
(`tracker/identity/trust.py`), and a name that a server has tied to another takes no offer from them. Each alias
computes it at its own home from the offers of its peers, as in a distance-vector routing protocol (docs/identity.md).
It knows no records and no partitions.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.routed import Clearance, Offer, Ruling, Tie, Weight
from tracker.identity.kinds import Kinds
from tracker.identity.trust import NEVER_MS, is_by_server
from tracker.records.state import UnreadableStateError

# A name farther than this from its customer stays alone: paths this long come from shared devices and machines.
MAX_PATH: Final = 12
QUESTION: Final = "?"
"""Instead of a touchpoint, in a tie that is no news: the peer, who knows the edge, answers with its present offer."""


class Edge(msgspec.Struct, array_like=True, gc=False):
    """What is known of one peer."""

    at_ms: int = NEVER_MS
    """When both were first seen together, by a server if by any (`tracker/identity/trust.py`); NEVER_MS where only a
    ruling says so."""
    event_id: str = ""
    """The touchpoint that carried both."""
    offer: Offer | None = None
    """The customer that the peer belongs to, by its last message."""
    ruled_ms: int = -1
    """When a person last ruled on it; -1 for never."""
    is_cut: bool = False
    """A person ruled that the two names are not one customer."""


class Ties(msgspec.Struct, array_like=True, gc=False):
    """Everything that a name remembers of its peers."""

    edges: dict[str, Edge] = {}
    """By the peer's name."""
    offered: Offer | None = None
    """The last offer sent to the peers; None stands for an offer of the name alone."""
    adopted: dict[str, bytes] = {}
    """Of a customer: by alias, the short ids of the touchpoints that came under it."""
    refused: tuple[str, ...] = ()
    """Names that were reported as conflicts."""
    end: bool = True
    """The end of this structure before version 0.2."""
    held: tuple[str, ...] = ()
    """Peers that are refused (`tracker/identity/refusals.py`), as last told to them."""
    suspect_ms: int = -1
    """When the name became suspect, as a moment that is compared (`tracker/identity/trust.py`); -1 where it is not."""
    cleared_ms: int = -1
    """When a person last ruled on the suspicion; -1 for never."""
    is_cleared: bool = False
    """A person ruled that the name is not suspect, whatever it gathers."""
    close: bool = True
    """Makes the last byte differ from that of a record without ties (see `may_have_ties`)."""

    def see(self, peer: str, at_ms: int, event_id: str, fresh: set[str]) -> None:
        """Apply that a touchpoint carried both names; peers that need a message are added to `fresh`."""
        edge = self.edges.get(peer)
        if edge is None:
            edge = self.edges[peer] = Edge()
        # The earliest touchpoint is the edge, a server's before a browser's, whichever arrives first: both ends then
        # know the same one.
        if (at_ms, event_id) < (edge.at_ms, edge.event_id) or edge.at_ms == NEVER_MS:
            edge.at_ms, edge.event_id = at_ms, event_id
            fresh.add(peer)

    def hear(self, message: Tie, fresh: set[str]) -> None:
        """Apply a peer's message. A name that did not know the peer, or knows an older edge, answers."""
        edge = self.edges.get(message.peer)
        if edge is None:
            edge = self.edges[message.peer] = Edge(message.at_ms, message.event_id)
            fresh.add(message.peer)
        elif (message.at_ms, message.event_id) < (edge.at_ms, edge.event_id):
            edge.at_ms, edge.event_id = message.at_ms, message.event_id
        elif (message.at_ms, message.event_id) != (edge.at_ms, edge.event_id):
            fresh.add(message.peer)
        edge.offer = message.offer

    def hear_late(self, message: Tie, fresh: set[str]) -> None:
        """Apply what stays true of a peer's message that came outside of its order: the edge, and not the offer."""
        self.see(message.peer, message.at_ms, message.event_id, fresh)

    def obey(self, message: Ruling, fresh: set[str]) -> None:
        """Apply a person's ruling; of a link and a cut at the same moment the cut holds."""
        edge = self.edges.get(message.peer)
        if edge is None:
            edge = self.edges[message.peer] = Edge()
        if (message.at_ms, not message.linked) > (edge.ruled_ms, edge.is_cut):
            edge.ruled_ms, edge.is_cut = message.at_ms, not message.linked
            if edge.is_cut:
                # No messages cross a cut, so the offer would become stale. A ruling that ends the cut brings a new one.
                edge.offer = None
            fresh.add(message.peer)

    def clear(self, message: Clearance) -> None:
        """Apply a person's ruling on the suspicion; the latest holds."""
        latest = max((self.cleared_ms, self.is_cleared), (message.at_ms, message.is_cleared))
        self.cleared_ms, self.is_cleared = latest


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Ties).decode
_NO_TIES: Final = b"\xc4\x00"


def may_have_ties(record: bytes) -> bool:
    """False where a stored record surely has no ties: a look at its last bytes instead of decoding it."""
    return not record.endswith(_NO_TIES)


def read(data: bytes) -> Ties:
    """The ties in a record's field, empty where there are none; raises UnreadableStateError."""
    try:
        return _decode(data) if data else Ties()
    except msgspec.MsgspecError as error:
        raise UnreadableStateError(f"ties: {error}") from error


def write(ties: Ties) -> bytes:
    """Ties as a record's field."""
    return _encode(ties) if ties.edges or ties.adopted else b""


def root(name: str, ties: Ties) -> str:
    """The customer that the name belongs to; the name itself where it belongs to no other."""
    return ties.offered.path[0] if ties.offered is not None else name


def is_anchored(ties: Ties) -> bool:
    """Whether a server, or a ruling, has tied the name to another that agrees. Browsers then do not move it."""
    # A peer without an offer may have refused the tie; a name learns that only where it was first to know of it.
    return any(
        not edge.is_cut
        and edge.offer is not None
        and peer not in ties.held
        and is_by_server(at_ms := moment(edge)[0])
        and at_ms >= 0
        for peer, edge in ties.edges.items()
    )


def alone(name: str, ties: Ties, kinds: Kinds) -> Offer:
    """The offer of a name that belongs to itself."""
    return Offer((name,), None, not kinds.is_unique(name) and is_anchored(ties))


def choose(name: str, ties: Ties, kinds: Kinds) -> Offer:
    """The best offer for a name, by everything that it knows."""
    best = alone(name, ties, kinds)
    if kinds.is_unique(name):
        return best
    keeps, best_rank = best.is_anchored, _rank(best, "", kinds)
    for peer, edge in ties.edges.items():
        offer = edge.offer
        # An offer whose path contains the name came from it. Taking it back would keep a lost customer alive in a loop.
        if edge.is_cut or offer is None or name in offer.path or len(offer.path) >= MAX_PATH or peer in ties.held:
            continue
        if edge.at_ms == NEVER_MS and edge.ruled_ms < 0:
            # The peer already knows a ruling that has not arrived here yet.
            continue
        weight = _weight(name, peer, edge)
        if offer.weight is not None and offer.weight > weight:
            weight = offer.weight
        if is_by_server(weight[0]):
            mine = Offer((*offer.path, name), weight)
        elif keeps:
            continue
        else:
            mine = Offer((*offer.path, name), weight, offer.is_anchored or _shows_server(offer))
        rank = _rank(mine, peer, kinds)
        if rank < best_rank:
            best, best_rank = mine, rank
    return best


def conflicts(name: str, ties: Ties, kinds: Kinds) -> dict[str, Edge]:
    """By name that claims the name without getting it, a unique one or a refused peer: the edge of the claim."""
    found = {peer: ties.edges[peer] for peer in ties.held}
    if kinds.is_unique(name):
        # The homes of its aliases decide, and report the conflict.
        return found
    mine = root(name, ties)
    for peer, edge in ties.edges.items():
        if edge.offer is None or edge.is_cut or name in edge.offer.path or peer in ties.held:
            continue
        other = edge.offer.path[0]
        if other != mine and kinds.is_unique(other):
            found[other] = min(found.get(other, edge), edge, key=lambda one: (one.at_ms, one.event_id))
    return found


def excess(ties: Ties, kinds: Kinds) -> list[str]:
    """The peers beyond the limits by kind and in all; the earliest peers stay."""
    if len(ties.edges) <= kinds.least_limit:
        return []
    left, total, over = dict(kinds.limits), kinds.limit, []
    for peer, _ in sorted(ties.edges.items(), key=lambda item: (moment(item[1]), item[0])):
        kind = kinds.kind_of(peer)
        if total <= 0 or left.get(kind, 1) <= 0:
            over.append(peer)
            continue
        total -= 1
        if kind in left:
            left[kind] -= 1
    return over


def aliases(ties: Ties) -> Iterable[str]:
    """The names that the name is tied to."""
    return (peer for peer, edge in ties.edges.items() if not edge.is_cut)


def moment(edge: Edge) -> tuple[int, str]:
    """The age of an edge: from a server's first sight, else from a ruling if there is any, else from a browser's."""
    is_ruled = edge.at_ms == NEVER_MS or (edge.ruled_ms >= 0 and not is_by_server(edge.at_ms))
    return (edge.ruled_ms, "") if is_ruled else (edge.at_ms, edge.event_id)


def _weight(name: str, peer: str, edge: Edge) -> Weight:
    one, other = sorted((name, peer))
    return (*moment(edge), one, other)


def _shows_server(offer: Offer) -> bool:
    """Whether the path of an offer has edges of servers alone, and any."""
    return offer.weight is not None and is_by_server(offer.weight[0])


def _rank(offer: Offer, peer: str, kinds: Kinds) -> tuple[object, ...]:
    """Lower is better: a unique customer by the oldest path, else the strongest alias by the shortest.

    To a name that only browsers have tied, a customer whom a server has tied is as good as a unique one.
    The name of the peer breaks the last tie, so every home decides alike.
    """
    customer, length = offer.path[0], len(offer.path)
    if offer.weight is not None and (offer.is_anchored or kinds.is_unique(customer)):
        return (0, offer.weight, length, peer)
    return (1, kinds.strength(customer), customer, length, peer)
