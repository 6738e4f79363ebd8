"""Linking: what one batch changes for a name that is tied to others.

A name's home decides whom the name belongs to (`tracker/identity/ties.py`). It sends the name's touchpoints and history
to that customer, and asks for them back when that changes. The customer's home merges them and remembers the alias of
each. All messages go through the aliases' homes in order, and each may come twice (docs/identity.md).
The steps are in `tracker/identity/name_update.py`. This file decides whether they are needed, and adds what they change
in the figures.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.routed import History, Routed
from tracker.engine.customer import Change, CustomerFold
from tracker.engine.migration import UnknownDefinitionError
from tracker.identity import membership
from tracker.identity.accounts import AccountFold
from tracker.identity.histories import Histories
from tracker.identity.incoming import Incoming
from tracker.identity.kinds import KINDS, Kinds
from tracker.identity.membership import Membership
from tracker.identity.name_update import NameUpdate
from tracker.identity.ties import may_have_ties, read
from tracker.records.account_links import AccountLinks
from tracker.records.state import VERSION, Record, UnreadableStateError, decode, encode, ties_of
from tracker.touch import Touch


@dataclass(slots=True)
class Relation:
    """The results of relating one name."""

    change: Change
    messages: list[Routed]
    counts: Counter[str]


class Linking:
    """Relates names to each other, for some journeys and kinds of alias."""

    def __init__(self, journeys: CustomerFold, kinds: Kinds = KINDS) -> None:
        self.journeys = journeys
        self.histories = Histories(journeys)
        self.kinds = kinds
        self.membership = Membership(journeys)
        self.accounts = AccountFold(journeys)

    @staticmethod
    def concerns(incoming: Incoming, before: bytes | None) -> bool:
        """Whether a batch may change anything between names; if not, its touchpoints are simply folded."""
        if incoming.messages or incoming.under or incoming.late:
            return True
        if before is None or not may_have_ties(before):
            return bool(incoming.links)
        ties = read(ties_of(before))
        if ties.offered is not None:
            return True
        for peer, at_ms, event_id in incoming.links:
            edge = ties.edges.get(peer)
            if edge is None or at_ms < edge.at_ms or (at_ms == edge.at_ms and event_id < edge.event_id):
                return True
        return False

    def try_history(self, message: History) -> None:
        """Do with a history what will be done with it, to a record of nobody.

        Raises UnreadableStateError where it is newer or damaged, UnknownDefinitionError where it was folded with a
        definition that is not at hand. A list of all that a history may break would have to know every structure in
        it, and would fall behind them: so it is tried by the code that merges.
        """
        try:
            record, history = Record(VERSION, []), decode(message.record)
            membership.adopt(AccountLinks(), message.alias, history.account_links)
            self.histories.merge(record, history)
            self.histories.try_on(record)
            self.journeys.contribution(encode(record))
            # Into an empty record it comes as it is; when it meets itself, it is taken apart.
            self.histories.merge(record, decode(message.record))
            self.journeys.contribution(encode(record))
        except (UnreadableStateError, UnknownDefinitionError):
            raise
        except Exception as error:
            raise UnreadableStateError(f"a history is damaged: {type(error).__name__}: {error}") from error

    def relate(
        self, name: str, before: bytes | None, touches: Sequence[Touch], incoming: Incoming, now_ms: int
    ) -> Relation:
        """The change of a name's record by a batch, and the messages to others; `touches` are the name's own."""
        update = NameUpdate(
            name,
            decode(before) if before is not None else Record(VERSION, []),
            incoming,
            now_ms,
            customer_fold=self.journeys,
            histories=self.histories,
            kinds=self.kinds,
            members=self.membership,
            accounts=self.accounts,
        )
        change = update.run(touches)
        if update.is_divided or update.is_gathered or update.is_migrated:
            self._add_difference(change, before, update.before_fold)
        change.transitions[:0] = update.transitions
        return Relation(change, update.messages, update.counts)

    def _add_difference(self, change: Change, before: bytes | None, after: bytes) -> None:
        """Add what dividing, merging and migrating changed in the figures; the fold has counted its own part."""
        for field_name, count in self.journeys.contribution(after).items():
            change.aggregates[field_name] = change.aggregates.get(field_name, 0) + count
        for field_name, count in self.journeys.contribution(before).items() if before is not None else ():
            change.aggregates[field_name] = change.aggregates.get(field_name, 0) - count
