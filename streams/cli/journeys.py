"""`tracker journeys`: the definitions in the store, and applying journey files to them.

It prints; `streams/definitions` decides and writes.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins

from streams.cli.check import journey_files
from streams.cli.options import AsJson
from streams.definitions.apply import Applied, RefusedFile, apply, compare, keep_former, read_files, read_record
from streams.definitions.builds import prefix_of
from streams.definitions.markers import progress_of
from streams.definitions.record import DefinitionRecord, Revision
from streams.definitions.served import Marker, read_markers
from streams.errors import ExitCode, TrackerError, UsageError
from streams.person.opened import opened_store
from streams.person.times import shown
from streams.settings.settings import Settings, read
from streams.shadow.begin import names_of
from tracker.journey.versions import DefinitionDifference, differences, digest

app = typer.Typer(help="Show the definitions in the store, and apply journey files to them.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The journey's name.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print what would become of the files.")]


@app.command("list")
def list_(*, as_json: AsJson = False) -> int:
    """List the journeys that the store counts: version, stages, since when, and whether all partitions follow.

    Workers follow the store within seconds. Until each state was looked at, some may be of an earlier definition.

    Examples:
      tracker journeys list
      tracker journeys list --json
    """
    with _opened() as (client, settings):
        record = read_record(client)
        prefix = prefix_of(record.newest.build)
        markers = read_markers(client, settings.partitions, prefix) if record.revisions else []
    if as_json:
        _print_json(_listed(record, markers))
    elif not record.revisions:
        print("The store has no definitions yet. Workers apply TRACKER_JOURNEYS when they start.")
    else:
        for each in _listed(record, markers)["journeys"]:
            print(f"{each['journey']} {each['version']}: {' → '.join(each['stages'])}")
            print(f"    since {each['since']}, revision {each['revision']} by {each['by']}")
        if shadow := record.newest.shadow:
            beside = ", ".join(names_of(record, shadow.journeys, record.newest.journeys))
            print(f"shadow {shadow.build}: {beside}, beside them; `tracker shadow --status` shows how far it is")
        print(progress_of(markers, record.newest.number))
    return ExitCode.OK


@app.command()
def show(
    name: Name,
    *,
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="An earlier version. Left out: the current one.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Print a journey as it was applied, as YAML.

    Exit codes: 10 when the store has no such journey or version.

    Examples:
      tracker journeys show retail > retail.yaml
      tracker journeys show retail --version 3
    """
    with _opened() as (client, _):
        record = read_record(client)
    current = record.newest.journeys.get(name)
    versions = {identifier: each for identifier, each in record.stored.items() if each.journey == name}
    # Of one version there may be several, where an earlier program did not ask for another number: the newest.
    found = sorted(
        (each.applied_at_ms, identifier)
        for identifier, each in versions.items()
        if (identifier == current if version is None else each.version == version)
    )
    if not found:
        raise _unknown(record, name, version)
    identifier = current if current in {each for _, each in found} else found[-1][1]
    stored = versions[identifier]
    if as_json:
        _print_json(
            {
                "journey": name,
                "version": stored.version,
                "current": identifier == current,
                "file": stored.file,
                "applied_at": shown(stored.applied_at_ms),
                "text": stored.text,
            }
        )
    else:
        sys.stdout.write(stored.text)
    return ExitCode.OK


