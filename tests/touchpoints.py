"""Touchpoints and records of Kafka for tests, as bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tracker.home import home

START_MS = 1_790_000_000_000
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@dataclass(slots=True)
class Record:
    """A record as aiokafka gives it, as far as the tracker looks."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = START_MS
    headers: Sequence[tuple[str, bytes]] = ()


def touchpoint(customer: str, kind: str = "Page Viewed", at_ms: int = START_MS, **fields: Any) -> bytes:
    """A touchpoint's bytes; its id is made of what it says, so that the same call gives the same event."""
    channel = fields.pop("channel", "web")
    ids = fields.pop("ids", {"customer_id": customer})
    event_id = fields.pop("event_id", f"{customer}/{kind}/{at_ms}")
    wire = {"event_id": event_id, "type": kind, "channel": channel, "occurred_at": at_ms, "ids": ids, **fields}
    return msgspec.json.encode(wire)


def residents(partition: int, partitions: int, count: int) -> list[str]:
    """Names of customers who are at home in a partition."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        if home(f"c{number}", partitions) == partition:
            found.append(f"c{number}")
        number += 1
    return found
