"""Who is who, found out the plain way: a union-find over all edges at once, in the order of their age.

Written from docs/identity.md and not from `tracker/identity/ties.py`, which it is compared with.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tracker.engine.customer import CustomerFold
from tracker.touch import Touch


class Seen(NamedTuple):
    """Two names in one touchpoint."""

    at_ms: int
    event_id: str
    one: str
    other: str
    is_browser: bool = False


def _strength(name: str) -> tuple[int, str]:
    kind = name.partition(":")[0]
    if ":" in name and "@" in kind:
        return 1, name
    for place, listed in enumerate(("anonymous_id", "email_sha256", "phone_sha256"), 2):
        if kind == listed:
            return place, name
    return 0, name


def _age(edge: Seen) -> tuple[bool, int, str, str, str]:
    one, other = sorted((edge.one, edge.other))
    return edge.is_browser, edge.at_ms, edge.event_id, one, other


def _accepted(edges: Iterable[Seen]) -> list[Seen]:
    """The edges, the oldest first, that neither end refuses: each keeps its oldest one to each scoped kind."""
    in_order = sorted(set(edges), key=_age)
    first: dict[tuple[str, str], str] = {}
    ends = [(end, peer) for edge in in_order for end, peer in ((edge.one, edge.other), (edge.other, edge.one))]
    for end, peer in ends:
        if _strength(peer)[0] == 1:
            first.setdefault((end, peer.partition(":")[0]), peer)
    return [
        edge
        for edge in in_order
        if first.get((edge.one, edge.other.partition(":")[0]), edge.other) == edge.other
        and first.get((edge.other, edge.one.partition(":")[0]), edge.one) == edge.one
    ]


def people(edges: Iterable[Seen], cut: Iterable[frozenset[str]] = ()) -> dict[str, str]:
    """By name: the customer whom it belongs to. Two names of strength 0 never belong together.

    Servers first: what they have tied is then as fixed as a name of strength 0, to whom browsers add others.
    `cut`: pairs that a person has separated.
    """
    cuts = set(cut)
    seen = [edge for edge in edges if frozenset((edge.one, edge.other)) not in cuts]
    accepted = _accepted(seen)
    anchored = {name for edge in accepted for name in (edge.one, edge.other) if not edge.is_browser}
    members: dict[str, set[str]] = {}

    def is_fixed(name: str, *, for_browsers: bool) -> bool:
        return _strength(name)[0] == 0 or (for_browsers and name in anchored)

    def group(name: str) -> set[str]:
        return members.setdefault(name, {name})

    for edge in accepted:
        one, other = group(edge.one), group(edge.other)
        if one is other:
            continue
        if all(any(is_fixed(name, for_browsers=edge.is_browser) for name in each) for each in (one, other)):
            continue
        one |= other
        for name in other:
            members[name] = one

    def rank(name: str) -> tuple[bool, int, str]:
        return (not is_fixed(name, for_browsers=True), *_strength(name))

    # A name of strength 0 stands for all, in whatever way it came; else the strongest that a server has tied.
    return {name: min(sorted(each, key=rank), key=lambda one: _strength(one)[0] > 0) for name, each in members.items()}


def by_customer(touches: Iterable[Touch]) -> dict[str, list[Touch]]:
    """All touches, sorted by who is who."""
    every = list(touches)
    who = people(
        Seen(one.at_ms, one.event_id, one.customer, link, one.is_browser) for one in every for link in one.links
    )
    theirs: dict[str, list[Touch]] = {}
    for one in every:
        theirs.setdefault(who.get(one.customer, one.customer), []).append(one)
    return theirs


def counted(journeys: CustomerFold, record: bytes) -> Mapping[str, int]:
    """What a record adds to the figures, without what the order of arrival alone decides."""
    return {field: count for field, count in journeys.contribution(record).items() if not field.endswith("corrections")}
