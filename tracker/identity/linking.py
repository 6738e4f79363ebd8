"""Linking: what one batch does to a name that is tied to others, or is about to be.

A name's home decides whom the name belongs to (`tracker/identity/ties.py`), sends its touchpoints and its history
there, and has them sent back when that changes; a customer's home takes them in and remembers under which alias each
came. All of it travels through the aliases' homes in order, and every message may come twice (docs/identity.md).
It knows records and messages; partitions and stores are the planner's affair.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from schemas.routed import (
    Adopted,
    Enrolled,
    Forget,
    History,
    Member,
    Offer,
    Release,
    Routed,
    RoutedTouchpoint,
    Ruling,
    Tie,
)
from schemas.transition import Kind, Transition, Why
from tracker.engine.customer import Change, CustomerFold
from tracker.identity import membership
from tracker.identity.accounts import AccountFold
from tracker.identity.histories import Histories, Views, short_ids
from tracker.identity.kinds import KINDS, Kinds
from tracker.identity.ties import NEVER_MS, Edge, Ties, choose, conflicts, excess, may_have_ties, read, root, write
from tracker.records.log import ID_BYTES, short_id
from tracker.records.state import VERSION, Record, decode, encode, ties_of
from tracker.touch import Touch

Original = tuple[bytes, int | None]
"""A touchpoint's bytes, and when the broker first had them."""

# Ids of an alias' touchpoints are looked through for those that are in the log no more when they are more than these.
PRUNE_FROM: Final = 64 * ID_BYTES


class Incoming(msgspec.Struct, gc=False):
    """What a batch brings for one name besides its own touchpoints."""

    links: list[tuple[str, int, str]] = []
    """Weaker names that it was seen with, when (ms), and in which touchpoint."""
    originals: list[Original] = []
    """Of a name that may belong to another: its own touchpoints as they came, in the order of the touches."""
    under: list[tuple[str, Touch]] = []
    """Touchpoints that count for it, and the alias under which each came."""
    messages: list[Tie | Ruling | History | Release | Adopted | Forget | Member | Enrolled] = []


@dataclass(slots=True)
class Relation:
    """What came of it."""

    change: Change
    messages: list[Routed]
    counts: Counter[str]


class Linking:
    """Relates names to each other, for some journeys and kinds of alias."""

    def __init__(self, journeys: CustomerFold, kinds: Kinds = KINDS) -> None:
        self.journeys = journeys
        self.histories = Histories(journeys)
        self.kinds = kinds
        self.membership = membership.Membership(journeys)
        self.accounts = AccountFold(journeys)

    @staticmethod
    def concerns(incoming: Incoming, before: bytes | None) -> bool:
        """Whether a batch changes anything between names; else a name's own touchpoints are all there is."""
        if incoming.messages or incoming.under:
            return True
        if before is None or not may_have_ties(before):
            return bool(incoming.links)
        ties = read(ties_of(before))
        if ties.told is not None:
            return True
        for peer, at_ms, event_id in incoming.links:
            edge = ties.edges.get(peer)
            if edge is None or at_ms < edge.at_ms or (at_ms == edge.at_ms and event_id < edge.event_id):
                return True
        return False

    def relate(
        self, name: str, before: bytes | None, touches: Sequence[Touch], incoming: Incoming, now_ms: int
    ) -> Relation:
        """The name after a batch; `touches` are its own."""
        one = _One(self, name, decode(before) if before is not None else Record(VERSION, []), incoming, now_ms)
        one.notice()
        one.tell()
        reported_before = self.histories.views(one.record)
        one.leave()
        one.take_in()
        one.give_back()
        one.join_late()
        if one.is_divided:
            one.correct(reported_before)
        one.gather()
        change = one.fold(touches)
        one.tell_accounts(change)
        if one.is_divided or one.is_gathered:
            self._add_difference(change, before, one.before_fold)
        change.transitions[:0] = one.transitions
        return Relation(change, one.messages, one.counts)

    def _add_difference(self, change: Change, before: bytes | None, after: bytes) -> None:
        """What dividing and joining did to the figures, besides the fold."""
        for field_name, count in self.journeys.contribution(after).items():
            change.aggregates[field_name] = change.aggregates.get(field_name, 0) + count
        for field_name, count in self.journeys.contribution(before).items() if before is not None else ():
            change.aggregates[field_name] = change.aggregates.get(field_name, 0) - count


