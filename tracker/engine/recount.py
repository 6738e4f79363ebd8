"""The recount: do the aggregates of a partition equal the sum of its states' contributions?

A pure function of records and aggregates; reading them at one moment is the caller's affair.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tracker.engine.customer import CustomerFold


class FieldDifference(NamedTuple):
    """One aggregate that is not what the states say."""

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
