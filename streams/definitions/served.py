"""What readers of the figures serve: the definitions that every partition is counted by, and which are still mixed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from streams.definitions.apply import read_record
from streams.definitions.builds import FIRST, prefix_of
from streams.definitions.record import DefinitionRecord, Revision, read_newest
from streams.stores.keys import PREFIX, keys
from streams.stores.replies import marker_number
from tracker.journey.definition import Definition
from tracker.journey.versions import differences

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Marker:
    """How far one partition follows the record."""

    partition: int
    revision: int
    """0: no worker has followed the record there."""
    left: int
    """States that nobody has looked at since the marker moved."""
    looked: int
    """The revision at which every state had been looked at last; 0: none."""


@dataclass(frozen=True, slots=True)
class ServedBeside:
    """A shadow, with the definitions in which it differs from what is served."""

    build: str
    definitions: tuple[Definition, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """The definitions of the figures at one moment."""

    revision: int
    definitions: tuple[Definition, ...]
    outdated: dict[str, int] = field(default_factory=dict)
    """By journey, the states that may be of an earlier definition."""
    changed_s: dict[str, float] = field(default_factory=dict)
    """By journey, the Unix time at which what it counts was last changed; 0: never."""

    build: str = FIRST
    """The build whose keys are read."""
    shadow: ServedBeside | None = None

    @classmethod
    def of(cls, definitions: Sequence[Definition]) -> "Served":
        """Definitions that have never changed."""
        zeros = dict.fromkeys((one.journey for one in definitions), 0)
        return cls(0, tuple(definitions), zeros, dict(zeros))


def read_markers(client: Any, partitions: int, prefix: str = PREFIX) -> list[Marker]:
    """The markers of all partitions, through a blocking Redis client."""
    with client.pipeline(transaction=False) as pipe:
        for partition in range(partitions):
            pipe.hmget(keys(partition, prefix).definitions, ["revision", "left", "looked"])
        return [Marker(partition, *map(marker_number, values)) for partition, values in enumerate(pipe.execute())]


def read_served(client: Any, partitions: int, prefix: str = PREFIX) -> Served | None:
    """What is served now; None where nothing was ever applied to the store."""
    return ServedReader(partitions, prefix).read(client)


class ServedReader:
    """Reads what is served again and again: the record with its texts only where it has changed since."""

    def __init__(self, partitions: int, prefix: str = PREFIX) -> None:
        self._partitions = partitions
        self._prefix = prefix
        self._record = DefinitionRecord()
        self._described: dict[int, Served] = {}
        """By revision of this record."""

    def read(self, client: Any) -> Served | None:
        """What is served now, through a blocking Redis client; None where nothing was ever applied to the store."""
        if read_newest(client, self._prefix) != self._record.newest:
            self._record, self._described = read_record(client, self._prefix), {}
        record = self._record
        if not record.revisions:
            return None
        markers = read_markers(client, self._partitions, prefix_of(record.newest.build, self._prefix))
        revision = _followed(record, markers)
        described = self._described.get(revision.number)
        if described is None:
            described = self._described[revision.number] = _describe(record, revision)
        return replace(described, outdated=_outdated(record, revision, markers, described.definitions))


def _followed(record: DefinitionRecord, markers: Sequence[Marker]) -> Revision:
    """The newest revision that every partition of the served build has come to."""
    followed = [marker.revision for marker in markers if marker.revision]
    return record.revisions.get(min(followed, default=0), record.newest)


def _describe(record: DefinitionRecord, revision: Revision) -> Served:
    """A revision of the served build, without what is outdated under it."""
    build = record.newest.build
    changed_s = {journey: _changed_s(record, journey, revision) for journey in revision.journeys_of(build)}
    definitions = record.current(revision, build)
    changed_s |= _of_accounts(definitions, changed_s)
    return Served(revision.number, definitions, changed_s=changed_s, build=build, shadow=_beside(record))


def _outdated(
    record: DefinitionRecord, revision: Revision, markers: Sequence[Marker], definitions: Sequence[Definition]
) -> dict[str, int]:
    build = record.newest.build
    outdated = Counter(dict.fromkeys(revision.journeys_of(build), 0))
    for marker in markers:
        if marker.left:
            outdated.update(dict.fromkeys(_changed(record, marker.looked, revision, build), marker.left))
    return {**outdated, **_of_accounts(definitions, outdated)}


def _of_accounts(definitions: Sequence[Definition], values: Mapping[str, N]) -> dict[str, N]:
    """The same for journeys of accounts: each is folded from its people's journey, and changes with it."""
    return {one.journey: values[one.of_people] for one in definitions if one.of_people is not None}


def _beside(record: DefinitionRecord) -> ServedBeside | None:
    newest = record.newest
    if newest.shadow is None:
        return None
    served = record.current(newest)
    differing = (one for one in record.current(newest, newest.shadow.build) if one not in served)
    return ServedBeside(newest.shadow.build, tuple(differing))


def _changed(record: DefinitionRecord, before: int, after: Revision, build: str) -> list[str]:
    """The journeys that another definition counts than at an earlier revision; all of them where that is unknown."""
    earlier = record.revisions.get(before)
    if earlier is None:
        return list(after.journeys_of(build))
    was = earlier.journeys_of(build)
    return [journey for journey, found in after.journeys_of(build).items() if was.get(journey, found) != found]


def _changed_s(record: DefinitionRecord, journey: str, until: Revision) -> float:
    """The Unix time of the last revision up to this one that counts the journey differently than the one before."""
    changed_s, before = 0.0, ""
    for number in sorted(record.revisions):
        revision = record.revisions[number]
        found = revision.journeys.get(journey, "")
        if number > until.number:
            break
        if before and found and found != before:
            was, now = record.definition(before), record.definition(found)
            if differences(was, now):
                changed_s = revision.at_ms / 1000
        before = found or before
    return changed_s
