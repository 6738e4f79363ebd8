"""`tracker identity`: which names are one customer, and links made by hand.

`streams/person/identity.py` reads and `streams/person/requests.py` sends; this module prints.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import time
from typing import Annotated, Any, Final, Literal

import typer

from schemas.routed import Clearance
from streams.cli.options import OTHER_NAMES, AsJson
from streams.cli.progress import progress
from streams.definitions.reader import served_prefix
from streams.errors import ExitCode, TrackerError, UsageError
from streams.person import identity, requests
from streams.person.opened import opened_store
from streams.person.show import find
from streams.process.terminal import printable
from streams.settings.settings import Settings
from streams.settings.settings import read as read_settings
from streams.stores.keys import keys
from tracker.identity.ties import Ties, root

app = typer.Typer(help="Show which names are one customer, and link or unlink names.")

# The effects of a request pass through Kafka a few times. A name that has not moved within this time stays.
SETTLE_S: Final = 3.0
Outcome = Literal["linked", "unlinked", "conflict", "together", "sent"]

Alias = Annotated[str, typer.Argument(help=f"A customer's id, {OTHER_NAMES}")]
Wait = Annotated[float, typer.Option("--wait", min=0.1, help="Seconds to wait until it takes effect.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Send the request and do not wait.")]


@app.command()
def show(alias: Alias, *, as_json: AsJson = False) -> int:
    """Show whom a name belongs to, and all names of that customer.

    Each name is printed with the name it was seen with, when, and in which touchpoint. Names that two customers claim
    and links that were cut by hand follow.

    Exit codes: 10 when the name is not stored.

    Examples:
      tracker identity show c-1042
      tracker identity show anonymous_id:a-17 --json
    """
    settings = read_settings(os.environ)
    with opened_store(settings) as client:
        described = identity.describe(
            identity.whole(
                client, alias, settings.partitions, settings.kinds, served_prefix(client), hash_key=settings.hash_key
            )
        )
    print(json.dumps(described, indent=2) if as_json else _as_text(described))
    return ExitCode.OK


@app.command()
def link(one: Alias, other: Alias, *, wait: Wait = 30.0, no_wait: NoWait = False, as_json: AsJson = False) -> int:
    """Link two names, so that they are one customer.

    The link outweighs every touchpoint, until `unlink` cuts it. Two customer_ids are never one customer. An alias that
    belongs to another customer stays there until it is unlinked.

    Exit codes: 1 when an alias stays with another customer, 12 when no worker carries the request out in time.

    Examples:
      tracker identity link c-1042 anonymous_id:a-17
    """
    return _rule(one, other, linked=True, wait_s=None if no_wait else wait, as_json=as_json)


@app.command()
def unlink(one: Alias, other: Alias, *, wait: Wait = 30.0, no_wait: NoWait = False, as_json: AsJson = False) -> int:
    """Unlink two names, so that they are not one customer.

    Their journeys are separated. Both, and all figures, become what they would have been without the link.

    Exit codes: 1 when other names still connect them, 12 when no worker carries the request out in time.

    Examples:
      tracker identity unlink c-1042 anonymous_id:a-17
    """
    return _rule(one, other, linked=False, wait_s=None if no_wait else wait, as_json=as_json)


@app.command()
def conflicts(*, as_json: AsJson = False) -> int:
    """List the aliases that more than one customer claims.

    Each alias stays with the customer who claimed it first. `tracker identity unlink` cuts a wrong claim.

    Examples:
      tracker identity conflicts
      tracker identity conflicts --json
    """
    with _all_names() as (_, place):
        found = list(identity.conflicts(*place))
    if as_json:
        print(json.dumps({"conflicts": found}, indent=2))
    else:
        print("\n".join(map(_conflict, found)) or "No alias is claimed by two customers.")
    return ExitCode.OK


@app.command()
def suspects(*, as_json: AsJson = False) -> int:
    """List the names that gather too much, and so link no further.

    A name that was seen with TRACKER_SUSPECT_AFTER customer ids, or addresses, within a day is suspect: the number of a
    till, the address of an office. `tracker identity release` lets it link again; released names are listed too.

    Examples:
      tracker identity suspects
      tracker identity suspects --json
    """
    with _all_names() as (settings, place):
        found = list(identity.suspects(*place, kinds=settings.kinds))
    if as_json:
        print(json.dumps({"suspects": found}, indent=2))
    else:
        print("\n".join(map(_suspect, found)) or "No name is suspect.")
    return ExitCode.OK


@app.command()
def release(
    alias: Alias,
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Take an earlier release back.")] = False,
    wait: Wait = 30.0,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> int:
    """Release a suspect name, so that it links again whatever it gathers.

    All that it was seen with then belongs to one customer, also what was refused so far. The release holds until it is
    taken back by --undo.

    Exit codes: 10 when the name is not stored, 12 when no worker carries the request out in time.

    Examples:
      tracker identity release c-1042
      tracker identity release c-1042 --undo
    """
    settings = read_settings(os.environ)
    with opened_store(settings) as client:
        prefix = served_prefix(client)
        name = find(client, alias, settings.partitions, prefix, settings.kinds, hash_key=settings.hash_key).customer

        def ties() -> Ties:
            (found,) = identity.members(client, [name], settings.partitions, prefix)
            return found.ties

        # The latest ruling wins; this one must win even where an earlier one came from a clock that was ahead.
        at_ms = max(int(time() * 1000), ties().cleared_ms + 1)
        with requests.producer(settings) as producer:
            requests.send(
                producer, [Clearance(name, at_ms, not undo)], settings.partitions, requests.kept_builds(client)
            )
        if not no_wait and not requests.held(lambda: ties().cleared_ms >= at_ms, wait):
            raise TrackerError(
                f"The request was sent, but has no effect within {wait:g} s.",
                "Check that workers run: it waits in journey.routed until they read it.",
                ExitCode.STALLED,
            )
        is_suspect = ties().suspect_ms >= 0
    if as_json:
        print(json.dumps({"name": name, "released": not undo, "sent_only": no_wait, "suspect": is_suspect}, indent=2))
    elif no_wait:
        print(printable(f"The request about {name} is sent."))
    else:
        print(printable(f"{name} is {'suspect' if is_suspect else 'not suspect'}"))
    return ExitCode.OK


@contextmanager
def _all_names() -> Iterator[tuple[Settings, tuple[Any, int, Callable[[int], None], str]]]:
    """The settings, and where to look at every stored name: client, partitions, progress and prefix."""
    settings = read_settings(os.environ)
    with opened_store(settings) as client:
        prefix = served_prefix(client)
        total = sum(int(client.hlen(keys(each, prefix).states)) for each in range(settings.partitions))
        with progress("names", total) as advance:
            yield settings, (client, settings.partitions, advance, prefix)


def _rule(one: str, other: str, *, linked: bool, wait_s: float | None, as_json: bool) -> int:
    settings = read_settings(os.environ)
    with opened_store(settings) as client:
        prefix = served_prefix(client)
        first, second = (
            find(client, each, settings.partitions, prefix, settings.kinds, hash_key=settings.hash_key).customer
            for each in (one, other)
        )
        _require_two(first, second, settings)

        def look() -> Pair:
            return Pair(client, first, second, settings.partitions, prefix)

        before = look()
        if linked and before.are_one:
            return _report("linked", before, "already", as_json=as_json)
        if not linked and not before.are_tied:
            raise UsageError(
                f"{first!r} and {second!r} were not seen together, so there is nothing to cut.",
                "`tracker identity show` lists the names that connect them."
                if before.are_one
                else "They belong to different customers.",
            )
        # The latest ruling wins; this one must win even where an earlier one came from a clock that was ahead.
        at_ms = max(int(time() * 1000), before.ruled_ms + 1)
        with requests.producer(settings) as producer:
            rulings = requests.rulings(first, second, at_ms, linked=linked)
            requests.send(producer, rulings, settings.partitions, requests.kept_builds(client))
        if wait_s is None:
            return _report("sent", before, "", as_json=as_json)
        return _report(_outcome(look, at_ms, wait_s, linked=linked), look(), "", as_json=as_json)


def _require_two(one: str, other: str, settings: Settings) -> None:
    kinds = settings.kinds
    if one == other:
        raise UsageError(f"Both names are {one!r}.", "Give two different names.")
    if kinds.is_unique(one) and kinds.is_unique(other):
        raise UsageError(
            f"{one!r} and {other!r} are customer_ids, which are never one customer.",
            "Let the systems that send them agree on one id.",
        )
    for each in (one, other):
        if not kinds.links(each):
            raise UsageError(f"{each!r} is an account, which all its people share.", "Give an alias of one person.")


class Pair:
    """Two names with their stored links."""

    def __init__(self, client: Any, one: str, other: str, partitions: int, prefix: str) -> None:
        self.names = (one, other)
        found = {each.name: each for each in identity.members(client, self.names, partitions, prefix)}
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
        """When a person last linked or unlinked them."""
        return max((edge.ruled_ms for edge in self._edges if edge is not None), default=-1)

    def has_received(self, at_ms: int) -> bool:
        """Whether both have received the request of that time."""
        return all(edge is not None and edge.ruled_ms >= at_ms for edge in self._edges)

    @property
    def conflicting(self) -> bool:
        """Whether one of them is claimed by the other's customer, and stays with its own."""
        return any(set(self.roots) & set(ties.refused) for ties in self._ties)


