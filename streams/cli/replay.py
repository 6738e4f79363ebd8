"""`tracker replay`: recorded events through a journey; no server is needed.

It prints what `tracker/replay/replay.py` counts.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

import typer

from streams.cli.event_input import EventInput, Form, Maps, Sources, span_of
from streams.cli.options import AsJson, Events, JourneyFile, Now, Since, Until
from streams.cli.paint import Paint
from streams.cli.spans import lasting
from streams.errors import ExitCode, TrackerError, UsageError
from streams.events.files import STDIN, ReadTally
from streams.events.gathering import Gathered, moment, show_time, watched
from streams.person.spellings import spellings
from streams.settings.settings import read
from tracker.journey.definition import Definition
from tracker.journey.file import load
from tracker.replay.columns import Columns, Event
from tracker.replay.explain import explain
from tracker.replay.replay import Breakdown, BreakdownError, Replay, breakdown
from tracker.replay.report import ReplayFigures, Report, customer_as_json

BAR: Final = 24
SHOWN_VALUES: Final = 12


def replay(
    definition: JourneyFile,
    events: Events = None,
    *,
    now: Now = None,
    since: Since = None,
    until: Until = None,
    entered_since: Annotated[
        str | None,
        typer.Option(metavar="T", help="Count only customers who entered the journey at this time or later."),
    ] = None,
    entered_until: Annotated[
        str | None,
        typer.Option(
            metavar="T", help="Count only customers who entered at this time or earlier; what follows counts."
        ),
    ] = None,
    maps: Maps = None,
    sources: Sources = None,
    form: Form = None,
    customers: Annotated[
        bool, typer.Option("--customers", help="Also print each customer's stage and status.")
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(metavar="SEGMENT", help="Break down by a segment or a path: properties.plan, context.x:last."),
    ] = None,
    explain: Annotated[str | None, typer.Option(metavar="ID", help="Explain one customer instead.")] = None,
    as_json: AsJson = False,
) -> int:
    """Run recorded touchpoints through a journey.

    Prints the funnel with counts, shares and times of each stage. Each line is a touchpoint as producers send it, or
    the short form:

      {"customer": "c1", "event": "signed up", "timestamp": "2026-11-22T10:00:00Z", "properties": {...}}

    Lines may be in any order. No server is needed.

    Exit codes: 1 when no line is a touchpoint, 10 when a file or the customer of --explain is not found.

    Examples:
      tracker replay my-journey.yaml events.jsonl.gz
      zcat events/*.gz | tracker replay my-journey.yaml - --by plan --json
      tracker replay my-journey.yaml events.jsonl --explain c-1042
      tracker replay my-journey.yaml orders.csv --map examples/imports/orders.yaml
      tracker replay my-journey.yaml events.jsonl --entered-since 2026-10-01 --entered-until 2026-10-31T23:59:59Z
    """
    journey = load(definition)
    chosen = broken_down(journey, by)
    now_ms = moment("--now", now)
    also = [chosen.path] if chosen and chosen.path else []
    reading = EventInput(named(events), maps or (), sources or (), form, span_of(since, until))
    entered = span_of(entered_since, entered_until, "--entered-")
    gathered = reading.gather([journey], now_ms=now_ms, also=also)
    running = Replay(journey, gathered.columns, now_ms, chosen, entered)
    if explain is not None:
        return print_explanation(running, gathered, explain, as_json=as_json)
    by_customer: dict[str, Any] = {}
    for results in watched(running.customers()):
        if customers:
            by_customer |= {one.name: customer_as_json(one, show_time) for one in results}
    report = running.report
    if as_json:
        document = report.as_json(gathered.tally.rejected)
        if customers:
            document["by_customer"] = by_customer
        print(json.dumps(document, ensure_ascii=False))
    else:
        draw(report, by, by_customer if customers else None)
    say_what_was_read(gathered)
    return outcome(gathered)


def named(events: list[str] | None) -> list[str]:
    """The files to read; standard input where none is given and stdin is not a terminal."""
    if events:
        return events
    if sys.stdin.isatty():
        raise UsageError("No events were given.", "Give files, or - for standard input.")
    return [STDIN]


def broken_down(journey: Definition, by: str | None) -> Breakdown | None:
    """The breakdown of `--by`; raises UsageError."""
    try:
        return None if by is None else breakdown(journey, by)
    except BreakdownError as error:
        raise UsageError(f"--by: {error}") from None


def print_explanation(running: Replay, gathered: Gathered, name: str, *, as_json: bool) -> int:
    """Print the explanation of one customer, found by any of their names, an address or a telephone number."""
    found = next(found_as(gathered.columns, [name]), None)
    if found is None:
        settings = read(os.environ)
        found = next(found_as(gathered.columns, spellings(name, settings.kinds, settings.hash_key)), None)
    if found is None:
        raise TrackerError(
            f"No event of the customer {name!r} was read.",
            "Write the id as in the events, ids other than customer_id with their kind, such as anonymous_id:a-17; or "
            "an e-mail address, or a telephone number with its country code.",
            ExitCode.NOT_FOUND,
        )
    customer, events = found
    explanation = explain(running.definition, gathered.columns, customer, events, running.now_ms)
    if as_json:
        print(json.dumps(explanation.as_json(show_time), ensure_ascii=False, indent=2))
    else:
        print(explanation.as_text(show_time))
    say_what_was_read(gathered)
    return ExitCode.OK


def found_as(columns: Columns, names: Iterable[str]) -> Iterator[tuple[str, list[Event]]]:
    """The customers of these names who have events, each with them."""
    for name in names:
        customer = columns.customer(name)
        if (events := columns.of(customer)) is not None:
            yield customer, events


def outcome(gathered: Gathered) -> ExitCode:
    """FAILED where no line that was read is a touchpoint."""
    tally = gathered.tally
    return ExitCode.FAILED if tally.rejected and tally.rejected == tally.lines else ExitCode.OK


def say_what_was_read(gathered: Gathered) -> None:
    """Print to stderr how much was read, how fast, and what could not be read."""
    tally, spent_s = gathered.tally, gathered.spent_s()
    paint = Paint(sys.stderr)
    say_what_was_rejected(tally)
    if said := gathered.said_of_future():
        print(paint("yellow", said), file=sys.stderr)
    if not tally.lines:
        print(paint("yellow", "No events were read: the input is empty."), file=sys.stderr)
    cut = f", {tally.cut:,} outside of --since and --until left out" if tally.cut else ""
    rate = f"{tally.lines / spent_s:,.0f} a second"
    print(paint("dim", f"{tally.lines:,} events in {spent_s:.1f} s ({rate}){cut}"), file=sys.stderr)


def say_what_was_rejected(tally: ReadTally) -> None:
    """Print to stderr which lines are no touchpoints."""
    paint = Paint(sys.stderr)
    for one in tally.examples:
        print(paint("yellow", f"{one.file}:{one.line}: {one.reason}: {one.detail}"), file=sys.stderr)
    if tally.rejected:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in tally.reasons.most_common())
        rest = f"{tally.rejected:,} of {tally.lines:,} lines were left out: {counts}."
        print(paint("yellow", rest), file=sys.stderr)


def draw(report: Report, by: str | None, by_customer: dict[str, Any] | None) -> None:
    """Print the figures as text."""
    paint = Paint(sys.stdout)
    definition, figures = report.definition, report.figures
    counted = "instances" if definition.key else "customers"
    title = paint("bold", definition.title or definition.journey)
    print(f"{title}  version {definition.version}  {figures.customers:,} {counted} at {show_time(report.now_ms)}\n")
    print("\n".join(table(figures, paint)))
    for value, part in list((report.by or {}).items())[:SHOWN_VALUES]:
        print(f"\n{paint('bold', f'{by} = {value}')}  {part.customers:,} {counted}")
        print("\n".join(table(part, paint)))
    if report.by and len(report.by) > SHOWN_VALUES:
        print(f"\n… and {len(report.by) - SHOWN_VALUES:,} more values; --json prints all")
    if report.accounts is not None and definition.accounts is not None:
        name = paint("bold", definition.accounts.journey)
        print(f"\n{name}  {report.accounts.customers:,} accounts")
        print("\n".join(table(report.accounts, paint)))
    if by_customer is not None:
        print()
        print("\n".join(customer_lines(by_customer, paint)))
    if report.left_out is not None:
        print(f"\n{paint('dim', f'{report.left_out:,} {counted} entered at other times and are left out')}")
    counts = f"{report.applied:,} applied, {report.duplicate:,} duplicate"
    print(f"\n{paint('dim', f'touchpoints: {counts}')}")


def table(figures: ReplayFigures, paint: Paint) -> list[str]:
    """The stages as lines: a bar, counts, shares and times."""
    width = max(5, *(len(name) for name in figures.names))
    entered = figures.stages[0].funnel if figures.stages else 0
    head = f"{'stage':<{width}}  {'funnel':<{BAR}} {'':>9} {'of first':>8} {'of prev.':>8}"
    lines = [paint("dim", f"{head}  {'reached':>9} {'now':>9} {'waiting':>9} {'dropped':>9}  {'time to reach':>13}")]
    before = None
    for name, stage in zip(figures.names, figures.stages, strict=True):
        bar = "█" * round(BAR * stage.funnel / entered) if entered else ""
        bar = bar or ("▏" if stage.funnel else "")
        counts = f"{stage.funnel:>9,} {share(stage.funnel, entered):>8} {share(stage.funnel, before):>8}"
        more = f"{stage.reached:>9,} {stage.current:>9,} {stage.waiting:>9,} {stage.dropped:>9,}"
        wait = stage.as_json(name)["seconds_to_reach"]["median"]
        lines.append(f"{name:<{width}}  {paint('blue', f'{bar:<{BAR}}')} {counts}  {more}  {lasting(wait):>13}")
        before = stage.funnel
    return lines


def share(count: int, whole: int | None) -> str:
    """A share in per cent; a dash where the whole is 0 or None."""
    return f"{100 * count / whole:.1f} %" if whole else "-"


def customer_lines(by_customer: dict[str, Any], paint: Paint) -> list[str]:
    """One line a customer."""
    width = max(8, *(len(name) for name in by_customer)) if by_customer else 8
    lines = [paint("dim", f"{'customer':<{width}}  {'status':<10} {'depth':>5}  {'current':<20} furthest")]
    for name, one in by_customer.items():
        place = f"{one['funnel_depth']:>5}  {one['current']:<20} {one['furthest']}"
        lines.append(f"{name:<{width}}  {one['status']:<10} {place}")
    return lines
