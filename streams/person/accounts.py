"""Accounts as plain data: the accounts of a stored person, and the people whom a stored account counts.

It reads a record; `tracker/identity/membership.py` and `tracker/identity/accounts.py` decide who belongs to whom.
"""

from typing import Any

from streams.person.times import shown
from tracker.identity.trust import seen_ms
from tracker.records.account_links import AccountLinks, AccountMember, AliasMark, read
from tracker.records.state import Record


def account_links(record: Record) -> dict[str, Any]:
    """`accounts` of a person and `people` of an account, as plain data; a key without rows is left out."""
    known = read(record.account_links)
    tables = {"accounts": _accounts(known), "people": _people(known)}
    return {key: rows for key, rows in tables.items() if rows}


def _accounts(known: AccountLinks) -> list[dict[str, Any]]:
    marks: dict[str, list[tuple[str, AliasMark]]] = {}
    for alias, by_account in known.marks.items():
        for account, mark in by_account.items():
            marks.setdefault(account, []).append((alias, mark))
    return [
        {
            "account": account,
            "since": shown(seen_ms(min(mark.since_ms for _, mark in seen))),
            "seen_under": sorted(alias for alias, _ in seen),
            "roles": sorted({role for _, mark in seen for role in mark.roles}),
            "counted_in": sorted(name for name, one in known.reported.items() if account in one.since_ms),
        }
        for account, seen in sorted(marks.items())
    ]


def _people(known: AccountLinks) -> list[dict[str, Any]]:
    return [
        _person(journey, name, member)
        for journey, members in sorted(known.members.items())
        for name, member in sorted(members.items(), key=lambda item: (item[1].since_ms, item[0]))
    ]


def _person(journey: str, name: str, member: AccountMember) -> dict[str, Any]:
    trace = member.trace
    return {
        "journey": journey,
        "person": name,
        "since": shown(seen_ms(member.since_ms)),
        "reached": {stage: shown(at_ms) for stage, at_ms in trace.reached.items()},
        "exited_at": None if trace.exited_ms is None else shown(trace.exited_ms),
        "last": shown(trace.spans[-1][1]) if trace.spans else None,
    }
