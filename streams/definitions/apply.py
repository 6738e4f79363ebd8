"""Applying: journey files become the store's definitions, or one line says why not."""

from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from time import time
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from streams.definitions.record import (
    DefinitionRecord,
    Revision,
    Shadow,
    StoredDefinition,
    digests,
    fields,
    parsed,
    read_fields,
    record_key,
)
from streams.errors import TrackerError, UsageError
from streams.settings.definitions import require_apart
from streams.stores.keys import PREFIX
from tracker.identity.accounts import with_accounts
from tracker.journey.definition import Definition
from tracker.journey.file import JourneyFileError, read_bytes
from tracker.journey.versions import Decision, decide, digest
from tracker.yaml_tree import MAX_BYTES

SCRIPT: Final = files("streams.definitions").joinpath("change.lua")
UNSEEN: Final = 100
"""More changes than are made within the second or two in which a process may not have seen them."""
KEPT: Final = ("new", "wording", "taken")
"""What is decided of files that change the record."""
MOST_SHOWN: Final = 3
"""Differences in one line; the rest is counted."""


class JourneyFile(NamedTuple):
    """A journey file that was read and has no problems."""

    path: str
    text: str
    definition: Definition


class Applied(NamedTuple):
    """What became of one file."""

    file: JourneyFile
    current: Definition | None
    """The definition that the store had of its journey."""
    decision: Decision
    is_shadow: bool = False
    """Whether it is the very definition that the shadow is counted by."""

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        given = self.file.definition
        return {
            "file": self.file.path,
            "journey": given.journey,
            "version": given.version,
            "current": self.current.version if self.current else None,
            "verdict": self.decision.verdict,
            "need": self.decision.need,
            "differences": [each._asdict() for each in self.decision.differences],
        }

    @property
    def is_kept(self) -> bool:
        """Whether applying the file changes the record."""
        return self.decision.verdict in KEPT and not self.is_shadow

    def __str__(self) -> str:
        given, verdict = self.file.definition, self.decision.verdict
        name = f"{given.journey} {given.version}"
        if self.is_shadow:
            return f"{name} is the shadow's; `tracker switch` makes it current"
        match verdict:
            case "new":
                return f"{name} is new"
            case "same":
                return f"{name} is current already"
            case "wording":
                return f"{name}: texts are taken; what is counted stays"
            case "taken":
                assert self.current is not None
                return f"{name} replaces {self.current.version}: {shown(self.decision)}"
            case _:
                assert self.current is not None
                return f"{name} is older than {self.current.version}, which the store has and uses"


class RefusedFile(TrackerError):  # noqa: N818  # what became of it
    """A file has the version of the store's definition, and another meaning."""

    def __init__(self, applied: Applied) -> None:
        given = applied.file.definition
        super().__init__(
            f"{applied.file.path}: {given.journey} {given.version} differs from the store's {given.version}: "
            f"{shown(applied.decision)}.",
            f"Raise `version` to {given.version + 1} if the change is meant; `tracker journeys show "
            f"{given.journey}` prints the store's.",
        )


RefusedFile.exit_code = UsageError.exit_code


def read_files(paths: Sequence[Path]) -> list[JourneyFile]:
    """The journey files. Raises JourneyFileError with all problems of the first that has any."""
    found = []
    for path in paths:
        try:
            data = path.read_bytes()[: MAX_BYTES + 1]
        except OSError as error:
            raise UsageError(f"{path} cannot be opened: {error.strerror}.", "Check the path and its rights.") from error
        definition, problems = read_bytes(data, str(path))
        if definition is None:
            raise JourneyFileError(str(path), [each for each in problems if each.severity == "problem"])
        found.append(JourneyFile(str(path), data.decode("utf-8"), definition))
    require_one_each(found)
    return found


def require_one_each(given: Sequence[JourneyFile]) -> None:
    """Return when each journey is in one file, and no journey of accounts has another's name. Raises UsageError."""
    paths: dict[str, str] = {}
    for each in given:
        other = paths.setdefault(each.definition.journey, each.path)
        if other != each.path:
            raise UsageError(
                f"{other} and {each.path} are both the journey {each.definition.journey!r}.",
                "Give only the one that is to run; `tracker journeys apply --former` stores an earlier one.",
            )
    require_apart(with_accounts(each.definition for each in given))


def read_record(client: Any, prefix: str = PREFIX) -> DefinitionRecord:
    """The record, through a blocking Redis client; empty where nothing was ever applied. Raises DamagedRecord."""
    return parsed(read_fields(client, prefix))


def compare(record: DefinitionRecord, given: Sequence[JourneyFile]) -> list[Applied]:
    """What would become of each file. Raises UsageError where a journey of accounts would have another's name."""
    current, shadow = record.newest.journeys, record.newest.shadow
    outcomes = []
    for file in given:
        name, identifier = file.definition.journey, digest(file.definition)
        if current.get(name) == identifier and identifier not in record.stored:
            # The record has lost the text, and this is it.
            outcomes.append(Applied(file, file.definition, Decision("wording", ())))
            continue
        held = record.definition(current[name]) if name in current else None
        is_shadow = shadow is not None and shadow.journeys.get(name) == digest(file.definition) != current.get(name)
        outcomes.append(Applied(file, held, decide(held, file.definition), is_shadow))
    _require_names(record, [each.file for each in outcomes if each.is_kept])
    return outcomes


