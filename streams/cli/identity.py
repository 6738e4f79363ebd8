"""`tracker identity`: who is who, and a person's word on it.

It asks and draws; `streams/person/identity.py` reads, `streams/person/requests.py` sends.
"""

import json
import os
from collections.abc import Callable, Mapping
from time import time
from typing import Annotated, Any, Final, Literal

import typer

from streams.cli.options import AsJson
from streams.cli.progress import progress
from streams.errors import ExitCode, TrackerError, UsageError
from streams.person import identity, requests
from streams.person.opened import opened_store
from streams.person.show import find, printable
from streams.settings.settings import Settings
from streams.settings.settings import read as read_settings
from streams.stores.keys import keys
from tracker.identity.ties import root

app = typer.Typer(help="See who is who, and link or unlink names by hand.")

# What follows from an order travels over Kafka a few times; a name that has not moved by then stays where it is.
SETTLE_S: Final = 3.0
Outcome = Literal["linked", "unlinked", "conflict", "together", "sent"]

Alias = Annotated[str, typer.Argument(help="A customer's id, or `anonymous_id:...` and the like.")]
Wait = Annotated[float, typer.Option("--wait", min=0.1, help="Seconds to wait until it holds.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Send it and go.")]


@app.command()
def show(alias: Alias, *, as_json: AsJson = False) -> int:
    """Show whom a name belongs to, and all names of that customer.

    For each: what it was seen with, when, and in which touchpoint; names that two customers claim; what a person has
    cut.

    Examples:
      tracker identity show c-1042
      tracker identity show anonymous_id:a-17 --json
    """
    settings = read_settings(os.environ)
    with opened_store(settings) as client:
        told = identity.describe(identity.whole(client, alias, settings.partitions, settings.kinds))
    print(json.dumps(told, indent=2) if as_json else _drawn(told))
    return ExitCode.OK


@app.command()
def link(one: Alias, other: Alias, *, wait: Wait = 30.0, no_wait: NoWait = False, as_json: AsJson = False) -> int:
    """Say that two names are one customer.

    It outweighs every touchpoint, until `unlink` says otherwise. Two customer_ids are never one; an alias that
    belongs to another customer stays there until it is unlinked.

    Examples:
      tracker identity link c-1042 anonymous_id:a-17
    """
    return _rule(one, other, linked=True, wait_s=None if no_wait else wait, as_json=as_json)


@app.command()
def unlink(one: Alias, other: Alias, *, wait: Wait = 30.0, no_wait: NoWait = False, as_json: AsJson = False) -> int:
    """Say that two names are not one customer.

    Their journeys come apart: both, and all figures, become what they would have been.

    Examples:
      tracker identity unlink c-1042 anonymous_id:a-17
    """
    return _rule(one, other, linked=False, wait_s=None if no_wait else wait, as_json=as_json)


@app.command()
def conflicts(*, as_json: AsJson = False) -> int:
    """List the aliases that more than one customer claims.

    Each stays with the first. Whoever is wrong can be cut off by `tracker identity unlink`.

    Examples:
      tracker identity conflicts
      tracker identity conflicts --json
    """
    settings = read_settings(os.environ)
    with opened_store(settings) as client:
        total = sum(int(client.hlen(keys(each).states)) for each in range(settings.partitions))
        with progress("names", total) as advance:
            found = list(identity.conflicts(client, settings.partitions, advance))
    if as_json:
        print(json.dumps({"conflicts": found}, indent=2))
    else:
        print("\n".join(map(_conflict, found)) or "No alias is claimed by two customers.")
    return ExitCode.OK


def _rule(one: str, other: str, *, linked: bool, wait_s: float | None, as_json: bool) -> int:
    settings = read_settings(os.environ)
    with opened_store(settings) as client:
        first, second = (
            find(client, each, settings.partitions, kinds=settings.kinds).customer for each in (one, other)
        )
        _require_two(first, second, settings)

        def look() -> Pair:
            return Pair(client, first, second, settings.partitions)

        before = look()
        if linked and before.are_one:
            return _told("linked", before, "already", as_json=as_json)
        if not linked and not before.are_tied:
            raise UsageError(
                f"{first!r} and {second!r} were not seen together, so there is nothing to cut.",
                "`tracker identity show` tells which names hold them together."
                if before.are_one
                else "They belong to different customers.",
            )
        at_ms = max(int(time() * 1000), before.ruled_ms + 1)
        with requests.producer(settings) as producer:
            requests.send(producer, requests.rulings(first, second, at_ms, linked=linked), settings.partitions)
        if wait_s is None:
            return _told("sent", before, "", as_json=as_json)
        return _told(_outcome(look, at_ms, wait_s, linked=linked), look(), "", as_json=as_json)


