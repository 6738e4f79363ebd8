"""One customer, as stored: where they are in each journey, in words and numbers of a person.

It reads a record and its journey's names; what the numbers mean was decided by the engine.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from streams.errors import ExitCode, TrackerError
from streams.person.accounts import account_links
from streams.person.times import shown
from streams.stores.keys import PREFIX, keys
from tracker.engine.customer import CustomerFold
from tracker.engine.instances import InstanceFold
from tracker.figures.fields import unescape
from tracker.home import home
from tracker.identity.kinds import KINDS, AliasTooLong, Kinds, normalise
from tracker.identity.ties import read, root
from tracker.problem import nearest
from tracker.records.state import Instance, Journey, Progress, Record, UnreadableStateError, decode

# How much is looked through for a name that was probably meant.
SEARCH_S: Final = 1.0
SEARCH_AT_ONCE: Final = 2000
MOST_CANDIDATES: Final = 2000


@dataclass(frozen=True, slots=True)
class Stored:
    """A customer as the store holds them."""

    customer: str
    partition: int
    record: bytes


def find(client: Any, customer: str, partitions: int, prefix: str = PREFIX, kinds: Kinds = KINDS) -> Stored:
    """The record of that name, or of that alias of another kind. Raises TrackerError, NOT_FOUND."""
    for spelling in spellings(customer, kinds):
        found = look_up(client, spelling, partitions, prefix)
        if found is not None:
            return found
    near = similar(client, customer, partitions, prefix)
    raise TrackerError(
        f"There is no customer {customer!r}.",
        f"Did you mean {near!r}?"
        if near
        else "Ids are written as in the touchpoints; `anonymous_id:...` and the "
        "like for those who are not known by a customer_id.",
        ExitCode.NOT_FOUND,
    )


def look_up(client: Any, name: str, partitions: int, prefix: str = PREFIX) -> Stored | None:
    """The record of exactly that name, if there is one."""
    partition = home(name, partitions)
    record = client.hget(keys(partition, prefix).states, name)
    return None if record is None else Stored(name, partition, record)


def follow(client: Any, asked: str, partitions: int, kinds: Kinds = KINDS) -> tuple[Stored, str | None]:
    """The customer whom a name belongs to, and the name, where it is not the customer's own. Raises TrackerError."""
    found = find(client, asked, partitions, kinds=kinds)
    customer = root(found.customer, read(opened(found).ties))
    # While a history is on its way there may be no record of the customer yet.
    stored = look_up(client, customer, partitions) if customer != found.customer else None
    return (stored, found.customer) if stored is not None else (found, None)


def spellings(customer: str, kinds: Kinds = KINDS) -> list[str]:
    """What a customer of that id may be called in the store, the likeliest first."""
    try:
        plain = normalise(customer)
    except AliasTooLong:
        plain = None
    return list(dict.fromkeys([customer, *(kinds.name(kind, plain) for kind in kinds.order if plain)]))


def similar(client: Any, customer: str, partitions: int, prefix: str = PREFIX) -> str | None:
    """A customer who was probably meant; None where none is found within a second.

    Ids mostly differ at their end, so those that end alike are looked for before those that begin alike.
    """
    until_s = monotonic() + SEARCH_S
    half = len(customer) // 2
    found: list[str] = []
    for pattern in (f"*{_literal(customer[half:])}", f"{_literal(customer[: half + 1])}*"):
        alike: list[str] = []
        for partition in range(partitions):
            cursor: int | None = None
            while cursor != 0 and monotonic() < until_s and len(alike) < MOST_CANDIDATES:
                names = keys(partition, prefix)
                cursor, page = client.hscan(names.states, cursor or 0, match=pattern, count=SEARCH_AT_ONCE)
                alike += [field.decode() for field in page]
        found += alike
    return nearest(customer, found)


def _literal(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "*?[]\\" else letter for letter in text)


def opened(stored: Stored) -> Record:
    """The record, decoded. Raises TrackerError."""
    try:
        return decode(stored.record)
    except UnreadableStateError as error:
        raise TrackerError(
            f"The state of {stored.customer!r} cannot be read: {error}.", "Use the version that the workers run."
        ) from error


def describe(stored: Stored, journeys: CustomerFold) -> dict[str, Any]:
    """All that is known of a customer as plain data. Times are RFC 3339 in UTC. Raises TrackerError."""
    instance_folds = {instance_fold.definition.journey: instance_fold for instance_fold in journeys.instance_folds}
    record = opened(stored)
    return {
        "customer": stored.customer,
        "partition": stored.partition,
        "looked_at_again": moment(record.look_ms),
        "journeys": [
            {
                "journey": journey.name,
                "version": journey.version,
                "declared": journey.name in instance_folds,
                "instances": list(_instances(journey, instance_folds.get(journey.name))),
            }
            for journey in record.journeys
        ],
        **account_links(record),
    }


def _instances(journey: Journey, instance_fold: InstanceFold | None) -> Iterable[dict[str, Any]]:
    for instance in journey.instances:
        yield _instance(instance, instance_fold)


def _instance(instance: Instance, instance_fold: InstanceFold | None) -> dict[str, Any]:
    progress = instance.progress

    def stage(place: int) -> str | None:
        if place < 0:
            return None
        stages = instance_fold.definition.stages if instance_fold else ()
        # Without its journey file a stage is known by its number alone.
        return stages[place].name if place < len(stages) else f"stage {place + 1}"

    def at(offset_ms: int | None) -> str | None:
        return None if offset_ms is None else moment(progress.zero_ms + offset_ms)

    reached = [place for place, first in enumerate(progress.first) if first is not None]
    return {
        "key": instance.key,
        "status": instance_fold.contributor.status(progress) if instance_fold else None,
        "current": stage(progress.stage),
        "since": at(progress.since) if progress.stage >= 0 else None,
        "furthest": stage(progress.furthest),
        "funnel_depth": progress.depth,
        "funnel_stage": stage(progress.depth - 1),
        "last": at(progress.last),
        "drops_out": moment(instance_fold.due_ms(instance)) if instance_fold else None,
        "dropped": progress.is_dropped,
        "dropped_at": at(progress.dropped),
        "recovered_at": at(progress.recovered),
        "exited_at": at(progress.exited),
        "corrections": instance.corrections,
        "segments": _segments(progress, instance_fold) if instance_fold else {},
        "stages": [
            {
                "stage": stage(place),
                "reached": at(progress.first[place]),
                "visits": progress.visits[place],
                "seconds": progress.spent[place] // 1000,
            }
            for place in reached
        ],
    }


def _segments(progress: Progress, instance_fold: InstanceFold) -> dict[str, str]:
    # They come as they stand in the names of aggregates.
    return {unescape(name): unescape(value) for name, value in instance_fold.contributor.segment_values(progress)}


def printable(text: str) -> str:
    """Text that cannot act on a terminal: what is no visible character, right-to-left marks too, is replaced."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def moment(at_ms: int | None) -> str | None:
    """A moment as text, where there is one."""
    return None if at_ms is None else shown(at_ms)
