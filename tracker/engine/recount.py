"""The recount: do the aggregates of a partition equal the sum of its states' contributions?

A pure function of records and aggregates; the caller must read both at one moment.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tracker.engine.customer import CustomerFold


class FieldDifference(NamedTuple):
    """One aggregate that differs from the sum over the states."""

    field: str
    stored: int
    summed: int


def recount(journeys: CustomerFold, records: Iterable[bytes], aggregates: Mapping[str, int]) -> list[FieldDifference]:
    """The aggregates that differ from the sum of the contributions, by name; empty when all is well."""
    summed: dict[str, int] = {}
    for record in records:
        for field, count in journeys.contribution(record).items():
            summed[field] = summed.get(field, 0) + count
    return [
        FieldDifference(field, aggregates.get(field, 0), summed.get(field, 0))
        for field in sorted(summed.keys() | aggregates.keys())
        if aggregates.get(field, 0) != summed.get(field, 0)
    ]