def _require_two(one: str, other: str, settings: Settings) -> None:
    kinds = settings.kinds
    if one == other:
        raise UsageError(f"Both are {one!r}.", "Name two.")
    if kinds.is_unique(one) and kinds.is_unique(other):
        raise UsageError(
            f"{one!r} and {other!r} are customer_ids: two of them are two people, whatever they share.",
            "Let the systems that send them agree on one id.",
        )
    for each in (one, other):
        if not kinds.links(each):
            raise UsageError(f"{each!r} is an account: all its people share it.", "Name an alias of one person.")


class Pair:
    """Two names as they stand."""

    def __init__(self, client: Any, one: str, other: str, partitions: int) -> None:
        self.names = (one, other)
        found = {each.name: each for each in identity.members(client, self.names, partitions)}
        self._ties = [found[name].ties for name in self.names if name in found]
        self._edges = [
            found[name].ties.edges.get(peer) if name in found else None for name, peer in (self.names, self.names[::-1])
        ]
        self.roots = [root(name, found[name].ties) if name in found else name for name in self.names]

    @property
    def are_one(self) -> bool:
        """Whether both belong to one customer."""
        return self.roots[0] == self.roots[1]

    @property
    def are_tied(self) -> bool:
        """Whether they were seen together, or linked by a person, and not cut."""
        return any(edge is not None and not edge.is_cut for edge in self._edges)

    @property
    def ruled_ms(self) -> int:
        """When a person decided on them last."""
        return max((edge.ruled_ms for edge in self._edges if edge is not None), default=-1)

    def has_heard(self, at_ms: int) -> bool:
        """Whether both know an order of that moment."""
        return all(edge is not None and edge.ruled_ms >= at_ms for edge in self._edges)

    @property
    def conflicting(self) -> bool:
        """Whether one of them is claimed by the other's customer, and stays with its own."""
        return any(set(self.roots) & set(ties.refused) for ties in self._ties)


def _outcome(look: Callable[[], Pair], at_ms: int, wait_s: float, *, linked: bool) -> Outcome:
    if not requests.held(lambda: look().has_heard(at_ms), wait_s):
        raise TrackerError(
            f"The order was sent, and does not show within {wait_s:g} s.",
            "Do workers run? It waits in journey.routed until they take it up. A name that has too many peers takes "
            "no more.",
            ExitCode.STALLED,
        )
    requests.held(lambda: (pair := look()).are_one == linked or (linked and pair.conflicting), SETTLE_S)
    after = look()
    if after.are_one:
        return "linked" if linked else "together"
    return "conflict" if linked else "unlinked"


def _told(outcome: Outcome, pair: Pair, already: str, *, as_json: bool) -> int:
    (one, other), (owner, claimer) = pair.names, pair.roots
    if as_json:
        print(json.dumps({"outcome": outcome, "names": pair.names, "customers": pair.roots}, indent=2))
    else:
        texts: dict[Outcome, str] = {
            "linked": f"{one} and {other} are {already or 'now'} one: {owner}",
            "unlinked": f"{one} belongs to {owner}, {other} to {claimer}",
            "conflict": f"{one} stays with {owner}, {other} with {claimer}: who came first keeps an alias. Unlink it "
            "there first, if that was wrong.",
            "together": f"{one} and {other} are cut, and still one by way of other names: see `tracker identity show`.",
            "sent": f"The order about {one} and {other} is sent.",
        }
        print(printable(texts[outcome]))
    return ExitCode.FAILED if outcome in {"conflict", "together"} else ExitCode.OK


def _drawn(told: Mapping[str, Any]) -> str:
    lines = (
        [told["customer"]] if told["asked"] == told["customer"] else [f"{told['asked']} belongs to {told['customer']}"]
    )
    lines += [f"  {one['alias']}   with {one['with']}{_when(one)}" for one in told["aliases"]]
    lines += ["", "claimed by two", *(f"  {_conflict(one)}" for one in told["conflicts"])] if told["conflicts"] else []
    lines += ["", "cut by a person"] if told["cuts"] else []
    lines += [f"  {one['alias']} from {one['from']}, {one['ruled_at']}" for one in told["cuts"]]
    return "\n".join(map(printable, lines))


def _when(seen: Mapping[str, Any]) -> str:
    parts = [f", seen {seen['seen_at']} in {seen['event_id']}"] if seen["seen_at"] else []
    parts += [f", linked by a person {seen['ruled_at']}"] if seen["ruled_at"] else []
    return "".join(parts)


def _conflict(one: Mapping[str, Any]) -> str:
    claims = "; ".join(f"{each['customer']}{_when(each)}" for each in one["claimed_by"])
    return printable(f"{one['alias']} belongs to {one['belongs_to']}, claimed by {claims}")
