"""Membership: which accounts a customer belongs to, and the messages that report the customer to them.

An account's id beside another id does not link the two; it says that the person is one of the account's people. The
person's home remembers this by alias, so it moves with the alias. It reports to the accounts how far the person has
come whenever that changes. `tracker/identity/accounts.py` folds the reports.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from schemas.routed import Enrolled, Member, Trace
from tracker import paths
from tracker.engine.customer import Change, CustomerFold
from tracker.engine.engine import Engine
from tracker.engine.instances import InstanceFold
from tracker.engine.matcher import as_text
from tracker.engine.people import merge, shortest_ms
from tracker.figures.fields import unescape
from tracker.identity.trust import is_by_server, ranked_ms
from tracker.journey.conditions import lookup
from tracker.journey.definition import Accounts
from tracker.records.account_links import AccountLinks, ActiveSpan, AliasMark, Reported, may_have_accounts, read, write
from tracker.records.state import Instance, Record, account_links_of, decode, decode_progress, encode
from tracker.touch import Touch

# Somebody seen with more accounts is an agency or a machine. The earliest accounts stay, those that only browsers name
# behind all others.
MAX_ACCOUNTS: Final = 10
# Of somebody with more active spans than this, the oldest are forgotten: the message stays small.
MAX_SPANS: Final = 50


def role_of(accounts: Accounts) -> str | None:
    """The role that a rule asks for, in the form of AliasMark; None where it asks for none."""
    return f"{paths.show(accounts.path)}={accounts.role}" if accounts.path else None


def adopt(account_links: AccountLinks, alias: str, history: bytes) -> None:
    """Add the marks that come with an alias' history."""
    for account, mark in read(history).marks.get(alias, {}).items():
        _mark(account_links, alias, account, mark)


def give(account_links: AccountLinks, alias: str) -> bytes:
    """Remove an alias' marks and return them for its history."""
    marks = account_links.marks.pop(alias, None)
    return write(AccountLinks({alias: marks})) if marks else b""


class Membership:
    """Reports people to their accounts, for the journeys that have accounts."""

    def __init__(self, journeys: CustomerFold) -> None:
        self._instance_folds = [
            instance_fold
            for instance_fold in journeys.instance_folds
            if instance_fold.definition.accounts and not instance_fold.is_derived
        ]
        self._roles = {
            role: (accounts.path, accounts.role)
            for instance_fold in self._instance_folds
            if (accounts := instance_fold.definition.accounts) and accounts.path and (role := role_of(accounts))
        }

    def __bool__(self) -> bool:
        return bool(self._instance_folds)

    def concerns(self, touches: Sequence[Touch], before: bytes | None) -> bool:
        """Whether a customer has, or now gets, account links."""
        if not self._instance_folds:
            return False
        if any(touch.account is not None for touch in touches):
            return True
        return before is not None and may_have_accounts(before) and bool(account_links_of(before))

    def mark(self, account_links: AccountLinks, alias: str, touches: Iterable[Touch]) -> None:
        """Remember the accounts with which an alias was seen."""
        for touch in touches:
            if touch.account is not None and self._instance_folds:
                roles = [role for role, (path, value) in self._roles.items() if as_text(lookup(touch, path)) == value]
                since_ms = ranked_ms(touch.at_ms, is_browser=touch.is_browser)
                _mark(account_links, alias, touch.account, AliasMark(since_ms, roles))

    def report(self, name: str, record: Record, account_links: AccountLinks) -> list[Member]:
        """The messages to accounts after a fold of a customer, and a note of what was reported.

        Only changes are sent. An account that the customer no longer counts for gets a message without a trace.
        """
        messages: list[Member] = []
        for instance_fold in self._instance_folds:
            journey = instance_fold.definition.journey
            reported = account_links.reported.pop(journey, None)
            trace = _trace(instance_fold, record, reported)
            now = _accounts(account_links, instance_fold.definition.accounts) if trace is not None else {}
            before = reported.since_ms if reported is not None else {}
            messages += [Member(account, name, journey) for account in sorted(before.keys() - now.keys())]
            if trace is None or not now:
                continue
            account_links.reported[journey] = Reported(now, trace)
            is_same = reported is not None and reported.trace == trace
            messages += [
                Member(account, name, journey, since_ms, trace)
                for account, since_ms in sorted(now.items())
                if not is_same or before.get(account) != since_ms
            ]
        return messages

    def follow(self, name: str, change: Change, touches: Sequence[Touch]) -> list[Member]:
        """As `report`, for a customer whose own touches were folded; the change gets the account links."""
        record = decode(change.after)
        account_links = read(record.account_links)
        self.mark(account_links, name, touches)
        messages = self.report(name, record, account_links)
        record.account_links = write(account_links)
        change.after = encode(record)
        return messages

    @staticmethod
    def answer(name: str, account_links: AccountLinks, message: Enrolled) -> list[Member]:
        """The answer to an account that counts this customer: none where it is right to, unless it asks."""
        reported = account_links.reported.get(message.journey)
        if reported is not None and message.account in reported.since_ms:
            since_ms = reported.since_ms[message.account]
            present = Member(message.account, name, message.journey, since_ms, reported.trace)
            return [present] if message.is_question else []
        return [Member(message.account, name, message.journey)]


