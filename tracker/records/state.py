"""The state of a customer: every journey and instance in one record, as versioned msgpack.

It knows how a record is laid out, and decides nothing.
Times within a progress are milliseconds after its `zero_ms`, its first touchpoint: five bytes instead of nine.
"""

from typing import Final

import msgspec

from schemas.unreadable import UNREADABLE

# gc=False: no structure here can contain itself, so the garbage collector need not visit each of them.
VERSION: Final = 1

# Codes of segment values in states and logs: 0 no value, 1 a value that is not declared, then the declared ones.
OTHER: Final = 1
FIRST_VALUE: Final = 2


class Progress(msgspec.Struct, array_like=True, gc=False):
    """How far one journey (or one instance of a keyed one) has come: the fold's value."""

    zero_ms: int
    last: int = 0
    """The last touchpoint."""
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
    """By stage: milliseconds in stays that have ended."""
    gaps: list[int] = []
    """By stage: drop-offs that ended in a recovery; empty where there was none."""
    dropped: int | None = None
    """The last drop-off that ended in a recovery."""
    recovered: int | None = None
    """The last recovery."""
    is_dropped: bool = False
    """The clock has passed the deadline, and no touchpoint has come since."""
    exited: int | None = None
    """When the customer left the journey, and has not come back."""
    depth: int = 0
    """The funnel depth: how many steps the best chain ever had."""
    chains: list[int | None] = []
    """The chains that can still be continued; the form depends on the funnel's mode (`tracker/engine/funnel.py`)."""
    segments: list[int] = []
    """By segment: the code of its value."""
    taken: int = 0
    """As bits: the optional steps that some chain of the funnel has ended with."""


class Instance(msgspec.Struct, array_like=True, gc=False):
    """One run of a journey for one customer."""

    key: str | None
    progress: Progress
    log: bytes = b""
    """Recent touchpoints, sorted."""
    base: bytes | None = None
    """The progress after all touchpoints older than the log; None where the log holds all."""
    base_until_ms: int = 0
    """Where a log was cut early: older touchpoints are folded on top of the base although within the horizon."""
    former_ids: bytes = b""
    """Ids of the latest touchpoints that left the log, to recognise duplicates."""
    corrections: int = 0
    feedback: tuple[int, ...] = ()
    """The latest answer of each kind, in the form of `tracker/figures/feedback.py`."""
    by_browsers: bool = False
    """Of a keyed journey: no server has sent anything of it, so it gives way to those of which one has."""
    cohorts_from: int = 0
    """The first day (since 1970) that has a cohort of its own here: who began before it counts in the cohort `before`
    (docs/decisions/0045-cohorts-before.md)."""


class Journey(msgspec.Struct, array_like=True, gc=False):
    """One journey of one customer."""

    name: str
    version: int
    layout: int
    """A fingerprint of what the bits and lists of the instances mean."""
    instances: list[Instance]


class Record(msgspec.Struct, array_like=True, gc=False):
    """Everything that is stored of one customer."""

    version: int
    journeys: list[Journey]
    other_ids: bytes = b""
    """Ids of the latest touchpoints that belong to no journey, to recognise duplicates."""
    look_ms: int | None = None
    """The moment of the customer's timer (`tracker/records/timer.py`); any older timer fires without effect."""
    account_links: bytes = b""
    """Its accounts and, of an account, its members, in the form of `tracker/identity/membership.py`."""
    ties: bytes = b""
    """The aliases that it was seen with, in the form of `tracker/identity/ties.py`. The last field, so that a record
    without ties ends in the two bytes of an empty string."""


class UnreadableStateError(Exception):
    """A stored record was written by a newer version, or is damaged."""

    def __init__(self, reason: str, *, is_newer: bool = False) -> None:
        """`is_newer`: a newer program will read it."""
        super().__init__(reason)
        self.is_newer = is_newer


class _Head(msgspec.Struct, array_like=True, gc=False):
    version: int


class _Tail(msgspec.Struct, array_like=True, gc=False):
    """A record whose journeys are skipped, which takes a third of the time of reading them."""

    version: int
    journeys: msgspec.Raw
    other_ids: bytes = b""
    look_ms: int | None = None
    account_links: bytes = b""
    ties: bytes = b""


_encoder: Final = msgspec.msgpack.Encoder()
_record: Final = msgspec.msgpack.Decoder(Record)
_progress: Final = msgspec.msgpack.Decoder(Progress)
_head: Final = msgspec.msgpack.Decoder(_Head)
_tail: Final = msgspec.msgpack.Decoder(_Tail)

encode = _encoder.encode


def decode(data: bytes) -> Record:
    """The record in `data`; raises UnreadableStateError.

    A later program adds fields at the end of a structure, with defaults, so that older records still decode. A change
    of meaning needs a new version and a branch here.
    """
    try:
        record = _record.decode(data)
    except UNREADABLE as error:
        raise _unreadable(data, str(error)) from error
    if record.version != VERSION:
        raise _unreadable(data, "unknown version")
    return record


def ties_of(data: bytes) -> bytes:
    """The ties alone of the record in `data`; raises UnreadableStateError."""
    return _tail_of(data).ties


def account_links_of(data: bytes) -> bytes:
    """The account links alone of the record in `data`; raises UnreadableStateError."""
    return _tail_of(data).account_links


def _tail_of(data: bytes) -> _Tail:
    try:
        tail = _tail.decode(data)
    except UNREADABLE as error:
        raise _unreadable(data, str(error)) from error
    if tail.version != VERSION:
        raise _unreadable(data, "unknown version")
    return tail


def decode_progress(data: bytes) -> Progress:
    """The progress kept as a base; raises UnreadableStateError."""
    try:
        return _progress.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UnreadableStateError(f"a stored base is damaged: {error}") from error


def _unreadable(data: bytes, error: str) -> UnreadableStateError:
    try:
        version = _head.decode(data).version
    except UNREADABLE:
        version = VERSION
    if version != VERSION:
        reason = f"a stored state has version {version}; this program reads {VERSION}"
        return UnreadableStateError(reason, is_newer=version > VERSION)
    return UnreadableStateError(f"a stored state is damaged: {error}")