class _One:
    """One name while a batch is brought to it."""

    def __init__(self, linking: Linking, name: str, record: Record, incoming: Incoming, now_ms: int) -> None:
        self.name, self.record, self.incoming, self.now_ms = name, record, incoming, now_ms
        self.ties = read(record.ties)
        self.was = self.belongs = root(name, self.ties)
        self.messages: list[Routed] = []
        self.transitions: list[Transition] = []
        self.counts: Counter[str] = Counter()
        self.is_divided = False
        """Whether touchpoints came or went otherwise than by the fold."""
        self.is_gathered = False
        """Whether the name is an account and has heard of its people."""
        self.account_links = membership.read(record.account_links)
        self._marked = set(self.account_links.marks)
        self.before_fold = b""
        self._journeys, self._histories, self._kinds = linking.journeys, linking.histories, linking.kinds
        self._membership, self._accounts = linking.membership, linking.accounts

    def notice(self) -> None:
        """Take in what was seen and told, decide anew whom the name belongs to, and tell the peers who must know."""
        ties, fresh = self.ties, set[str]()
        for peer, at_ms, event_id in self.incoming.links:
            if self._kinds.links(peer):
                _see(ties, peer, at_ms, event_id, fresh)
        self._listen(fresh)
        self._refuse_excess(fresh)
        offer = choose(self.name, ties, self._kinds)
        if offer != (ties.told or Offer((self.name,))):
            ties.told = offer if len(offer.path) > 1 else None
            fresh.update(peer for peer in ties.edges if not self._kinds.is_unique(peer))
        for peer in sorted(fresh):
            edge = ties.edges[peer]
            if not edge.is_cut:
                self.messages.append(Tie(peer, self.name, edge.at_ms, edge.event_id, offer))
        self.belongs = root(self.name, ties)

    def _listen(self, fresh: set[str]) -> None:
        """Take in what peers and persons say of the name."""
        edges = self.ties.edges
        for message in self.incoming.messages:
            if isinstance(message, Tie):
                _hear(self.ties, message, fresh)
                if self._kinds.is_unique(self.name):
                    # Nobody's offer concerns it, and so it is not told when one changes.
                    edges[message.peer].offer = None
            elif isinstance(message, Ruling):
                _obey(self.ties, message, fresh)
            elif isinstance(message, Forget):
                edges.pop(message.peer, None)
                fresh.discard(message.peer)

    def _refuse_excess(self, fresh: set[str]) -> None:
        """Forget the youngest peers of too many; those that were told otherwise before are told so."""
        for peer in excess(self.ties, self._kinds):
            known = self.ties.edges.pop(peer)
            self.counts["aliases_refused"] += 1
            if peer not in fresh:
                self.messages.append(Tie(peer, self.name, known.at_ms, known.event_id))
            fresh.discard(peer)

    def tell(self) -> None:
        """Tell of the name's new customer, and of customers who claim the name and do not get it, each once."""
        if self.belongs != self.was:
            self.transitions.append(_moved(self.name, self.was, self.belongs, self.ties, self.now_ms))
        refused = conflicts(self.name, self.ties, self._kinds)
        for other in sorted(refused.keys() - set(self.ties.refused)):
            edge = refused[other]
            self.counts["conflicts"] += 1
            self.transitions.append(
                Transition(
                    kind="conflict", customer=self.belongs, journey="", version=0, alias=self.name, other=other,
                    at_ms=min(edge.at_ms, self.now_ms), why=Why(edge.event_id or None),
                )
            )  # fmt: skip
        self.ties.refused = tuple(sorted(refused))

    def leave(self) -> None:
        """Send the name's history to its new customer, or have it sent back by the old one."""
        if self.belongs == self.was:
            return
        if self.was != self.name:
            self.messages.append(Release(self.was, self.name))
            return
        others = {short for ids in self.ties.adopted.values() for short in short_ids(ids)}
        history = self._histories.extract_own(self.record, others)
        history.account_links = membership.give(self.account_links, self.name)
        if history.journeys or history.account_links:
            self.messages.append(History(self.belongs, self.name, encode(history)))
            self.is_divided = True

    def take_in(self) -> None:
        """Join histories that have come home, or send them on."""
        for message in self.incoming.messages:
            if not isinstance(message, History):
                continue
            if message.alias == self.name and self.belongs != self.name:
                self.messages.append(History(self.belongs, self.name, message.record))
                continue
            history = decode(message.record)
            new = self._histories.merge(self.record, history)
            membership.adopt(self.account_links, message.alias, history.account_links)
            self.is_divided = True
            if message.alias != self.name:
                self._tag(message.alias, new)

    def give_back(self) -> None:
        """Send back the history of aliases that belong to another, and ask for one that is held elsewhere.

        What is held of an erased alias goes nowhere.
        """
        for message in self.incoming.messages:
            if isinstance(message, Release) and self._holds(message.alias):
                ids = short_ids(self.ties.adopted.pop(message.alias, b""))
                history = self._histories.extract(self.record, ids)
                history.account_links = membership.give(self.account_links, message.alias)
                self.messages.append(History(message.alias, message.alias, encode(history)))
                self.is_divided = True
            elif isinstance(message, Adopted) and message.by != self.belongs:
                self.messages.append(Release(message.by, self.name))
            elif isinstance(message, Forget) and self._holds(message.peer):
                self._histories.extract(self.record, short_ids(self.ties.adopted.pop(message.peer, b"")))
                membership.give(self.account_links, message.peer)
                self.is_divided = True

    def _holds(self, alias: str) -> bool:
        return alias in self.ties.adopted or (alias in self.account_links.marks and alias != self.name)

    def join_late(self) -> None:
        """Join touchpoints of aliases that lie beyond the lateness horizon as the alias' history would be.

        How long they were on their way between homes says nothing of how late they are.
        """
        in_time: list[tuple[str, Touch]] = []
        for alias, touch in self.incoming.under:
            history = Record(VERSION, [])
            if self._histories.is_beyond(self.record, touch.at_ms):
                history = decode(self._journeys.fold(self.name, None, [touch], self.now_ms).after)
            if not history.journeys:
                in_time.append((alias, touch))
                continue
            self._membership.mark(self.account_links, alias, [touch])
            new = self._histories.merge(self.record, history)
            self.is_divided = True
            self.counts["applied" if new else "duplicate"] += 1
            self._tag(alias, new)
        self.incoming.under = in_time

    def correct(self, before: Views) -> None:
        """Tell what had been reported and holds no more."""
        self.transitions += self._histories.corrections(self.name, self.record, before, self.now_ms)

    def gather(self) -> None:
        """As an account, take in the news of its people."""
        news = [message for message in self.incoming.messages if isinstance(message, Member)]
        if not news:
            return
        self.is_gathered = True
        gathered = self._accounts.gather(self.name, self.record, self.account_links, news, self.now_ms)
        self.messages += gathered.messages
        self.transitions += gathered.transitions
        self.counts["members_refused"] += gathered.refused

    def fold(self, touches: Sequence[Touch]) -> Change:
        """Fold what counts for the name; its own touchpoints go on where it belongs to another."""
        folded = list(touches) if self.belongs == self.name else []
        if self.belongs != self.name:
            self.messages += [
                RoutedTouchpoint(value, at_ms, self.belongs, self.name) for value, at_ms in self.incoming.originals
            ]
            self.counts["forwarded"] += len(self.incoming.originals)
        self._membership.mark(self.account_links, self.name, folded)
        folded += [touch for _, touch in self.incoming.under]
        for alias, touch in self.incoming.under:
            self._membership.mark(self.account_links, alias, [touch])
        held = self._histories.ids(self.record) if self.incoming.under else set()
        self.record.ties = write(self.ties)
        self.record.account_links = membership.write(self.account_links)
        self.before_fold = encode(self.record)
        change = self._journeys.fold(self.name, self.before_fold, folded, self.now_ms)
        if self.incoming.under:
            self._remember(change, held)
        return change

    def tell_accounts(self, change: Change) -> None:
        """Tell accounts how far the name has come after the fold; aliases that brought it there are confirmed."""
        new = self.account_links.marks.keys() - self._marked - self.ties.adopted.keys() - {self.name}
        self.messages += [Adopted(alias, self.name) for alias in sorted(new)]
        asked = [message for message in self.incoming.messages if isinstance(message, Enrolled)]
        if not (self.account_links.marks or self.account_links.reported or asked):
            return
        record = decode(change.after)
        self.messages += self._membership.tell(self.name, record, self.account_links)
        for message in asked:
            self.messages += self._membership.answer(self.name, self.account_links, message)
        record.account_links = membership.write(self.account_links)
        change.after = encode(record)

    def _remember(self, change: Change, held: set[bytes]) -> None:
        """Note under which alias the touchpoints came that are in the log now."""
        record = decode(change.after)
        there = self._histories.ids(record)
        for alias, touch in self.incoming.under:
            short = short_id(touch.event_id)
            if short in there and short not in held:
                self._tag(alias, {short})
                held.add(short)
        for alias, ids in self.ties.adopted.items():
            if len(ids) > PRUNE_FROM:
                self.ties.adopted[alias] = b"".join(sorted(short_ids(ids) & there))
        record.ties = write(self.ties)
        change.after = encode(record)

    def _tag(self, alias: str, ids: set[bytes]) -> None:
        """Note touchpoints of an alias; the first ones are confirmed by its home."""
        adopted = self.ties.adopted
        new = ids - short_ids(adopted.get(alias, b""))
        if not new:
            return
        if alias not in adopted:
            self.messages.append(Adopted(alias, self.name))
        adopted[alias] = adopted.get(alias, b"") + b"".join(sorted(new))


