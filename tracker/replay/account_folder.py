"""The journeys of accounts in a replay: folded after all of their people, by the code of the live tracker.

It takes people from the columns of a replay and counts nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tracker.engine.chain import Link, chain_of
from tracker.engine.customer import CustomerFold
from tracker.engine.people import fold_traces, landmarks
from tracker.engine.summary import Summary, summarise
from tracker.identity.accounts import with_accounts
from tracker.identity.membership import Membership
from tracker.journey.definition import Definition
from tracker.journey.fields import MAX_MEMBERS
from tracker.records.account_links import AccountLinks, AccountMember
from tracker.records.log import NO_RULE, Entry
from tracker.records.state import VERSION, Instance, Journey, Progress, Record
from tracker.touch import Touch


class Account(NamedTuple):
    """The state of one account."""

    name: str
    summary: Summary
    chain: list[Link]


class AccountFolder:
    """Gathers the people of accounts, then folds the accounts."""

    def __init__(self, people: Definition) -> None:
        journeys = CustomerFold(with_accounts([people]), horizon_ms=None)
        self._people, self._instance_fold = journeys.instance_folds
        self.definition: Final = self._instance_fold.definition
        self._membership = Membership(journeys)
        self._members: dict[str, dict[str, AccountMember]] = {}

    def see(self, person: str, touches: Sequence[Touch], entries: Sequence[Entry], progress: Progress) -> None:
        """Add one person: all touches, and the sorted entries from which the progress was folded."""
        account_links = AccountLinks()
        self._membership.mark(account_links, person, touches)
        if not account_links.marks:
            return
        engine, definition = self._people.engine, self._people.definition
        instance = Instance(None, progress, engine.layout.pack_all(entries))
        record = Record(VERSION, [Journey(definition.journey, definition.version, engine.layout_id, [instance])])
        for message in self._membership.report(person, record, account_links):
            if message.trace is not None:
                self._members.setdefault(message.name, {})[person] = AccountMember(message.since_ms, message.trace)

    def accounts(self, now_ms: int) -> Iterator[Account]:
        """Each account that has begun, with the clock at `now_ms`."""
        engine = self._instance_fold.engine
        for name, members in self._members.items():
            earliest = sorted((member.since_ms, person) for person, member in members.items())[:MAX_MEMBERS]
            traces = [members[person].trace for _, person in earliest]
            progress = fold_traces(engine, traces)
            if progress is None or progress.stage < 0:
                continue
            engine.look(progress, now_ms)
            entries = [
                Entry(at_ms, engine.layout.order(bits), b"", bits, NO_RULE, b"")
                for at_ms, _, bits in sorted(landmarks(engine, traces))
                if bits & engine.steps.mask
            ]
            chain = chain_of(engine.steps, entries, progress.depth)
            yield Account(name, summarise(self._instance_fold, Instance(None, progress)), chain)
