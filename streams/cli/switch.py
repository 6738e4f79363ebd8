"""`tracker switch`: the shadow becomes what is served, and what was served becomes the shadow."""

import json
import os
import sys
from collections.abc import Iterator
from time import monotonic
from typing import Annotated

import typer

from streams.cli.options import AsJson
from streams.cli.shadow import tell_rulings
from streams.clients.clients import kafka_admin
from streams.definitions.apply import read_record
from streams.definitions.record import DefinitionRecord, Revision
from streams.errors import ExitCode, UsageError
from streams.person.opened import opened_store
from streams.settings.settings import read
from streams.shadow import switch as switching


def switch(
    *,
    wait: Annotated[float, typer.Option("--wait", min=1, help="Seconds until it is called off.")] = 60.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Serve the shadow, and keep what was served as the shadow.

    Both builds stand still at the same touchpoints for a few seconds and change places there, so no transition is lost
    and none comes twice. Figures, `tracker show` and all else turn to the new definition in one step. The way back is
    `tracker switch` again; `tracker shadow --drop` ends it. If it cannot be done in time it is called off, and nothing
    has changed. Afterwards put the new files where TRACKER_JOURNEYS has the old ones.

    Exit codes: 8 when erased names differ or another switch is under way, 10 when there is no shadow, 12 when the
    shadow is behind or the switch was called off.

    Examples:
      tracker switch
      tracker switch --yes --json
    """
    settings = read(os.environ)
    with opened_store(settings) as client, kafka_admin(settings) as admin:
        record = read_record(client)
        switching.require_ready(client, admin, settings, record.newest)
        for line in changes(record, record.newest):
            print(line, file=sys.stderr)
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError("Nobody is there to be asked.", "Say --yes.")
            typer.confirm("Serve the shadow?", abort=True, err=True)
        tell_rulings(client, settings, record.newest)
        began_s = monotonic()
        done = switching.switch(client, admin, settings, wait, lambda line: print(line, file=sys.stderr))
    took_s = monotonic() - began_s
    if as_json:
        assert done.shadow is not None
        print(json.dumps({"revision": done.number, "served": done.build, "shadow": done.shadow.build}))
    else:
        print(f"Switched in {took_s:.1f} s (revision {done.number}). `tracker switch` leads back.")
    return ExitCode.OK


def changes(record: DefinitionRecord, newest: Revision) -> Iterator[str]:
    """What a switch would change, a line for each journey."""
    assert newest.shadow is not None
    for name in sorted(newest.journeys.keys() | newest.shadow.journeys.keys()):
        before, after = newest.journeys.get(name), newest.shadow.journeys.get(name)
        if before == after:
            continue
        versions = [record.stored[each].version if each in record.stored else None for each in (before, after)]
        yield f"{name}: {versions[0] or 'none'} → {versions[1] or 'none'}"