def _outcome(look: Callable[[], Pair], at_ms: int, wait_s: float, *, linked: bool) -> Outcome:
    if not requests.held(lambda: look().has_received(at_ms), wait_s):
        raise TrackerError(
            f"The request was sent, but has no effect within {wait_s:g} s.",
            "Check that workers run: it waits in journey.routed until they read it. A name that has too many peers "
            "accepts no more.",
            ExitCode.STALLED,
        )
    requests.held(lambda: (pair := look()).are_one == linked or (linked and pair.conflicting), SETTLE_S)
    after = look()
    if after.are_one:
        return "linked" if linked else "together"
    return "conflict" if linked else "unlinked"


def _report(outcome: Outcome, pair: Pair, already: str, *, as_json: bool) -> int:
    (one, other), (owner, claimer) = pair.names, pair.roots
    if as_json:
        print(json.dumps({"outcome": outcome, "names": pair.names, "customers": pair.roots}, indent=2))
    else:
        texts: dict[Outcome, str] = {
            "linked": f"{one} and {other} are {already or 'now'} one: {owner}",
            "unlinked": f"{one} belongs to {owner}, {other} to {claimer}",
            "conflict": f"{one} stays with {owner}, {other} with {claimer}: the first customer keeps an alias. If that "
            "is wrong, unlink it there first.",
            "together": f"{one} and {other} are cut, but other names still connect them: see `tracker identity show`.",
            "sent": f"The request about {one} and {other} is sent.",
        }
        print(printable(texts[outcome]))
    return ExitCode.FAILED if outcome in {"conflict", "together"} else ExitCode.OK


