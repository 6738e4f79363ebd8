"""Outdated records: those that were folded with another definition than the present one."""

from collections.abc import Mapping
from typing import NamedTuple

from tracker.engine.customer import CustomerFold
from tracker.engine.migration import UnknownDefinitionError
from tracker.records.state import UnreadableStateError, decode


class Outdated(NamedTuple):
    """What some records need."""

    records: dict[str, bytes | None]
    """By customer, those that can be brought to the present definitions."""
    unknown: int
    """How many cannot: nobody has their definition, or they cannot be read."""
    reason: str
    """Why the first of these cannot; empty where all can."""


def outdated(journeys: CustomerFold, records: Mapping[str, bytes]) -> Outdated:
    """Which of these records are of other definitions than the present ones."""
    found: dict[str, bytes | None] = {}
    reasons = []
    for customer, record in records.items():
        try:
            if journeys.outdated(decode(record)):
                found[customer] = record
        except (UnreadableStateError, UnknownDefinitionError) as error:
            reasons.append(str(error))
    return Outdated(found, len(reasons), reasons[0] if reasons else "")
