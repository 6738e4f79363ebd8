"""Reading `journey.routed`: a record's bytes become a message that can be applied, or a flaw that says why not.

A message is looked at from all sides before anything is folded: what is wrong with it must not come up in the middle
of a batch, where it would take the records around it along. Whether a history fits the journeys of this program,
`tracker/identity/linking.py` tries. It refuses to know Kafka, partitions and stores.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple, get_args

import msgspec

from schemas.rejection import RoutedReason
from schemas.routed import (
    READS,
    UNSAID,
    Clearance,
    History,
    Member,
    Offer,
    Routed,
    RoutedTouchpoint,
    Ruling,
    Tie,
    Trace,
)
from schemas.touchpoint import MAX_EVENT_ID_LENGTH, MAX_ID_BYTES
from schemas.unreadable import UNREADABLE
from tracker.identity.kinds import MAX_KIND_LENGTH
from tracker.identity.ties import MAX_PATH
from tracker.identity.trust import NEVER_MS, seen_ms
from tracker.planning.decode import MAX_SHOWN
from tracker.planning.message import decode_routed
from tracker.records.state import UnreadableStateError
from tracker.records.state import decode as decode_state

MAX_NAME_BYTES: Final = MAX_KIND_LENGTH + 1 + MAX_ID_BYTES
"""A kind, a colon and an id."""
MAX_MS: Final = (1 << 48) - 1
"""A log keeps times in six bytes: the year 10889."""
_NAMED: Final = ("name", "peer", "alias", "by", "member", "account")
NAMES: Final = {one: tuple(field for field in _NAMED if field in one.__struct_fields__) for one in get_args(Routed)}
"""By kind of message: the fields that hold names."""
KINDS: Final = frozenset(str(one.__struct_config__.tag) for one in get_args(Routed))
_FAMILY: Final = UNSAID.partition("/")[0] + "/"


class RoutedFlaw(NamedTuple):
    """Why bytes are no message that this worker can apply."""

    reason: RoutedReason
    detail: str


class _RoutedHead(msgspec.Struct):
    kind: str = ""
    schema: str = UNSAID


_head: Final = msgspec.msgpack.Decoder(_RoutedHead).decode


def read_routed(value: bytes | None, received_at_ms: int | None) -> Routed | RoutedFlaw:
    """The message in `value`; a bare touchpoint is taken for one that came at `received_at_ms`."""
    if not value:
        return RoutedFlaw("not_routed", "the record has no value")
    try:
        message: Routed = decode_routed(value)
    except UNREADABLE as error:
        # In msgpack a brace is the number 123, and no message is a number.
        if value.lstrip()[:1] == b"{":
            return RoutedTouchpoint(value, received_at_ms)
        return _explain(value, str(error))
    if message.__class__ is RoutedTouchpoint and message.name is None and message.schema in READS:
        # The usual message; its touchpoint is looked at where all are decoded.
        return message
    if _major(message.schema) not in READS:
        return _of_schema(message.schema)
    fault = _fault(message)
    if fault is not None:
        return RoutedFlaw("not_routed", fault)
    if isinstance(message, History):
        try:
            decode_state(message.record)
        except UnreadableStateError as error:
            return RoutedFlaw("newer_version" if error.is_newer else "not_routed", str(error))
    return message


def _explain(value: bytes, error: str) -> RoutedFlaw:
    """Why the decoder refused it: damaged, or a message that only a newer program knows."""
    try:
        head = _head(value)
    except UNREADABLE:
        return RoutedFlaw("not_routed", error)
    if _major(head.schema) not in READS:
        return _of_schema(head.schema)
    if head.kind and head.kind not in KINDS:
        return RoutedFlaw(
            "newer_version", f"a message of the kind {head.kind[:MAX_SHOWN]!r}, which this version does not know"
        )
    return RoutedFlaw("not_routed", error)


def _of_schema(schema: str) -> RoutedFlaw:
    detail = f"schema {schema[:MAX_SHOWN]!r}; this version reads {' and '.join(READS)}"
    return RoutedFlaw("newer_version" if schema.startswith(_FAMILY) else "not_routed", detail)


def _major(schema: str) -> str:
    """`routed/1` of `routed/1.4`: a minor version only adds fields that may be passed over."""
    return schema.partition(".")[0]


def _fault(message: Routed) -> str | None:
    """What no worker would have written although it has the form; None where there is nothing."""
    for field in NAMES[type(message)]:
        if not _is_name(getattr(message, field)):
            return f"`{field}` is no name of 1 to {MAX_NAME_BYTES} bytes"
    if isinstance(message, Tie | Ruling) and message.name == message.peer:
        return "a name that is tied to itself"
    if isinstance(message, Tie):
        return _fault_of_tie(message)
    if isinstance(message, Ruling | Clearance) and not _are_times((message.at_ms,)):
        return f"`at_ms` is {message.at_ms}"
    if isinstance(message, Member):
        return _fault_of_member(message)
    return None


def _fault_of_tie(message: Tie) -> str | None:
    # A tie that only a ruling made has never been seen in a touchpoint.
    if message.at_ms != NEVER_MS and not _are_times((seen_ms(message.at_ms),)):
        return f"`at_ms` is {message.at_ms}"
    if len(message.event_id) > MAX_EVENT_ID_LENGTH:
        return f"`event_id` is longer than {MAX_EVENT_ID_LENGTH}"
    return None if message.offer is None else _fault_of_offer(message.offer)


def _fault_of_offer(offer: Offer) -> str | None:
    if not 1 <= len(offer.path) <= MAX_PATH:
        return f"a path of {len(offer.path)} names; there are 1 to {MAX_PATH}"
    # Of a path of one name there is no edge to weigh.
    names = [*offer.path, *(offer.weight[2:] if offer.weight else ())]
    if not all(map(_is_name, names)):
        return f"a path with a name that is none of 1 to {MAX_NAME_BYTES} bytes"
    if offer.weight is not None and not _is_weight(offer.weight[0], offer.weight[1]):
        return "an offer whose youngest edge is of no time"
    return None


def _is_weight(at_ms: int, event_id: str) -> bool:
    return _are_times((seen_ms(at_ms),)) and len(event_id) <= MAX_EVENT_ID_LENGTH


def _fault_of_member(message: Member) -> str | None:
    trace = message.trace
    since_ms = seen_ms(message.since_ms)
    times = (since_ms,) if trace is None else (since_ms, *_times_of(trace))
    return None if _are_times(times) else "a time beyond all calendars"


def _times_of(trace: Trace) -> Iterable[int]:
    yield from trace.reached.values()
    yield from (at_ms for span in trace.spans for at_ms in span)
    if trace.exited_ms is not None:
        yield trace.exited_ms


def _are_times(times: Iterable[int]) -> bool:
    return all(0 <= at_ms <= MAX_MS for at_ms in times)


def _is_name(name: str | None) -> bool:
    # Where a message may do without a name, it is None. A character has at most four bytes.
    return name is None or 0 < len(name) <= MAX_NAME_BYTES // 4 or 0 < len(name.encode()) <= MAX_NAME_BYTES
