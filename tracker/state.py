"""The state of a customer: every journey and instance in one record, as versioned msgpack.

It knows how a record is laid out and read, in this and in earlier versions; it decides nothing.
Times within a journey are milliseconds after `zero_ms`, the first touchpoint's time: four bytes instead of eight.
"""

from typing import Any, Final

import msgspec

VERSION: Final = 1

Times = tuple[int | None, ...]
"""When each step of a chain was met, in step order; None where an optional step is missing."""


class Progress(msgspec.Struct, array_like=True):
    """How far one journey (or one instance of a keyed one) has come: the fold's value."""

    zero_ms: int
    last: int = 0
    """The last touchpoint of any kind."""
    stage: int = -1
    """The current stage; -1 before the journey begins."""
    since: int = 0
    """When the current stage was entered."""
    furthest: int = -1
    first: list[int | None] = []
    """By stage: when it was first reached."""
    visits: list[int] = []
    """By stage: how often it was entered."""
    spent: list[int] = []
    """By stage: milliseconds in closed stays."""
    gaps: list[int] = []
    """By stage: drop-offs that were followed by a recovery."""
    dropped: int | None = None
    """The last drop-off."""
    recovered: int | None = None
    """The last recovery."""
    is_dropped: bool = False
    """The clock has passed the deadline and no touchpoint has come since."""
    exited: int | None = None
    completed: int | None = None
    """When a goal was first reached."""
    depth: int = 0
    """How many steps deep the funnel was ever met."""
    best: Times = ()
    """The chain that first came that deep."""
    chains: list[Any] = []
    """What can still be continued: its form belongs to the funnel's mode."""
    segments: list[int] = []


class Instance(msgspec.Struct, array_like=True):
    """One run of a journey for one customer."""

    key: str | None
    progress: Progress
    log: bytes = b""
    """Recent touchpoints, sorted; its newest entry is the newest touchpoint of all."""
    base: bytes | None = None
    """The progress of all that is older than the log."""
    former_ids: bytes = b""
    """Ids of the latest touchpoints that are older than the log."""
    corrections: int = 0


class Journey(msgspec.Struct, array_like=True):
    """One journey of one customer."""

    name: str
    version: int
    layout: int
    """A fingerprint of what the bits and lists of the instances mean."""
    instances: list[Instance]


class Record(msgspec.Struct, array_like=True):
    """All that is known of one customer."""

    version: int
    journeys: list[Journey]


class UnreadableStateError(Exception):
    """A stored record was written by a newer version, or is damaged."""


_encoder: Final = msgspec.msgpack.Encoder()
_record: Final = msgspec.msgpack.Decoder(Record)
_progress: Final = msgspec.msgpack.Decoder(Progress)

encode = _encoder.encode


def decode(data: bytes) -> Record:
    """The record in `data`; raises UnreadableStateError."""
    try:
        record = _record.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UnreadableStateError(f"a stored state cannot be read: {error}") from error
    if record.version != VERSION:
        raise UnreadableStateError(f"a stored state has version {record.version}; this program reads {VERSION}")
    return record


def decode_progress(data: bytes) -> Progress:
    """The progress kept as a base."""
    return _progress.decode(data)
