"""Markers: which revision of the definitions each partition is written by, and how much is still of earlier ones."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from streams.definitions.apply import JourneyFile, compare, read_files, read_record
from streams.definitions.builds import prefix_of
from streams.definitions.record import DefinitionRecord
from streams.definitions.served import Marker, read_markers
from streams.settings.settings import Settings
from streams.stores.keys import PREFIX

STATES_PER_S: Final = 1_000
"""How many states of a partition an owner looks at in a second while touchpoints come; without any it is faster."""


class DefinitionDoubt(NamedTuple):
    """Something about the definitions that is not as it should be, or not yet."""

    message: str
    remedy: str
    is_problem: bool = False
    """False where it passes by itself, or may be meant."""


def progress_of(markers: Sequence[Marker], newest: int) -> str:
    """What the markers say, in one line."""
    behind = [each for each in markers if each.revision != newest]
    left = sum(each.left for each in markers)
    if behind:
        lowest = min(each.revision for each in behind)
        what = f"{len(behind)} of {len(markers)} partitions are not yet at revision {newest} (the last at {lowest})"
    else:
        what = f"all {len(markers)} partitions are at revision {newest}"
    return f"{what}; {left} states may still be of earlier definitions" if left else what


def doubts(client: Any, settings: Settings, prefix: str = PREFIX) -> list[DefinitionDoubt]:
    """What `tracker doctor` says of the definitions: files against the store, and partitions against the record.

    Raises JourneyFileError where a journey file has problems, and TrackerError.
    """
    record = read_record(client, prefix)
    if not record.revisions:
        return [DefinitionDoubt("The store has no definitions yet.", "Workers apply TRACKER_JOURNEYS when they start.")]
    markers = read_markers(client, settings.partitions, prefix_of(record.newest.build, prefix))
    return [*_of_files(record, read_files(settings.journey_files())), *_of_markers(markers, record.newest.number)]


def _of_files(record: DefinitionRecord, given: Sequence[JourneyFile]) -> Iterator[DefinitionDoubt]:
    for outcome in compare(record, given):
        name = f"{outcome.file.definition.journey} {outcome.file.definition.version}"
        if outcome.is_shadow:
            continue
        match outcome.decision.verdict:
            case "refused":
                yield DefinitionDoubt(
                    f"{outcome.file.path}: {name} differs from the store's, and the store's is used.",
                    f"Raise its `version`, or get the store's with `tracker journeys show "
                    f"{outcome.file.definition.journey}`.",
                    is_problem=True,
                )
            case "older":
                assert outcome.current is not None
                yield DefinitionDoubt(
                    f"{outcome.file.path}: {name} is older than the store's {outcome.current.version}, which is used.",
                    "Give this process the newer file.",
                )
            case "new" | "taken" | "wording":
                yield DefinitionDoubt(
                    f"{outcome.file.path}: {outcome}, once it is applied.",
                    "`tracker journeys apply` applies it; workers do when they start, and on SIGHUP.",
                )
            case _:
                pass
    named = {each.definition.journey for each in given}
    for journey in sorted(record.newest.journeys.keys() - named):
        yield DefinitionDoubt(
            f"The store counts the journey {journey!r}, which TRACKER_JOURNEYS does not name.",
            f"Add its file: `tracker journeys show {journey}` prints it.",
        )


def _of_markers(markers: Sequence[Marker], newest: int) -> Iterator[DefinitionDoubt]:
    if any(each.revision != newest for each in markers):
        remedy = "Workers follow within seconds; check that each partition has one."
        yield DefinitionDoubt(f"{progress_of(markers, newest).capitalize()}.", remedy)
    elif left := sum(each.left for each in markers):
        seconds = max(each.left for each in markers) // STATES_PER_S + 1
        yield DefinitionDoubt(
            f"{left} states may still be of earlier definitions, so the figures are not complete.",
            f"Wait: running workers need about {seconds} s. Where the number stays, their log says why: "
            "`states cannot be migrated`.",
        )