def farewell(name: str, record: Record) -> list[Member]:
    """The messages to accounts when a customer's record is removed."""
    reported = read(record.account_links).reported
    return [Member(account, name, journey) for journey, one in reported.items() for account in sorted(one.since_ms)]


def _mark(account_links: AccountLinks, alias: str, account: str, mark: AliasMark) -> None:
    marks = account_links.marks.setdefault(alias, {})
    known = marks.get(account)
    if known is None or is_by_server(mark.since_ms) > is_by_server(known.since_ms):
        marks[account] = mark
    elif is_by_server(mark.since_ms) == is_by_server(known.since_ms):
        # Where a server has spoken, browsers add neither an earlier time nor a role.
        known.since_ms = min(known.since_ms, mark.since_ms)
        known.roles = sorted({*known.roles, *mark.roles})
    if len(marks) > MAX_ACCOUNTS:
        del marks[max(marks, key=lambda one: (marks[one].since_ms, one))]


def _accounts(account_links: AccountLinks, accounts: Accounts | None) -> dict[str, int]:
    """By account that a person counts for: when the person was first seen with it."""
    role = role_of(accounts) if accounts is not None else None
    since: dict[str, int] = {}
    fitting: set[str] = set()
    every = [item for marks in account_links.marks.values() for item in marks.items()]
    for account, mark in every:
        since[account] = min(since.get(account, mark.since_ms), mark.since_ms)
    for account, mark in every:
        # As in `_mark`: of an account that a server has named, browsers say no role.
        if is_by_server(mark.since_ms) == is_by_server(since[account]) and (role is None or role in mark.roles):
            fitting.add(account)
    first = sorted(since, key=lambda one: (since[one], one))[:MAX_ACCOUNTS]
    return {account: since[account] for account in first if account in fitting}


def _trace(instance_fold: InstanceFold, record: Record, reported: Reported | None) -> Trace | None:
    """How far a record has come in a journey; None where it has not begun."""
    name = instance_fold.definition.journey
    journey = next((one for one in record.journeys if one.name == name), None)
    if journey is None or not journey.instances:
        return None
    instance = journey.instances[0]
    progress, stages = instance.progress, instance_fold.definition.stages
    reached = {
        stage.name: progress.zero_ms + at for stage, at in zip(stages, progress.first, strict=True) if at is not None
    }
    segments = {unescape(one): unescape(value) for one, value in instance_fold.contributor.segment_values(progress)}
    return Trace(
        reached,
        None if progress.exited is None else progress.zero_ms + progress.exited,
        _spans(instance_fold.engine, instance, reached, reported),
        {
            one: value
            for (one, value), code in zip(segments.items(), progress.segments, strict=True)
            if code
        },
    )  # fmt: skip


def _spans(
    engine: Engine, instance: Instance, reached: Mapping[str, int], reported: Reported | None
) -> tuple[ActiveSpan, ...]:
    """The spans in which touchpoints came: from the log, and for the time before it from the last report.

    The base knows only its first and last touchpoint; the gaps between are in the report alone.
    """
    points = [(at_ms, at_ms) for at_ms in reached.values()]
    log, passive = engine.layout.unpack(instance.log), engine.passive
    points += [(entry.at_ms, entry.at_ms) for entry in log if not entry.bits & passive]
    if instance.base is not None:
        base = decode_progress(instance.base)
        until_ms = base.zero_ms + base.last
        former = reported.trace.spans if reported is not None else ((base.zero_ms, until_ms),)
        points += [(start, min(end, until_ms)) for start, end in former if start <= until_ms]
        points.append((until_ms, until_ms))
    return merge(points, shortest_ms(engine))[-MAX_SPANS:]