@app.command("apply")
def apply_(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Journey files, or folders of them.")],
    *,
    dry_run: DryRun = False,
    former: Annotated[
        bool,
        typer.Option("--former", help="Store definitions that states were folded by earlier; the current ones stay."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Make journey files the store's definitions: all of them, or none. Running workers follow within seconds.

    A new journey and a higher `version` are taken. The same version with other content is refused, and so is a lower
    version. To go back to earlier content, give it a version above the current one.

    `tracker check FILE --against` says beforehand what a change asks for.

    Use --former once, after an upgrade, where states were folded by a definition that the store never had. Workers then
    end with the name and version of that definition.

    Exit codes: 1 when --dry-run finds a file that would be refused, 2 when one is refused or has problems.

    Examples:
      tracker journeys apply retail.yaml --dry-run
      tracker journeys apply journeys/
      tracker journeys apply --former retail-2.yaml
    """
    given = read_files([Path(each) for each in journey_files(files)])
    with _opened() as (client, _):
        if former:
            return _keep_former(client, given, dry_run=dry_run, as_json=as_json)
        if dry_run:
            outcomes = compare(read_record(client), given)
        else:
            outcomes = apply(client, given, "apply", require=_require_taken)
    if as_json:
        _print_json({"dry_run": dry_run, "files": [each.as_data() for each in outcomes]})
    else:
        for each in outcomes:
            _print_outcome(each)
    return ExitCode.FAILED if any(_is_refused(each) for each in outcomes) else ExitCode.OK


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this journey. Left out: all.")] = None,
    *,
    as_json: AsJson = False,
) -> int:
    """List the revisions of the store's definitions, the newest first: when, by what, and what changed.

    Exit codes: 10 when the store has no such journey.

    Examples:
      tracker journeys history
      tracker journeys history retail --json
    """
    with _opened() as (client, _):
        record = read_record(client)
    if name is not None and not any(name in each.journeys for each in record.revisions.values()):
        raise _unknown(record, name, None)
    revisions = [_changed(record, record.revisions[number], name) for number in sorted(record.revisions, reverse=True)]
    if name is not None:
        revisions = [each for each in revisions if each["changes"]]
    if as_json:
        _print_json({"revisions": revisions})
        return ExitCode.OK
    for each in revisions:
        print(f"revision {each['revision']}, {each['at']}, by {each['by']}")
        for one in each["changes"]:
            print(f"    {_in_words(one)}")
        if not each["changes"]:
            print("    what is counted stayed the same")
    if not revisions:
        print("The store has no definitions yet.")
    return ExitCode.OK


@contextmanager
def _opened() -> Iterator[tuple[Any, Settings]]:
    settings = read(os.environ)
    with opened_store(settings) as client:
        yield client, settings


def _print_json(data: dict[str, Any]) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))


def _unknown(record: DefinitionRecord, name: str, version: int | None) -> TrackerError:
    versions = sorted({each.version for each in record.stored.values() if each.journey == name})
    if version is not None and versions:
        message, remedy = f"The store has no version {version} of {name!r}.", f"It has {', '.join(map(str, versions))}."
    else:
        known = ", ".join(sorted(record.newest.journeys))
        message = f"The store has no journey {name!r}."
        remedy = f"It has {known}." if known else "Workers apply TRACKER_JOURNEYS when they start."
    return TrackerError(message, remedy, ExitCode.NOT_FOUND)


def _listed(record: DefinitionRecord, markers: list[Marker]) -> dict[str, Any]:
    newest = record.newest
    journeys = []
    for name, identifier in sorted(newest.journeys.items()):
        definition, since = record.definition(identifier), record.since(name)
        journeys.append(
            {
                "journey": name,
                "version": definition.version,
                "stages": [stage.name for stage in definition.stages],
                "accounts": definition.accounts.journey if definition.accounts else None,
                "since": shown(since.at_ms),
                "revision": since.number,
                "by": since.by,
            }
        )
    return {
        "revision": newest.number,
        "journeys": journeys,
        "shadow": to_builtins(newest.shadow) if newest.shadow else None,
        "partitions": [asdict(each) for each in markers],
    }


def _keep_former(client: Any, given: list[Any], *, dry_run: bool, as_json: bool) -> int:
    if dry_run:
        stored = read_record(client).stored
        new = [each for each in given if digest(each.definition) not in stored]
    else:
        new = keep_former(client, given)
    data = [
        {
            "file": each.path,
            "journey": each.definition.journey,
            "version": each.definition.version,
            "verdict": "former" if each in new else "same",
        }
        for each in given
    ]
    if as_json:
        _print_json({"dry_run": dry_run, "files": data})
        return ExitCode.OK
    for each in data:
        what = "is stored as a former definition" if each["verdict"] == "former" else "is in the store already"
        print(f"{each['file']}: {each['journey']} {each['version']} {what}")
    return ExitCode.OK


def _is_refused(outcome: Applied) -> bool:
    return outcome.decision.verdict in ("refused", "older")


def _require_taken(outcomes: Sequence[Applied]) -> None:
    """Raises for the first file that is refused: here a person asks for it, so a lower version is refused too."""
    for each in outcomes:
        if each.decision.verdict == "refused":
            raise RefusedFile(each)
        if each.decision.verdict == "older":
            assert each.current is not None
            raise UsageError(
                f"{each.file.path}: {each}.",
                f"To go back to it, set its `version` to {each.current.version + 1}. To store it for states that an "
                "earlier program folded by it, add --former.",
            )


def _print_outcome(outcome: Applied) -> None:
    if outcome.decision.verdict == "refused":
        assert outcome.current is not None
        print(f"{outcome.file.path}: refused: it differs from the store's {outcome.current.version}")
    elif outcome.decision.verdict == "taken":
        assert outcome.current is not None
        given = outcome.file.definition
        print(f"{outcome.file.path}: {given.journey} {given.version} replaces {outcome.current.version}")
    else:
        print(f"{outcome.file.path}: {outcome}")
    if outcome.decision.verdict in ("refused", "taken"):
        for each in outcome.decision.differences:
            print(f"    {each}")
    if outcome.decision.verdict == "taken" and outcome.decision.need == "history":
        print("    The past is counted by the earlier rules; `tracker shadow FILE` builds it again by the new ones.")


def _changed(record: DefinitionRecord, revision: Revision, name: str | None) -> dict[str, Any]:
    before = record.before(revision.number)
    changes = []
    for journey, identifier in sorted(revision.journeys.items()):
        was = before.journeys.get(journey)
        if was == identifier or name not in (None, journey):
            continue
        now = record.definition(identifier)
        then = record.definition(was) if was is not None else None
        found: tuple[DefinitionDifference, ...] = differences(then, now) if then is not None else ()
        changes.append(
            {
                "journey": journey,
                "from": then.version if then is not None else None,
                "to": now.version,
                "differences": [{**each._asdict(), "text": str(each)} for each in found],
            }
        )
    return {"revision": revision.number, "at": shown(revision.at_ms), "by": revision.by, "changes": changes}


def _in_words(change: dict[str, Any]) -> str:
    if change["from"] is None:
        return f"{change['journey']} {change['to']} is new"
    found = "; ".join(each["text"] for each in change["differences"]) or "it counts the same"
    return f"{change['journey']} {change['from']} → {change['to']}: {found}"
