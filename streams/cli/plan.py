"""`tracker plan`: draft a tracking plan from events, and check events and changed plans."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import yaml

from streams.cli.options import AsJson
from streams.collector.plans import load
from streams.errors import ExitCode, TrackerError, UsageError
from streams.events.files import ReadTally
from streams.events.from_kafka import opened
from streams.events.plan_events import Checked, Seen, of_files, of_topics
from streams.events.plan_events import check as check_events
from streams.process.terminal import escaped, printable
from streams.settings.settings import read
from tracker.problem import choose
from tracker.tracking_plans.draft import Draft, document
from tracker.tracking_plans.tracking_plan import SourcePlan, narrowed

app = typer.Typer(help="Draft and check tracking plans: which types a source sends with which properties.")

Files = Annotated[
    list[str] | None, typer.Argument(metavar="EVENTS...", help="Files of touchpoints, a line each; - for stdin.")
]
Channels = Annotated[
    list[str] | None, typer.Option("--channel", help="Read the newest of this channel's topic; repeat it for more.")
]
Types = Annotated[list[str] | None, typer.Option("--type", help="Only this type; repeat it for more.")]
Newest = Annotated[int, typer.Option(min=1, help="How many to read of each topic.")]


@app.command()
def infer(
    source: Annotated[str, typer.Argument(help="The source, as `tracker keys list` shows it.")],
    files: Files = None,
    *,
    channel: Channels = None,
    type_: Types = None,
    newest: Newest = 100_000,
    reject: Annotated[bool, typer.Option("--reject", help="Reject violations instead of marking them.")] = False,
    closed: Annotated[bool, typer.Option("--closed", help="Count other types as violations too.")] = False,
) -> int:
    """Draft a tracking plan from touchpoints, for COLLECTOR_PLANS.

    Each type gets the properties that came with it and their types; a property that was always present is required. The
    plan is printed as YAML. Read it, remove what came by mistake, then run `tracker plan check` to see what it would
    have found.

    A topic holds the touchpoints of all its sources; choose some with --type.

    Examples:
      tracker plan infer web-shop --channel web --channel shop > plans.yaml
      tracker plan infer help-desk tickets.jsonl.gz --closed --reject
    """
    tally, draft = ReadTally(), Draft()
    with _events(files, channel, type_, newest, tally) as events:
        for seen in events:
            draft.see(seen.type, seen.properties)
    _print_unreadable(tally)
    if draft.left_out:
        print(f"{draft.left_out} events were left out: there are too many types.", file=sys.stderr)
    made = document(source, draft, rejects=reject, closed=closed)
    text = yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=110)
    # A plan with characters that a terminal must not see names them by their escapes, and stays the same plan.
    print(text if escaped(text) == text else yaml.safe_dump(made, sort_keys=False, width=110), end="")
    return ExitCode.OK


@app.command()
def check(
    plan: Annotated[Path, typer.Argument(help="The file of plans.")],
    files: Files = None,
    *,
    source: Annotated[str | None, typer.Option(help="The source, where the file has several.")] = None,
    channel: Channels = None,
    type_: Types = None,
    newest: Newest = 100_000,
    before: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The plans before; what they allow must still be allowed.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check a file of plans, events against a plan, and a changed plan against the one before.

    Violations are counted by type, each with its first place.

    Exit codes: 1 when events violate the plan, or when the changed plan refuses what the one before allows; 3 when the
    file has faults, each listed with its line.

    Examples:
      tracker plan check plans.yaml
      tracker plan check plans.yaml events.jsonl --source web-shop
      tracker plan check plans.yaml --source web-shop --channel web --newest 10000 --json
      tracker plan check plans.yaml --before plans-in-use.yaml
    """
    plans = load(plan)
    tighter = _tighter(load(before), plans) if before else []
    done, tally = Checked(), ReadTally()
    if files or channel:
        with _events(files, channel, type_, newest, tally) as events:
            done = check_events(_of(plans, source), events)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(_data(plans, done, tally, tighter)), indent=2).decode())
    else:
        _show(plans, done, tighter)
        _print_unreadable(tally)
    return ExitCode.FAILED if done.bad or tighter else ExitCode.OK


@contextmanager
def _events(
    files: list[str] | None, channels: list[str] | None, types: list[str] | None, newest: int, tally: ReadTally
) -> Iterator[Iterator[Seen]]:
    if not (files or channels):
        raise UsageError("No events were given.", "Name files of events, channels with --channel, or both.")
    of_all = of_files(files or (), types or (), tally)
    if not channels:
        yield of_all
        return
    settings = read(os.environ)
    for name in channels:
        if name not in settings.channels:
            raise UsageError(f"There is no channel {name!r}.", choose(name, settings.channels).capitalize())
    with opened(settings) as consumer:
        yield chain(of_all, of_topics(consumer, channels, types or (), newest, tally))


def _of(plans: dict[str, SourcePlan], source: str | None) -> SourcePlan:
    if source is None and len(plans) == 1:
        return next(iter(plans.values()))
    if source is None:
        raise UsageError("The file has plans of several sources.", f"Choose one with --source: {', '.join(plans)}.")
    if source not in plans:
        raise TrackerError(f"There is no plan of {source!r}.", choose(source, plans).capitalize(), ExitCode.NOT_FOUND)
    return plans[source]


def _tighter(before: dict[str, SourcePlan], now: dict[str, SourcePlan]) -> list[tuple[str, str, str]]:
    """What was allowed and is refused now: source, type, where."""
    return [(source, *each) for source, plan in before.items() if source in now for each in narrowed(plan, now[source])]


def _data(
    plans: dict[str, SourcePlan], done: Checked, tally: ReadTally, tighter: Sequence[tuple[str, str, str]]
) -> dict[str, Any]:
    return {
        "ok": not (done.bad or tighter),
        "sources": {name: sorted(plan.schemas) for name, plan in plans.items()},
        "events": done.events,
        "not_as_planned": done.bad,
        "violations": [
            {"type": type_, "violation": kind, "events": count, "first": done.examples[type_, kind]}
            for (type_, kind), count in done.by_type.most_common()
        ],
        "unreadable": tally.rejected,
        "tighter": [{"source": source, "type": type_, "what": what} for source, type_, what in tighter],
    }


def _show(plans: dict[str, SourcePlan], done: Checked, tighter: Sequence[tuple[str, str, str]]) -> None:
    for name, plan in plans.items():
        print(f"{name}: {len(plan.schemas)} types, violations are {'rejected' if plan.rejects else 'marked'}")
    for (type_, kind), count in done.by_type.most_common():
        print(f"{count:>9}  {printable(type_)}: {kind}, as in {printable(done.examples[type_, kind])}")
    if done.events:
        print(f"{done.bad} of {done.events} events are not as planned.")
    for source, type_, what in tighter:
        print(printable(f"{source}, {type_}: {what}"))
    if tighter:
        print(f"{len(tighter)} things that the plans before allow are refused now.")


def _print_unreadable(tally: ReadTally) -> None:
    if tally.rejected:
        first = tally.examples[0]
        print(
            f"{tally.rejected} of {tally.lines} are not touchpoints; the first is {first.file}:{first.line}: "
            f"{first.detail}",
            file=sys.stderr,
        )
