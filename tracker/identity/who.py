"""Who is who, for a replay: the customer of each name in a whole set, by the rules of `tracker/identity/ties.py`.

The homes of names send each other offers in messages; here the offers are exchanged at once, until none changes. So a
replay resolves identities as the live tracker does (docs/identity.md). It knows no files and no journeys.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from schemas.routed import Offer
from tracker.identity.kinds import KINDS, Kinds
from tracker.identity.refusals import refusals
from tracker.identity.ties import Edge, Ties, choose, excess

Moment = tuple[int, str]
"""When two names were seen together, by `tracker/identity/trust.py`, and in which touchpoint."""


class Who:
    """Collects names that were seen together, in any order, and finds the customer of each."""

    def __init__(self, kinds: Kinds = KINDS) -> None:
        self._kinds: Final = kinds
        self._first: dict[tuple[str, str], Moment] = {}

    def see(self, name: str, other: str, at_ms: int, event_id: str) -> None:
        """Note that a touchpoint carried both names; `at_ms` says its trust too."""
        pair, moment = (name, other) if name < other else (other, name), (at_ms, event_id)
        known = self._first.get(pair)
        if known is None or moment < known:
            self._first[pair] = moment

    def customers(self) -> dict[str, str]:
        """By name: the customer that it belongs to; names that belong only to themselves are left out."""
        found: dict[str, str] = {}
        for group in _groups(self._first):
            ties = self._ties(group)
            offers = _settled(ties, self._kinds)
            found.update((name, offer.path[0]) for name, offer in offers.items() if offer.path[0] != name)
        return found

    def _ties(self, group: Iterable[tuple[str, str]]) -> dict[str, Ties]:
        """The ties of each name that it does not refuse, before any offer."""
        ties: dict[str, Ties] = {}
        for name, other in group:
            at_ms, event_id = self._first[name, other]
            ties.setdefault(name, Ties()).edges[other] = Edge(at_ms, event_id)
            ties.setdefault(other, Ties()).edges[name] = Edge(at_ms, event_id)
        for one in ties.values():
            for peer in excess(one, self._kinds):
                del one.edges[peer]
            for peer in refusals(one, self._kinds).peers:
                del one.edges[peer]
        return ties


def _groups(pairs: Collection[tuple[str, str]]) -> Iterable[list[tuple[str, str]]]:
    """The pairs by connected component: components do not affect each other, and only one is held at a time."""
    of: dict[str, list[tuple[str, str]]] = {}
    for pair in pairs:
        for name in pair:
            of.setdefault(name, []).append(pair)
    for start in pairs:
        group: dict[tuple[str, str], None] = {}
        names = [start[0]]
        while names:
            for pair in of.pop(names.pop(), ()):
                group[pair] = None
                names += pair
        if group:
            yield list(group)


def _settled(ties: Mapping[str, Ties], kinds: Kinds) -> Mapping[str, Offer]:
    """The offer of each name when no offer changes any more."""
    offers: dict[str, Offer] = {}
    # Strong names first: their offers then rarely have to be replaced.
    line = deque(sorted(ties, key=kinds.strength))
    waiting = set(line)
    while line:
        name = line.popleft()
        waiting.discard(name)
        offer = choose(name, ties[name], kinds)
        if offer == offers.get(name):
            continue
        offers[name] = offer
        for peer in ties[name].edges:
            edge = ties[peer].edges.get(name)
            # A peer beyond its limits has dropped this name, and gets no offer.
            if edge is None:
                continue
            edge.offer = offer
            if peer not in waiting:
                waiting.add(peer)
                line.append(peer)
    return offers
