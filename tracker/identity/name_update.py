"""The update of one name by a batch, in numbered steps (the same as in docs/identity.md).

1. decide: apply what was seen and received, choose whom the name belongs to, and send that to the peers concerned;
2. announce: a new customer and refused claims become transitions;
3. hand over: the name's history goes to its new customer, or is asked back from the former one;
4. receive: histories that have arrived are merged, or sent on;
5. return history: the history of aliases that belong to another customer goes back to their homes;
6. merge late touchpoints of aliases in the same way as histories;
7. correct: what was reported and no longer holds becomes corrections;
8. count members: an account applies the messages about its people;
9. fold: touchpoints that count for the name are folded; its own are sent on if it belongs to another;
10. report to accounts: how far the name has come after the fold.

Before the first step, journeys of other definitions are migrated: all steps look at stages by their place.
The order matters. A history is handed over (3) before others come in (4), so that it holds only the name's own
touchpoints. What is returned (5) may have come in with the same batch (4). Corrections (7) compare with the state
before step 3. The fold (9) comes after everything that changes the set, and its result is reported to accounts (10).
It knows records and messages; the planner knows partitions and stores.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from schemas.routed import (
    Adopted,
    Clearance,
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
from tracker.identity.incoming import Incoming
from tracker.identity.kinds import Kinds
from tracker.identity.refusals import refusals
from tracker.identity.ties import QUESTION, Ties, alone, choose, conflicts, excess, read, root, write
from tracker.identity.trust import NEVER_MS, seen_ms
from tracker.records import account_links
from tracker.records.log import ID_BYTES, short_id
from tracker.records.state import VERSION, Record, decode, encode
from tracker.touch import Touch

# An alias' list of ids is cleared of those that have left the log only when it is longer than this.
PRUNE_FROM: Final = 64 * ID_BYTES


class NameUpdate:
    """The update of one name: `run` takes the steps, and the attributes then hold the results."""

    def __init__(
        self,
        name: str,
        record: Record,
        incoming: Incoming,
        now_ms: int,
        *,
        customer_fold: CustomerFold,
        histories: Histories,
        kinds: Kinds,
        members: membership.Membership,
        accounts: AccountFold,
    ) -> None:
        self.name, self.record, self.incoming, self.now_ms = name, record, incoming, now_ms
        self.ties = read(record.ties)
        self.was = self.belongs = root(name, self.ties)
        self.messages: list[Routed] = []
        self.transitions: list[Transition] = []
        self.counts: Counter[str] = Counter()
        self.is_divided = False
        """Whether touchpoints were added or removed by steps other than the fold."""
        self.is_gathered = False
        """Whether the name is an account and has messages about its people."""
        self.is_migrated = False
        """Whether its journeys were of other definitions than the present ones."""
        self._becomes_suspect = False
        self.account_links = account_links.read(record.account_links)
        self._marked = set(self.account_links.marks)
        self.before_fold = b""
        self._customer_fold, self._histories, self._kinds = customer_fold, histories, kinds
        self._members, self._accounts = members, accounts

    def run(self, touches: Sequence[Touch]) -> Change:
        """Take all steps; `touches` are the name's own touchpoints. Returns the change of its record."""
        self.is_migrated = self._customer_fold.modernise(self.record)
        self.decide()
        self.announce()
        reported_before = self._histories.views(self.record)
        self.hand_over()
        self.receive()
        self.return_history()
        self.merge_late()
        if self.is_divided:
            self.correct(reported_before)
        self.count_members()
        change = self.fold(touches)
        self.report_to_accounts(change)
        return change

    def decide(self) -> None:
        """Step 1: decide whom the name belongs to, by everything that it knows now."""
        ties, fresh = self.ties, set[str]()
        before = ties.offered or alone(self.name, ties, self._kinds)
        for peer, at_ms, event_id in self.incoming.links:
            if self._kinds.links(peer):
                ties.see(peer, at_ms, event_id, fresh)
        self._listen(fresh)
        self._refuse_excess(fresh)
        self._refuse(fresh)
        offer = choose(self.name, ties, self._kinds)
        if offer != before:
            ties.offered = offer if len(offer.path) > 1 else None
            fresh.update(peer for peer in ties.edges if peer not in ties.held and not self._kinds.is_unique(peer))
        for peer in sorted(fresh):
            edge = ties.edges[peer]
            if not edge.is_cut:
                self.messages.append(Tie(peer, self.name, edge.at_ms, edge.event_id, self._offered(peer, offer)))
        self._ask_peers(offer)
        self.belongs = root(self.name, ties)

    def _listen(self, fresh: set[str]) -> None:
        """Apply the messages of peers, and the rulings of people."""
        edges = self.ties.edges
        for message in self.incoming.messages:
            if isinstance(message, Tie) and message.event_id == QUESTION and message.peer not in edges:
                # The name has refused or forgotten the peer, and must not know it again by a question.
                self.messages.append(Tie(message.peer, self.name, NEVER_MS, ""))
            elif isinstance(message, Tie):
                self.ties.hear(message, fresh)
                if self._kinds.is_unique(self.name):
                    # A unique name belongs to itself and needs no offers. It keeps none, so that peers whose offers
                    # change do not have to write to it (see `decide`).
                    edges[message.peer].offer = None
            elif isinstance(message, Ruling):
                self.ties.obey(message, fresh)
            elif isinstance(message, Clearance):
                self.ties.clear(message)
            elif isinstance(message, Forget):
                edges.pop(message.peer, None)
                fresh.discard(message.peer)
        for late in self.incoming.late:
            if isinstance(late, Tie):
                self.ties.hear_late(late, fresh)

    def _ask_peers(self, offer: Offer) -> None:
        """Ask those whose message came outside of its order what they offer now."""
        if self._kinds.is_unique(self.name):
            return
        asked = {message.peer for message in self.incoming.late if isinstance(message, Tie)}
        for peer in sorted(asked):
            edge = self.ties.edges.get(peer)
            if edge is not None and not edge.is_cut:
                self.messages.append(Tie(peer, self.name, NEVER_MS, QUESTION, self._offered(peer, offer)))

    def _offered(self, peer: str, offer: Offer) -> Offer | None:
        """What a peer is offered: nothing where it is refused."""
        return None if peer in self.ties.held else offer

    def _refuse_excess(self, fresh: set[str]) -> None:
        """Forget the youngest peers beyond the limits; those that knew of the tie get a message that it is refused."""
        for peer in excess(self.ties, self._kinds):
            known = self.ties.edges.pop(peer)
            self.counts["aliases_refused"] += 1
            if peer not in fresh:
                self.messages.append(Tie(peer, self.name, known.at_ms, known.event_id))
            fresh.discard(peer)

    def _refuse(self, fresh: set[str]) -> None:
        """Refuse peers that stay known as claims; those that this changes for get a message."""
        held, suspect_ms = refusals(self.ties, self._kinds)
        fresh.update(set(held).symmetric_difference(self.ties.held) & self.ties.edges.keys())
        self.ties.held = held
        self._becomes_suspect = self.ties.suspect_ms < 0 <= suspect_ms
        self.ties.suspect_ms = suspect_ms

    def announce(self) -> None:
        """Step 2: report the name's new customer, and once each customer who claims the name and does not get it."""
        if self.belongs != self.was:
            self.transitions.append(_moved(self.name, self.was, self.belongs, self.ties, self.now_ms))
        if self._becomes_suspect:
            self.counts["suspects"] += 1
            self._announce_conflict(self.ties.suspect_ms)
        refused = conflicts(self.name, self.ties, self._kinds)
        for other in sorted(refused.keys() - set(self.ties.refused)):
            edge = refused[other]
            self.counts["conflicts"] += 1
            self._announce_conflict(edge.at_ms, other, edge.event_id)
        self.ties.refused = tuple(sorted(refused))

    def _announce_conflict(self, at_ms: int, other: str | None = None, event_id: str = "") -> None:
        self.transitions.append(
            Transition(
                kind="conflict", customer=self.belongs, journey="", version=0, alias=self.name, other=other,
                at_ms=min(seen_ms(at_ms), self.now_ms), why=Why(event_id or None),
            )
        )  # fmt: skip

    def hand_over(self) -> None:
        """Step 3: the name's history goes to its new customer, or is asked back from the former one."""
        if self.belongs == self.was:
            return
        if self.was != self.name:
            # The former customer sends the history to this home, and step 4 sends it on to where it belongs by then.
            self.messages.append(Release(self.was, self.name))
            return
        others = {short for ids in self.ties.adopted.values() for short in short_ids(ids)}
        history = self._histories.extract_own(self.record, others)
        history.account_links = membership.give(self.account_links, self.name)
        if history.journeys or history.account_links:
            self.messages.append(History(self.belongs, self.name, encode(history)))
            self.is_divided = True

    def receive(self) -> None:
        """Step 4: histories that have arrived are merged, or sent on."""
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

    def return_history(self) -> None:
        """Step 5: the history of aliases that belong to another goes back; one held by another customer is asked for.

        The history of an erased alias is dropped.
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

    def merge_late(self) -> None:
        """Step 6: touchpoints of aliases beyond the lateness horizon are merged in the same way as histories.

        They may only look late, because they took time on the way between homes.
        """
        in_time: list[tuple[str, Touch]] = []
        for alias, touch in self.incoming.under:
            history = Record(VERSION, [])
            if self._histories.is_beyond(self.record, touch.at_ms):
                history = decode(self._customer_fold.fold(self.name, None, [touch], self.now_ms).after)
            if not history.journeys:
                in_time.append((alias, touch))
                continue
            self._members.mark(self.account_links, alias, [touch])
            new = self._histories.merge(self.record, history)
            self.is_divided = True
            self.counts["applied" if new else "duplicate"] += 1
            self._tag(alias, new)
        self.incoming.under = in_time

    def correct(self, before: Views) -> None:
        """Step 7: correct what was reported and no longer holds."""
        self.transitions += self._histories.corrections(self.name, self.record, before, self.now_ms)

    def count_members(self) -> None:
        """Step 8: as an account, apply the messages about its people."""
        late = {(one.member, one.journey) for one in self.incoming.late if isinstance(one, Member)}
        self.messages += [Enrolled(member, self.name, journey, is_question=True) for member, journey in sorted(late)]
        news = [message for message in self.incoming.messages if isinstance(message, Member)]
        if not news:
            return
        self.is_gathered = True
        gathered = self._accounts.gather(self.name, self.record, self.account_links, news, self.now_ms)
        self.messages += gathered.messages
        self.transitions += gathered.transitions
        self.counts["members_refused"] += gathered.refused

    def fold(self, touches: Sequence[Touch]) -> Change:
        """Step 9: fold what counts for the name; its own touchpoints are sent on if it belongs to another."""
        folded = list(touches) if self.belongs == self.name else []
        if self.belongs != self.name:
            originals = self.incoming.originals
            self.messages += [RoutedTouchpoint(value, at_ms, self.belongs, self.name) for value, at_ms in originals]
            self.counts["forwarded"] += len(originals)
        self._members.mark(self.account_links, self.name, folded)
        folded += [touch for _, touch in self.incoming.under]
        for alias, touch in self.incoming.under:
            self._members.mark(self.account_links, alias, [touch])
        held = self._histories.ids(self.record) if self.incoming.under else set()
        self.record.ties = write(self.ties)
        self.record.account_links = account_links.write(self.account_links)
        self.before_fold = encode(self.record)
        change = self._customer_fold.fold(self.name, self.before_fold, folded, self.now_ms)
        if self.incoming.under:
            self._remember(change, held)
        return change

    def report_to_accounts(self, change: Change) -> None:
        """Step 10: report to accounts how far the name has come, and confirm the aliases that linked it to them."""
        new = self.account_links.marks.keys() - self._marked - self.ties.adopted.keys() - {self.name}
        self.messages += [Adopted(alias, self.name) for alias in sorted(new)]
        asked = [message for message in self.incoming.messages if isinstance(message, Enrolled)]
        if not (self.account_links.marks or self.account_links.reported or asked):
            return
        record = decode(change.after)
        self.messages += self._members.report(self.name, record, self.account_links)
        for message in asked:
            self.messages += self._members.answer(self.name, self.account_links, message)
        record.account_links = account_links.write(self.account_links)
        change.after = encode(record)

    def _remember(self, change: Change, held: set[bytes]) -> None:
        """Note the alias of each touchpoint that the fold has put into the log."""
        record = decode(change.after)
        there = self._histories.ids(record)
        for alias, touch in self.incoming.under:
            short = short_id(touch.event_id, touch.is_browser)
            if short in there and short not in held:
                self._tag(alias, {short})
                held.add(short)
        for alias, ids in self.ties.adopted.items():
            if len(ids) > PRUNE_FROM:
                self.ties.adopted[alias] = b"".join(sorted(short_ids(ids) & there))
        record.ties = write(self.ties)
        change.after = encode(record)

    def _tag(self, alias: str, ids: set[bytes]) -> None:
        """Note touchpoints of an alias; with the first ones, ask its home whether it belongs here."""
        adopted = self.ties.adopted
        new = ids - short_ids(adopted.get(alias, b""))
        if not new:
            return
        if alias not in adopted:
            self.messages.append(Adopted(alias, self.name))
        adopted[alias] = adopted.get(alias, b"") + b"".join(sorted(new))


def _moved(name: str, was: str, belongs: str, ties: Ties, now_ms: int) -> Transition:
    """The transition of a name that now belongs to another customer, or to itself again."""
    kind: Kind = "unlinked" if belongs == name else "linked"
    offered = ties.offered
    why = Why(offered.weight[1] or None) if offered is not None and offered.weight is not None else Why()
    return Transition(
        kind=kind, customer=belongs if kind == "linked" else was, journey="", version=0, alias=name, at_ms=now_ms,
        why=why,
    )  # fmt: skip
