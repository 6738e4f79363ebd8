"""The audit of the store: the aggregates of each partition are compared with the sum of its states.

A partition's states and aggregates are read in one transaction. A worker writes both in one transaction too, so they
match however busy it is. `tracker/engine/recount.py` computes what the aggregates should be.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from streams.errors import TrackerError
from streams.stores.keys import PREFIX, keys
from streams.stores.snapshot import hashes
from tracker.engine.customer import CustomerFold
from tracker.engine.recount import FieldDifference, recount
from tracker.home import home
from tracker.records.state import UnreadableStateError

# One reply holds a whole partition: 125,000 customers are 40 MB, which Redis takes a tenth of a second to gather.
READ_TIMEOUT_S: Final = 60.0
ADVANCE_EVERY: Final = 1000


@dataclass(frozen=True, slots=True)
class Audited:
    """What was found in one partition."""

    partition: int
    customers: int
    differences: list[FieldDifference]
    strays: int
    """Customers who are at home in another partition."""

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.differences and not self.strays


def audit_store(
    client: Any,
    journeys: CustomerFold,
    partitions: int,
    *,
    advance: Callable[[int], None] = lambda _customers: None,
    prefix: str = PREFIX,
) -> Iterator[Audited]:
    """What is found in each partition, one after the other; `advance` is called with the customers done since."""
    for partition in range(partitions):
        yield _partition(client, journeys, partition, partitions, advance, prefix)


def customers(client: Any, partitions: int, prefix: str = PREFIX) -> int:
    """How many customers there are, for a progress bar."""
    return sum(int(client.hlen(keys(partition, prefix).states)) for partition in range(partitions))


def _partition(
    client: Any, journeys: CustomerFold, partition: int, partitions: int, advance: Callable[[int], None], prefix: str
) -> Audited:
    names = keys(partition, prefix)
    states, aggregates = hashes(client, names.states, names.aggregates)
    stored = {field.decode(): int(count) for field, count in aggregates.items()}
    try:
        differences = recount(journeys, _counted(states.values(), advance), stored)
    except UnreadableStateError as error:
        raise TrackerError(
            f"Partition {partition} holds a state that this version cannot read: {error}.",
            "Use the version that the workers run.",
        ) from error
    strays = sum(home(customer.decode(), partitions) != partition for customer in states)
    return Audited(partition, len(states), differences, strays)


def _counted(records: Iterable[bytes], advance: Callable[[int], None]) -> Iterator[bytes]:
    """The same records; `advance` is called after every `ADVANCE_EVERY` of them and with the rest."""
    number = 0
    for number, record in enumerate(records, 1):
        yield record
        if not number % ADVANCE_EVERY:
            advance(ADVANCE_EVERY)
    advance(number % ADVANCE_EVERY)