def _as_text(described: Mapping[str, Any]) -> str:
    asked, customer = described["asked"], described["customer"]
    lines = [customer] if asked == customer else [f"{asked} belongs to {customer}"]
    lines += [f"  {one['alias']}   with {one['with']}{_when(one)}" for one in described["aliases"]]
    lines += ["", "claimed by two customers"] if described["conflicts"] else []
    lines += [f"  {_conflict(one)}" for one in described["conflicts"]]
    lines += ["", "cut by a person"] if described["cuts"] else []
    lines += [f"  {one['alias']} from {one['from']}, {one['ruled_at']}" for one in described["cuts"]]
    return "\n".join(map(printable, lines))


def _when(seen: Mapping[str, Any]) -> str:
    parts = [f", seen {seen['seen_at']} in {seen['event_id']}"] if seen["seen_at"] else []
    parts += [" by a browser"] if seen["trust"] == "browser" else []
    parts += [f", linked by a person {seen['ruled_at']}"] if seen["ruled_at"] else []
    return "".join(parts)


def _suspect(one: Mapping[str, Any]) -> str:
    since = f"released {one['released_at']}" if one["released_at"] else f"suspect since {one['suspect_since']}"
    peers = ", ".join(f"{count} {kind}" for kind, count in one["seen_with"].items())
    refused = f"; {one['refused']} of them refused" if one["refused"] else ""
    return printable(f"{one['name']} ({one['belongs_to']}) {since}, seen with {peers}{refused}")


def _conflict(one: Mapping[str, Any]) -> str:
    claims = "; ".join(f"{each['customer']}{_when(each)}" for each in one["claimed_by"])
    return printable(f"{one['alias']} belongs to {one['belongs_to']}, claimed by {claims}")
