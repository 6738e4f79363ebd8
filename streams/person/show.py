"""One customer, as stored: their place in each journey, as plain data with names and times.

It reads a record and takes the names of stages from the journey files.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from streams.errors import ExitCode, TrackerError, UsageError
from streams.person.accounts import account_links
from streams.person.spellings import is_address, spellings
from streams.person.times import shown
from streams.stores.keys import PREFIX, keys
from tracker.engine.customer import CustomerFold
from tracker.engine.instances import InstanceFold
from tracker.figures.feedback import latest
from tracker.figures.fields import unescape
from tracker.home import home
from tracker.identity.kinds import KINDS, Kinds
from tracker.identity.ties import read, root
from tracker.problem import nearest
from tracker.records.state import Instance, Journey, Progress, Record, UnreadableStateError, decode

# The bounds of the search for a similar name.
SEARCH_S: Final = 1.0
SEARCH_AT_ONCE: Final = 2000
MOST_CANDIDATES: Final = 2000


@dataclass(frozen=True, slots=True)
class Stored:
    """A customer's record, with its name and partition."""

    customer: str
    partition: int
    record: bytes


def find(
    client: Any,
    asked: str,
    partitions: int,
    prefix: str = PREFIX,
    kinds: Kinds = KINDS,
    *,
    hash_key: str | None = None,
) -> Stored:
    """The record of a name, of an alias with that value, or of the hash of that address or telephone number.

    Raises TrackerError, NOT_FOUND, and UsageError where it means several customers.
    """
    names = spellings(asked, kinds, hash_key)
    found = [one for name in names if (one := look_up(client, name, partitions, prefix)) is not None]
    if not found:
        raise _missing(client, asked, partitions, prefix, hash_key)
    if len(found) == 1 or (found[0].customer == asked and not is_address(asked)):
        return found[0]
    customers = {root(one.customer, read(opened(one).ties)): one for one in reversed(found)}
    if len(customers) > 1:
        whose = ", ".join(f"{one.customer!r} of {customer!r}" for customer, one in sorted(customers.items()))
        raise UsageError(
            f"{asked!r} means several customers: {whose}.", "Say which one, by a name as it is written here."
        )
    return found[0]


def _missing(client: Any, asked: str, partitions: int, prefix: str, hash_key: str | None) -> TrackerError:
    if is_address(asked):
        if hash_key is None:
            return TrackerError(
                f"There is no customer {asked!r}; only the plain hash of it could be looked for.",
                "Set TRACKER_HASH_KEY (or TRACKER_HASH_KEY_FILE) to the key of the collector, with which addresses and "
                "numbers are hashed.",
                ExitCode.NOT_FOUND,
            )
        return TrackerError(
            f"There is no customer {asked!r}, nor one with its hash.",
            "Compare TRACKER_HASH_KEY with the collector's: another key makes another hash. A telephone number "
            "needs its country code.",
            ExitCode.NOT_FOUND,
        )
    near = similar(client, asked, partitions, prefix)
    return TrackerError(
        f"There is no customer {asked!r}.",
        f"Did you mean {near!r}?"
        if near
        else "Write the id as in the touchpoints. A customer without a customer_id is named by an alias, such as "
        "`anonymous_id:...` or `woocommerce_customer@SOURCE:...`.",
        ExitCode.NOT_FOUND,
    )


def look_up(client: Any, name: str, partitions: int, prefix: str = PREFIX) -> Stored | None:
    """The record of exactly that name, if there is one."""
    partition = home(name, partitions)
    record = client.hget(keys(partition, prefix).states, name)
    return None if record is None else Stored(name, partition, record)


def follow(
    client: Any,
    asked: str,
    partitions: int,
    kinds: Kinds = KINDS,
    prefix: str = PREFIX,
    *,
    hash_key: str | None = None,
) -> tuple[Stored, str | None]:
    """The customer whom a name belongs to, and the name if it is an alias. Raises TrackerError."""
    found = find(client, asked, partitions, prefix, kinds, hash_key=hash_key)
    customer = root(found.customer, read(opened(found).ties))
    # While a history is being moved, the customer may have no record yet.
    stored = look_up(client, customer, partitions, prefix) if customer != found.customer else None
    return (stored, found.customer) if stored is not None else (found, None)


def similar(client: Any, customer: str, partitions: int, prefix: str = PREFIX) -> str | None:
    """A stored customer with a similar name; None where none is found within a second.

    Ids mostly differ at their end, so equal ends are searched before equal beginnings.
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


def presented(stored: Stored, journeys: CustomerFold) -> tuple[Record, dict[str, InstanceFold]]:
    """The record by the present definitions, and what reads its journeys. Raises TrackerError.

    A journey that was folded by a definition that is not at hand stays as it is stored, and nothing reads it.
    """
    record = opened(stored)
    unknown = journeys.unknown(record)
    journeys.modernise(record, unknown)
    readers = {instance_fold.definition.journey: instance_fold for instance_fold in journeys.instance_folds}
    return record, {name: reader for name, reader in readers.items() if name not in unknown}


def describe(stored: Stored, journeys: CustomerFold) -> dict[str, Any]:
    """A customer's journeys and accounts as plain data. Times are RFC 3339 in UTC. Raises TrackerError."""
    folded_by = {journey.name: journey.version for journey in opened(stored).journeys}
    record, instance_folds = presented(stored, journeys)
    declared = {instance_fold.definition.journey for instance_fold in journeys.instance_folds}
    return {
        "customer": stored.customer,
        "partition": stored.partition,
        "looked_at_again": moment(record.look_ms),
        "journeys": [
            {
                "journey": journey.name,
                "version": journey.version,
                "folded_by": folded_by[journey.name],
                "declared": journey.name in declared,
                "known": journey.name in instance_folds,
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
        # Without the journey file only the number of a stage is known.
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
        "answers": [
            {"question": kind, "score": score, "at": moment(at_ms)} for kind, score, at_ms in latest(instance.feedback)
        ],
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
    # Segment values are stored escaped, as in the names of aggregates.
    return {unescape(name): unescape(value) for name, value in instance_fold.contributor.segment_values(progress)}


def moment(at_ms: int | None) -> str | None:
    """A moment as text, where there is one."""
    return None if at_ms is None else shown(at_ms)