def _see(ties: Ties, peer: str, at_ms: int, event_id: str, fresh: set[str]) -> None:
    """Two names in one touchpoint."""
    edge = ties.edges.get(peer)
    if edge is None:
        edge = ties.edges[peer] = Edge()
    if (at_ms, event_id) < (edge.at_ms, edge.event_id) or edge.at_ms == NEVER_MS:
        edge.at_ms, edge.event_id = at_ms, event_id
        fresh.add(peer)


def _hear(ties: Ties, message: Tie, fresh: set[str]) -> None:
    """What a peer tells. Who hears of the peer for the first time, or knows an older tie, answers."""
    edge = ties.edges.get(message.peer)
    if edge is None:
        edge = ties.edges[message.peer] = Edge(message.at_ms, message.event_id)
        fresh.add(message.peer)
    elif (message.at_ms, message.event_id) < (edge.at_ms, edge.event_id):
        edge.at_ms, edge.event_id = message.at_ms, message.event_id
    elif (message.at_ms, message.event_id) != (edge.at_ms, edge.event_id):
        fresh.add(message.peer)
    edge.offer = message.offer


def _obey(ties: Ties, message: Ruling, fresh: set[str]) -> None:
    """What a person said; at one moment the cut holds."""
    edge = ties.edges.get(message.peer)
    if edge is None:
        edge = ties.edges[message.peer] = Edge()
    if (message.at_ms, not message.linked) > (edge.ruled_ms, edge.is_cut):
        edge.ruled_ms, edge.is_cut = message.at_ms, not message.linked
        if edge.is_cut:
            # Nothing is told across a cut, so this would grow old; a ruling that takes the cut back has it told anew.
            edge.offer = None
        fresh.add(message.peer)


def _moved(name: str, was: str, belongs: str, ties: Ties, now_ms: int) -> Transition:
    """The name belongs to another customer from here on, or to nobody but itself."""
    kind: Kind = "unlinked" if belongs == name else "linked"
    why = Why(ties.told.weight[1] or None) if ties.told is not None and ties.told.weight is not None else Why()
    return Transition(
        kind=kind, customer=belongs if kind == "linked" else was, journey="", version=0, alias=name, at_ms=now_ms,
        why=why,
    )  # fmt: skip
