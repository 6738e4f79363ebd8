"""`tracker show`: where one customer is.

It draws what `streams/person/show.py` describes.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from time import time
from typing import Any, Final

from streams.cli.options import AsJson, Customer
from streams.cli.spans import lasting
from streams.errors import ExitCode
from streams.person.opened import opened_store
from streams.person.show import describe, follow, printable
from streams.settings.definitions import load_journeys
from streams.settings.settings import read
from tracker.engine.customer import CustomerFold

MOST_PEOPLE: Final = 20
COLOURS: Final = {"waiting": "cyan", "dropped": "red", "completed": "green", "exited": "yellow"}


def show(
    customer: Customer,
    *,
    as_json: AsJson = False,
) -> int:
    """Show where one customer is.

    For each journey: the stage they are in, how they came there, and what happens if nothing comes. It reads what
    the workers have stored; `tracker explain` tells why it is so.

    Examples:
      tracker show c-1042
      tracker show anonymous_id:a-17 --json
    """
    settings = read(os.environ)
    journeys = CustomerFold(load_journeys(settings), settings.lateness_horizon_ms)
    with opened_store(settings) as client:
        stored, alias = follow(client, customer, settings.partitions, settings.kinds)
        told = {"alias": alias, **describe(stored, journeys)} if alias else describe(stored, journeys)
    if as_json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        draw(told, time())
    return ExitCode.OK


def draw(told: Mapping[str, Any], now_s: float) -> None:
    """Prints a customer for a person."""
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    if "alias" in told:
        console.print(f"{_plain(told['alias'])} belongs to {_plain(told['customer'])}\n")
    console.print(f"[bold]{_plain(told['customer'])}[/]  [dim]partition {told['partition']}[/]")
    if not any(journey["instances"] for journey in told["journeys"]):
        console.print("has been seen, but by no touchpoint that a journey asks for")
    for journey in told["journeys"]:
        for instance in journey["instances"]:
            console.print()
            _draw_instance(console, journey, instance, now_s)
    if told.get("accounts") or told.get("people"):
        _draw_standing(console, told.get("accounts", ()), told.get("people", ()), now_s)


def _draw_standing(
    console: Any, accounts: Iterable[Mapping[str, Any]], people: Sequence[Mapping[str, Any]], now_s: float
) -> None:
    """The accounts of a person, the people of an account."""
    from rich.table import Table

    console.print()
    for one in accounts:
        console.print(f"[dim]one of[/]  {_plain(one['account'])}, since {_clock(one['since'])}")
    if not people:
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for column in ("people", "journey", "came to", "last seen"):
        table.add_column(column)
    for one in people[:MOST_PEOPLE]:
        came = max(one["reached"], key=lambda stage: one["reached"][stage], default="-")
        last = f"{_clock(one['last'])}{_ago(one['last'], now_s)}"
        table.add_row(_plain(one["person"]), _plain(one["journey"]), _plain(came), last)
    console.print(table)
    if len(people) > MOST_PEOPLE:
        console.print(f"and {len(people) - MOST_PEOPLE} more (`--json` has all)")


def _draw_instance(console: Any, journey: Mapping[str, Any], instance: Mapping[str, Any], now_s: float) -> None:
    from rich.table import Table

    status = instance["status"] or "unknown"
    key = f" · {_plain(instance['key'])}" if instance["key"] is not None else ""
    head = f"[bold]{_plain(journey['journey'])}[/] {journey['version']}{key}"
    console.print(f"{head}   [{COLOURS.get(status, 'dim')}]{status}[/]")
    if not journey["declared"]:
        console.print("  [yellow]its journey file is not among TRACKER_JOURNEYS, so its stages have no names here[/]")
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


def _lines(instance: Mapping[str, Any], now_s: float) -> list[tuple[str, str]]:
    """The facts of an instance that hold, each with its label."""
    since = f"{instance['current']}, since {_clock(instance['since'])}" if instance["current"] else "not begun"
    lines = [("now in", since)]
    if instance["furthest"] != instance["current"]:
        lines.append(("furthest", instance["furthest"] or "-"))
    if instance["funnel_depth"]:
        lines.append(("funnel", f"{instance['funnel_depth']} deep, to {instance['funnel_stage']}"))
    lines.append(("last seen", f"{_clock(instance['last'])}{_ago(instance['last'], now_s)}"))
    if instance["drops_out"]:
        lines.append(("drops out", f"{_clock(instance['drops_out'])}, if nothing comes before"))
    labels = {"dropped_at": "dropped", "recovered_at": "came back", "exited_at": "left"}
    lines += [(label, _clock(instance[name])) for name, label in labels.items() if instance[name]]
    lines += [(name, value) for name, value in instance["segments"].items()]
    if instance["corrections"]:
        lines.append(("corrected", f"{instance['corrections']} times by touchpoints that came late"))
    return lines


def _plain(text: str) -> str:
    """Text that is printed as it is: no markup, no control characters."""
    from rich.markup import escape

    return escape(printable(text))


def _clock(at: str | None) -> str:
    return "-" if at is None else f"{at[:10]} {at[11:19]}"


def _ago(at: str | None, now_s: float) -> str:
    from datetime import datetime

    seconds = 0.0 if at is None else now_s - datetime.fromisoformat(at).timestamp()
    return f" ({lasting(int(seconds))} ago)" if seconds >= 60 else ""
