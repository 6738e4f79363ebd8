"""`tracker show`: which stage a customer is in.

It prints what `streams/person/show.py` describes.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from time import time
from typing import Any, Final

from streams.cli.options import AsJson, Customer
from streams.cli.spans import lasting
from streams.definitions.reader import customer_fold, served_prefix
from streams.errors import ExitCode
from streams.person.opened import opened_store
from streams.person.show import describe, follow
from streams.process.terminal import printable, unfiltered
from streams.settings.settings import read

MOST_PEOPLE: Final = 20
COLOURS: Final = {"waiting": "cyan", "dropped": "red", "completed": "green", "exited": "yellow"}


def show(
    customer: Customer,
    *,
    as_json: AsJson = False,
) -> int:
    """Show which stage a customer is in.

    For each journey: the current stage, how the customer came there, and when they drop out without a further
    touchpoint. It reads what the workers have stored; `tracker explain` gives the reasons.

    Exit codes: 10 when the customer is not stored.

    Examples:
      tracker show c-1042
      tracker show anonymous_id:a-17 --json
      tracker show jo@mail.example
    """
    settings = read(os.environ)
    with opened_store(settings) as client:
        journeys = customer_fold(client, settings)
        stored, alias = follow(
            client, customer, settings.partitions, settings.kinds, served_prefix(client), hash_key=settings.hash_key
        )
        described = {"alias": alias, **describe(stored, journeys)} if alias else describe(stored, journeys)
    if as_json:
        print(json.dumps(described, indent=2, ensure_ascii=False))
    else:
        draw(described, time())
    return ExitCode.OK


def draw(described: Mapping[str, Any], now_s: float) -> None:
    """Print a customer as text."""
    from rich.console import Console

    console = Console(file=unfiltered(sys.stdout), highlight=False, soft_wrap=True)
    if "alias" in described:
        console.print(f"{_plain(described['alias'])} belongs to {_plain(described['customer'])}\n")
    console.print(f"[bold]{_plain(described['customer'])}[/]  [dim]partition {described['partition']}[/]")
    if not any(journey["instances"] for journey in described["journeys"]):
        console.print("was seen, but no touchpoint matched a stage of a journey")
    for journey in described["journeys"]:
        for instance in journey["instances"]:
            console.print()
            _draw_instance(console, journey, instance, now_s)
    if described.get("accounts") or described.get("people"):
        _draw_accounts(console, described.get("accounts", ()), described.get("people", ()), now_s)


def _draw_accounts(
    console: Any, accounts: Iterable[Mapping[str, Any]], people: Sequence[Mapping[str, Any]], now_s: float
) -> None:
    """The accounts of a person, the people of an account."""
    from rich.table import Table

    console.print()
    for one in accounts:
        console.print(f"[dim]member of[/]  {_plain(one['account'])}, since {_clock(one['since'])}")
    if not people:
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for column in ("person", "journey", "reached last", "last seen"):
        table.add_column(column)
    for one in people[:MOST_PEOPLE]:
        came = max(one["reached"], key=lambda stage: one["reached"][stage], default="-")
        last = f"{_clock(one['last'])}{_ago(one['last'], now_s)}"
        table.add_row(_plain(one["person"]), _plain(one["journey"]), _plain(came), last)
    console.print(table)
    if len(people) > MOST_PEOPLE:
        console.print(f"and {len(people) - MOST_PEOPLE} more (`--json` prints all)")


def _draw_instance(console: Any, journey: Mapping[str, Any], instance: Mapping[str, Any], now_s: float) -> None:
    from rich.table import Table

    status = instance["status"] or "unknown"
    key = f" · {_plain(instance['key'])}" if instance["key"] is not None else ""
    head = f"[bold]{_plain(journey['journey'])}[/] {journey['version']}{key}"
    console.print(f"{head}   [{COLOURS.get(status, 'dim')}]{status}[/]")
    if doubt := _doubt(journey):
        console.print(f"  [yellow]{doubt}[/]")
    lines = _lines(instance, now_s)
    width = max(len(label) for label, _ in lines)
    for label, value in lines:
        console.print(f"  [dim]{_plain(label.ljust(width))}[/]  {_plain(value)}")
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for column, justify in (("  stage", "left"), ("reached", "left"), ("visits", "right"), ("time in it", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for one in instance["stages"]:
        here = "→ " if one["stage"] == instance["current"] else "  "
        name = f"{here}{_plain(one['stage'])}"
        style = "bold" if here.strip() else ""
        table.add_row(name, _clock(one["reached"]), str(one["visits"]), lasting(one["seconds"]), style=style)
    console.print(table)


def _doubt(journey: Mapping[str, Any]) -> str | None:
    """What a reader must know of the definition that a journey is shown by."""
    if not journey["declared"]:
        return "nobody counts this journey any more, so its stages have no names here"
    if not journey["known"]:
        return (
            f"nobody has the definition of version {journey['folded_by']}, so its stages have no names here; "
            "`tracker journeys apply --former FILE` stores it"
        )
    if journey["folded_by"] != journey["version"]:
        return f"the figures count it by version {journey['folded_by']} until it is folded again"
    return None


def _lines(instance: Mapping[str, Any], now_s: float) -> list[tuple[str, str]]:
    """The facts of an instance that hold, each with its label."""
    since = f"{instance['current']}, since {_clock(instance['since'])}" if instance["current"] else "not started"
    lines = [("now in", since)]
    if instance["furthest"] != instance["current"]:
        lines.append(("furthest", instance["furthest"] or "-"))
    if instance["funnel_depth"]:
        lines.append(("funnel", f"{instance['funnel_depth']} deep, to {instance['funnel_stage']}"))
    lines.append(("last seen", f"{_clock(instance['last'])}{_ago(instance['last'], now_s)}"))
    if instance["drops_out"]:
        lines.append(("drops out", f"{_clock(instance['drops_out'])}, unless a touchpoint comes before"))
    labels = {"dropped_at": "dropped", "recovered_at": "came back", "exited_at": "left"}
    lines += [(label, _clock(instance[name])) for name, label in labels.items() if instance[name]]
    lines += [(each["question"], f"{each['score']}, answered {_clock(each['at'])}") for each in instance["answers"]]
    lines += [(name, value) for name, value in instance["segments"].items()]
    if instance["corrections"]:
        lines.append(("corrected", f"{instance['corrections']} times by late touchpoints"))
    return lines


def _plain(text: str) -> str:
    """Text for the console with its markup escaped and without control characters."""
    from rich.markup import escape

    return escape(printable(text))


def _clock(at: str | None) -> str:
    return "-" if at is None else f"{at[:10]} {at[11:19]}"


def _ago(at: str | None, now_s: float) -> str:
    from datetime import datetime

    seconds = 0.0 if at is None else now_s - datetime.fromisoformat(at).timestamp()
    return f" ({lasting(int(seconds))} ago)" if seconds >= 60 else ""
