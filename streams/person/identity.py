"""One identity, as stored: every name of a customer, its ties, competing claims, and the rulings of operators.

It reads the records at the homes of the names; `tracker/identity/ties.py` decides who belongs to whom.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from streams.person.show import Stored, find, moment, opened
from streams.stores.keys import PREFIX, keys
from tracker.home import home
from tracker.identity.kinds import KINDS, Kinds
from tracker.identity.ties import Edge, Ties, may_have_ties, read, root
from tracker.identity.trust import NEVER_MS, seen_ms, trust_of
from tracker.records.state import decode

AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class IdentityMember:
    """One name, with its record."""

    stored: Stored
    ties: Ties

    @property
    def name(self) -> str:
        """The name."""
        return self.stored.customer

    @property
    def via(self) -> str | None:
        """The neighbour on its path to the customer; None for the customer."""
        return self.ties.offered.path[-2] if self.ties.offered is not None else None


@dataclass(slots=True)
class Identity:
    """A customer and all names that belong to them."""

    asked: str
    """The name by which it was found."""
    customer: str
    members: dict[str, IdentityMember] = field(default_factory=dict)
    """By name; the customer is first, if there is a record of them."""
    claimed: dict[str, tuple[str, Edge]] = field(default_factory=dict)
    """By alias that was seen with this identity and belongs to another one: its customer, and the edge."""

    @property
    def names(self) -> list[str]:
        """All names; the customer's own name is included even before its record exists."""
        return list(dict.fromkeys([self.customer, *self.members]))


def whole(
    client: Any,
    asked: str,
    partitions: int,
    kinds: Kinds = KINDS,
    prefix: str = PREFIX,
    *,
    hash_key: str | None = None,
) -> Identity:
    """The identity that a name belongs to. Raises TrackerError, NOT_FOUND."""
    found = _member(find(client, asked, partitions, prefix, kinds, hash_key=hash_key))
    identity = Identity(found.name, root(found.name, found.ties))
    seen, wanted = set[str](), [identity.customer, found.name]
    while wanted:
        page = [name for name in dict.fromkeys(wanted) if name not in seen]
        seen.update(page)
        wanted = []
        for member in members(client, page, partitions, prefix):
            if root(member.name, member.ties) != identity.customer:
                continue
            identity.members[member.name] = member
            wanted += [peer for peer, edge in member.ties.edges.items() if not edge.is_cut]
            wanted += member.ties.adopted
    _note_claims(identity, members(client, sorted(seen - identity.members.keys()), partitions, prefix))
    return identity


def members(client: Any, names: Iterable[str], partitions: int, prefix: str = PREFIX) -> Iterator[IdentityMember]:
    """Those of the names that have a record, in their order."""
    names = list(names)
    for at in range(0, len(names), AT_ONCE):
        page = names[at : at + AT_ONCE]
        with client.pipeline(transaction=False) as pipe:
            for name in page:
                pipe.hget(keys(home(name, partitions), prefix).states, name)
            records = pipe.execute()
        for name, record in zip(page, records, strict=True):
            if record is not None:
                yield _member(Stored(name, home(name, partitions), record))


def _member(stored: Stored) -> IdentityMember:
    return IdentityMember(stored, read(opened(stored).ties))


def _note_claims(identity: Identity, others: Iterable[IdentityMember]) -> None:
    for other in others:
        for member in identity.members.values():
            edge = member.ties.edges.get(other.name)
            if edge is not None and not edge.is_cut:
                identity.claimed[other.name] = (root(other.name, other.ties), edge)


def conflicts(
    client: Any, partitions: int, advance: Callable[[int], None] = lambda _names: None, prefix: str = PREFIX
) -> Iterator[dict[str, Any]]:
    """Every alias that more than one unique name claims, and every refused claim, partition by partition."""
    for name, ties in _tied(client, partitions, advance, prefix, lambda ties: bool(ties.refused)):
        yield _conflict(name, ties)


def suspects(
    client: Any,
    partitions: int,
    advance: Callable[[int], None] = lambda _names: None,
    prefix: str = PREFIX,
    *,
    kinds: Kinds = KINDS,
) -> Iterator[dict[str, Any]]:
    """Every name that is suspect, and every name that was cleared, partition by partition."""
    for name, ties in _tied(client, partitions, advance, prefix, lambda ties: ties.suspect_ms >= 0 or ties.is_cleared):
        peers = Counter(kinds.kind_of(peer) for peer, edge in ties.edges.items() if not edge.is_cut)
        yield {
            "name": name,
            "belongs_to": root(name, ties),
            "suspect_since": moment(seen_ms(ties.suspect_ms)) if ties.suspect_ms >= 0 else None,
            "released_at": moment(ties.cleared_ms) if ties.is_cleared else None,
            "seen_with": dict(sorted(peers.items())),
            "refused": len(ties.held),
        }


def _tied(
    client: Any, partitions: int, advance: Callable[[int], None], prefix: str, wanted: Callable[[Ties], bool]
) -> Iterator[tuple[str, Ties]]:
    """Every stored name whose ties are wanted, with them. Of the others it remembers none."""
    for partition in range(partitions):
        cursor: int | None = None
        reported: set[bytes] = set()
        while cursor != 0:
            cursor, page = client.hscan(keys(partition, prefix).states, cursor or 0, count=AT_ONCE)
            for name, record in page.items():
                # HSCAN may return a name several times.
                if name in reported or not may_have_ties(record):
                    continue
                ties = read(decode(record).ties)
                if wanted(ties):
                    reported.add(name)
                    yield name.decode(), ties
            advance(len(page))


def _conflict(name: str, ties: Ties) -> dict[str, Any]:
    return {
        "alias": name,
        "belongs_to": root(name, ties),
        "claimed_by": [{"customer": other, **_seen(ties.edges.get(other))} for other in ties.refused],
    }


def describe(identity: Identity) -> dict[str, Any]:
    """The whole identity as plain data: aliases, conflicts and cuts."""
    members = identity.members.values()
    return {
        "asked": identity.asked,
        "customer": identity.customer,
        "aliases": [
            {"alias": one.name, "with": one.via, **_seen(one.ties.edges.get(one.via or ""))}
            for one in members
            if one.name != identity.customer
        ],
        "conflicts": [
            *(_conflict(one.name, one.ties) for one in members if one.ties.refused),
            *(
                {"alias": name, "belongs_to": owner, "claimed_by": [{"customer": identity.customer, **_seen(edge)}]}
                for name, (owner, edge) in identity.claimed.items()
            ),
        ],
        "cuts": [
            {"alias": one.name, "from": peer, "ruled_at": moment(edge.ruled_ms)}
            for one in members
            for peer, edge in sorted(one.ties.edges.items())
            if edge.is_cut
        ],
    }


def _seen(edge: Edge | None) -> dict[str, Any]:
    """When, and in which event, two names were seen together; None values where only another record knows it."""
    if edge is None:
        return {"seen_at": None, "event_id": None, "trust": None, "ruled_at": None}
    is_seen = edge.at_ms != NEVER_MS
    return {
        "seen_at": moment(seen_ms(edge.at_ms)) if is_seen else None,
        "event_id": edge.event_id if is_seen else None,
        "trust": trust_of(edge.at_ms),
        "ruled_at": moment(edge.ruled_ms) if edge.ruled_ms >= 0 else None,
    }