def _require_names(record: DefinitionRecord, kept: Sequence[JourneyFile]) -> None:
    """Return when no journey of accounts has another's name, once these are applied. Raises UsageError."""
    named = {each.definition.journey for each in kept}
    others = [
        record.definition(found)
        for name, found in sorted(record.newest.journeys.items())
        if name not in named and found in record.stored
    ]
    require_apart(with_accounts([*others, *(each.definition for each in kept)]))


def require_accepted(outcomes: Sequence[Applied]) -> None:
    """Return when no file is refused. Raises `RefusedFile` for the first that is."""
    for outcome in outcomes:
        if outcome.decision.verdict == "refused":
            raise RefusedFile(outcome)


def apply(
    client: Any,
    given: Sequence[JourneyFile],
    by: str,
    *,
    at_least: int = 0,
    require: Callable[[Sequence[Applied]], None] = require_accepted,
    prefix: str = PREFIX,
    wall_s: Callable[[], float] = time,
) -> list[Applied]:
    """Make files the store's definitions: all of them, or none.

    `require` raises where the files are not to be applied, as the store is at the moment of the change.
    `at_least`: the new revision's number is higher than this one; partitions bear it as their marker.
    """
    while True:
        record = read_record(client, prefix)
        outcomes = compare(record, given)
        require(outcomes)
        kept = [each for each in outcomes if each.is_kept]
        if not kept:
            return outcomes
        now_ms, newest = int(wall_s() * 1000), record.newest
        journeys = newest.journeys | digests(each.file.definition for each in kept)
        stored = stored_as([each.file for each in kept], now_ms)
        number = max(newest.number, at_least) + 1
        revision = Revision(number, now_ms, by, journeys, newest.build, _moved(newest, journeys))
        if change(client, newest.number, revision, stored, prefix):
            return outcomes


def _moved(before: Revision, journeys: dict[str, str]) -> Shadow | None:
    """The shadow after a change: what it counts as the served build does, it counts so afterwards too."""
    shadow = before.shadow
    if shadow is None:
        return None
    same = {name: now for name, now in journeys.items() if shadow.journeys.get(name) == before.journeys.get(name)}
    return Shadow(shadow.build, shadow.journeys | same)


def keep_former(
    client: Any, given: Sequence[JourneyFile], *, prefix: str = PREFIX, wall_s: Callable[[], float] = time
) -> list[JourneyFile]:
    """Store definitions with which states were folded before there was a record, without making them current.

    Returns those that the store did not have. Raises UsageError where the store has nothing current of a journey.
    """
    while True:
        record = read_record(client, prefix)
        newest = record.newest
        for each in given:
            if each.definition.journey not in newest.journeys:
                raise UsageError(
                    f"The store has no journey {each.definition.journey!r}, so nothing is former to it.",
                    "Apply the present file first: `tracker journeys apply FILE`.",
                )
        new = [each for each in given if digest(each.definition) not in record.stored]
        if not new:
            return []
        now_ms = int(wall_s() * 1000)
        # A revision of its own, so that workers load what they may need.
        revision = Revision(newest.number + 1, now_ms, "former", newest.journeys, newest.build, newest.shadow)
        if change(client, newest.number, revision, stored_as(new, now_ms), prefix):
            return new


def stored_as(given: Iterable[JourneyFile], now_ms: int) -> dict[str, StoredDefinition]:
    """By digest, what the record keeps of files that are applied now."""
    return {
        digest(each.definition): StoredDefinition(
            each.definition.journey, each.definition.version, each.text, Path(each.path).name, now_ms
        )
        for each in given
    }


def change(
    client: Any,
    before: int | bytes,
    revision: Revision,
    stored: dict[str, StoredDefinition],
    prefix: str = PREFIX,
    *,
    anew: bool = False,
) -> bool:
    """Write a revision, and definitions with it; False where the record is no longer at revision `before`.

    `anew`: the record is damaged, and all that was in it is removed.
    """
    written = fields(revision, stored)
    return bool(client.eval(SCRIPT.read_text(), 1, record_key(prefix), before, int(anew), *written))


def write_again(
    client: Any,
    known: DefinitionRecord,
    found: int | bytes,
    above: int,
    wall_s: Callable[[], float] = time,
    *,
    anew: bool = False,
) -> bool:
    """Write what the store has lost of its record, as a revision above `above`; False where somebody else was first.

    `found` is the revision that the store has now, or what stands there. `anew`: the record is damaged, and all that
    was in it is removed. A switch that was under way is over: nobody knows who stands still.
    """
    now_ms, newest = int(wall_s() * 1000), known.newest
    # Who writes may not have seen the last changes: the number is above those that others may have seen.
    number = above + UNSEEN
    revision = replace(newest, number=number, at_ms=now_ms, by="restore", switching=False, of=newest.content)
    return change(client, found, revision, known.stored, anew=anew)


def is_outdated(found: DefinitionRecord, known: DefinitionRecord) -> bool:
    """Whether a record was written again by somebody who did not know what is known here."""
    return 0 < found.newest.of < known.newest.content


def shown(decision: Decision) -> str:
    """The first differences, in one line."""
    found = decision.differences
    if not found:
        return "it counts the same"
    more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    return "; ".join(map(str, found[:MOST_SHOWN])) + more
