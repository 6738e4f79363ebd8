"""Beginning a shadow: what must hold before, what Kafka no longer holds, and the change of the record."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from time import time
from typing import Any, Final, NamedTuple

from streams.clients.topic_shapes import create_like
from streams.definitions.apply import Applied, JourneyFile, RefusedFile, change, compare, read_record, stored_as
from streams.definitions.builds import prefix_of, routed_of
from streams.definitions.record import DefinitionRecord, Revision, Shadow, digests
from streams.errors import Mismatch, TrackerError, UsageError
from streams.settings.definitions import require_apart
from streams.settings.settings import Settings
from streams.shadow.drop import remove_keys
from streams.shadow.lag import Offsets
from streams.stores.keys import keys

SAMPLES: Final = 20
"""Entries of a hash by which Redis estimates its size."""
MARGIN: Final = 1.2
"""What a second set of states may take, as a multiple of the first: new stages make states longer."""


class Begun(NamedTuple):
    """A shadow that the record names from now on."""

    build: str
    revision: int
    outcomes: list[Applied]


def require_new(record: DefinitionRecord, given: Sequence[JourneyFile]) -> list[Applied]:
    """What the files are to the store's definitions. Raises TrackerError where a shadow of them makes no sense."""
    newest = record.newest
    if not newest.number:
        raise Mismatch(
            "The store has no definitions yet, so there is nothing to compare with.",
            "Start workers first: they apply the files of TRACKER_JOURNEYS.",
        )
    if newest.switching:
        raise Mismatch("A switch is under way.", "Wait until it is over.")
    if newest.shadow is not None:
        held = ", ".join(map(str, names_of(record, newest.shadow.journeys, newest.journeys)))
        raise Mismatch(
            f"There is a shadow already: {held or newest.shadow.build}.",
            "`tracker switch` serves it; `tracker shadow --drop` removes it.",
        )
    outcomes = compare(record, given)
    for outcome in outcomes:
        one, verdict = outcome.file.definition, outcome.decision.verdict
        if verdict == "refused":
            raise RefusedFile(outcome)
        if verdict in ("same", "wording"):
            raise UsageError(
                f"{outcome.file.path}: {one.journey} {one.version} is current already; both would count the same.",
                "Change what is to be tried, and raise `version`.",
            )
        if verdict == "older":
            assert outcome.current is not None
            raise UsageError(
                f"{outcome.file.path}: {one.journey} {one.version} is older than {outcome.current.version}, "
                "which is current.",
                f"Raise `version` to {outcome.current.version + 1}, also to go back to an earlier content.",
            )
    return outcomes


def names_of(record: DefinitionRecord, journeys: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    """Journey and version of the definitions in `journeys` that `other` has not."""
    for name, identifier in sorted(journeys.items()):
        if other.get(name) != identifier and (stored := record.stored.get(identifier)) is not None:
            yield f"{stored.journey} {stored.version}"


def require_room(client: Any, partitions: int, prefix: str) -> None:
    """Return when Redis has room for a second set of states. Raises TrackerError."""
    needed = MARGIN * sum(
        int(client.memory_usage(key, samples=SAMPLES) or 0)
        for partition in range(partitions)
        for key in (keys(partition, prefix).states, keys(partition, prefix).aggregates, keys(partition, prefix).timers)
    )
    used, most = memory(client)
    if most and used + needed > most:
        raise TrackerError(
            f"Redis has no room for a shadow: it uses {_mib(used)} of {_mib(most)}, and the states would take "
            f"{_mib(needed)} more.",
            "Raise `maxmemory` of Redis, or shorten TRACKER_LATENESS_HORIZON_S.",
        )


def memory(client: Any) -> tuple[int, int]:
    """The bytes that Redis uses and may use, over all nodes of a Cluster; 0 for no bound."""
    # A Cluster answers for one node unless it is asked for all that hold data.
    is_cluster = hasattr(client, "get_primaries")
    told = client.info("memory", target_nodes="primaries") if is_cluster else {"": client.info("memory")}
    nodes = list(told.values())
    bounds = [int(node.get("maxmemory", 0)) for node in nodes]
    return sum(int(node["used_memory"]) for node in nodes), sum(bounds) if all(bounds) else 0


def _mib(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"


def missing(first: Offsets) -> dict[str, int]:
    """By topic of touchpoints, how many records Kafka no longer holds of its beginning; none are left out."""
    counts: Counter[str] = Counter()
    for (topic, _), offset in first.items():
        counts[topic] += offset
    return {topic: count for topic, count in sorted(counts.items()) if count}


def begin(client: Any, settings: Settings, given: Sequence[JourneyFile]) -> Begun:
    """Make the record name a shadow of these files; workers begin to build it within a second or two.

    Its topic is made first, and what an earlier try may have left under its name is removed.
    """
    while True:
        record = read_record(client)
        outcomes = require_new(record, given)
        newest, now_ms = record.newest, int(time() * 1000)
        number = newest.number + 1
        build = f"b{number}"
        journeys = newest.journeys | digests(one.definition for one in given)
        stored = stored_as(given, now_ms)
        revision = Revision(number, now_ms, "shadow", newest.journeys, newest.build, Shadow(build, journeys))
        require_apart(DefinitionRecord({number: revision}, record.stored | stored).current(revision, build))
        create_like(settings, routed_of(""), routed_of(build))
        remove_keys(client, settings.partitions, prefix_of(build))
        if change(client, newest.number, revision, stored):
            return Begun(build, number, outcomes)
