"""The matrix: for every customer the stage in the served build and in the shadow, and who differs.

Both builds hold a customer in the same partition, so in the same slot: a chunk of customers is read from both in one
transaction. It is counted when it is asked for, and not kept as figures: a figure for each pair of stages would have to
be changed by two owners (docs/decisions/0017-shadow-and-switch.md).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from streams.definitions.builds import prefix_of
from streams.errors import TrackerError
from streams.stores.keys import keys
from tracker.engine.customer import CustomerFold
from tracker.engine.migration import UnknownDefinitionError
from tracker.records.state import UnreadableStateError, decode

CHUNK: Final = 1000
NONE: Final = ""
"""The stage of a journey that has not begun."""

Places = dict[tuple[str, str | None], str]
"""By journey and instance, the current stage."""


@dataclass(slots=True)
class JourneyMatrix:
    """The customers of one journey (the instances, of a keyed one), by stage in the served build and in the shadow."""

    served: tuple[str, ...]
    """The stages of the served definition, in order; empty where the journey is new."""
    shadow: tuple[str, ...]
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Customers who differ."""

    @property
    def differing(self) -> int:
        """How many are in another stage."""
        return sum(count for (served, shadow), count in self.cells.items() if served != shadow)

    def count(self, customer: str, served: str, shadow: str, most: int) -> None:
        """Note one customer."""
        self.cells[served, shadow] += 1
        if served != shadow:
            known = self.samples.setdefault((served, shadow), [])
            if len(known) < most and customer not in known:
                known.append(customer)

    def sampled(self, most: int) -> Iterator[tuple[str, str, str]]:
        """Some customers who differ, with both stages: of every pair of stages one, then a second, and so on."""
        left = {
            pair: list(names) for pair, names in sorted(self.samples.items(), key=lambda item: -self.cells[item[0]])
        }
        given = 0
        while left and given < most:
            for pair in list(left):
                if given < most:
                    yield (left[pair].pop(0), *pair)
                    given += 1
                if not left[pair]:
                    del left[pair]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two builds."""

    build: str
    fold: CustomerFold

    def stages(self, journey: str) -> tuple[str, ...]:
        """The names of a journey's stages."""
        return next(
            (tuple(stage.name for stage in one.stages) for one in self.fold.definitions if one.journey == journey), ()
        )


def matrices(
    client: Any,
    sides: tuple[Side, Side],
    journeys: Mapping[str, object],
    partitions: int,
    samples: int,
    advance: Callable[[int], None] = lambda _customers: None,
) -> dict[str, JourneyMatrix]:
    """By journey, its matrix; `sides` are the served build and the shadow."""
    served, shadow = sides
    found = {name: JourneyMatrix(served.stages(name), shadow.stages(name)) for name in journeys}
    for partition in range(partitions):
        for names, pairs in _chunks(client, served.build, shadow.build, partition):
            for customer, (one, other) in zip(names, pairs, strict=True):
                _count(found, customer, _places(served.fold, one), _places(shadow.fold, other), samples)
            advance(len(names))
    return found


def _chunks(
    client: Any, served: str, shadow: str, partition: int
) -> Iterator[tuple[list[str], list[tuple[bytes | None, bytes | None]]]]:
    """Customers with their records in both builds; each customer once, as far as nobody is added meanwhile."""
    one, other = (keys(partition, prefix_of(build)).states for build in (served, shadow))
    for scanned, is_other in ((one, False), (other, True)):
        cursor: int | None = None
        while cursor != 0:
            cursor, page = client.hscan(scanned, cursor or 0, count=CHUNK)
            names = [name for name in page if name]
            if not names:
                continue
            with client.pipeline(transaction=True) as pipe:
                pipe.hmget(one, names)
                pipe.hmget(other, names)
                mine, theirs = pipe.execute()
            # The second scan is for those whom the served build does not have.
            kept = [at for at in range(len(names)) if not is_other or mine[at] is None]
            yield [names[at].decode() for at in kept], [(mine[at], theirs[at]) for at in kept]


def _places(fold: CustomerFold, data: bytes | None) -> Places:
    if data is None:
        return {}
    folds = {one.definition.journey: one for one in fold.instance_folds}
    places: Places = {}
    try:
        record = decode(data)
        fold.modernise(record)
        for journey in record.journeys:
            if (by := folds.get(journey.name)) is None:
                continue
            for instance in journey.instances:
                stage = instance.progress.stage
                places[journey.name, instance.key] = by.definition.stages[stage].name if stage >= 0 else NONE
    except (UnreadableStateError, UnknownDefinitionError) as error:
        raise TrackerError(f"A state cannot be compared: {error}.", "Use the version that the workers run.") from error
    return places


def _count(found: Mapping[str, JourneyMatrix], customer: str, one: Places, other: Places, samples: int) -> None:
    for place in one.keys() | other.keys():
        if (matrix := found.get(place[0])) is not None:
            matrix.count(customer, one.get(place, NONE), other.get(place, NONE), samples)
