"""Decoding: a record's bytes as a touch to fold, or the flaw that makes them no touchpoint.

It knows the wire format and the correction of device clocks, and nothing of Kafka, journeys and states.
"""

from datetime import datetime
from typing import Final, NamedTuple
from unicodedata import normalize

import msgspec

from schemas.rejection import Reason
from schemas.touchpoint import MAX_TOUCHPOINT_BYTES, SCHEMA, Touchpoint
from schemas.unreadable import UNREADABLE
from tracker.identity.kinds import ACCOUNT, KINDS, AliasTooLong, Kinds
from tracker.touch import Touch

MINUTE_MS: Final = 60_000
FUTURE_MS: Final = 5 * MINUTE_MS
# Seconds sent as milliseconds fall before 1980, microseconds after 9999.
EARLIEST_MS: Final = 315_532_800_000
# A number from here to EARLIEST_MS is a moment since 2001 in seconds; one below it, or a date, is a clock of 1970.
SECONDS_FROM_MS: Final = 1_000_000_000
LATEST_MS: Final = 253_402_300_799_999
MAX_SHOWN: Final = 80
"""Characters of a sender's text that a detail repeats."""


class Flaw(NamedTuple):
    """Why bytes are no touchpoint."""

    reason: Reason
    detail: str


class _Version(msgspec.Struct):
    schema: str = SCHEMA


_decode: Final = msgspec.json.Decoder(Touchpoint).decode
_version: Final = msgspec.json.Decoder(_Version)


def decode(value: bytes | None, received_at_ms: int | None, kinds: Kinds = KINDS) -> Touch | Flaw:
    """The touchpoint in `value`, its time corrected; `received_at_ms` stands in for a missing `received_at`."""
    if value is None:
        return Flaw("not_json", "the record has no value")
    if len(value) > MAX_TOUCHPOINT_BYTES:
        return Flaw("too_large", f"{len(value)} bytes; at most {MAX_TOUCHPOINT_BYTES}")
    try:
        wire = _decode(value)
    except msgspec.ValidationError as error:
        return _explain(value, str(error))
    except UNREADABLE as error:
        return Flaw("not_json", str(error))
    if wire.schema != SCHEMA and _major(wire.schema) != SCHEMA:
        return _unknown(wire.schema)
    try:
        customer = kinds.strongest(wire.ids)
        links = kinds.others(wire.ids, customer) if len(wire.ids) > 1 and customer is not None else ()
        account = kinds.account(wire.ids) if ACCOUNT in wire.ids else None
    except AliasTooLong as error:
        return Flaw("id_too_long", str(error))
    if customer is None:
        return Flaw("no_id", f"`ids` holds none of {kinds.listed} with a value that is an id")
    occurred_at = wire.occurred_at
    device_ms = occurred_at if occurred_at.__class__ is int else _milliseconds(occurred_at)
    at_ms = device_ms
    received_at_ms = received_at_ms if wire.received_at is None else _milliseconds(wire.received_at)
    if (
        wire.sent_at is not None
        or wire.received_at is not None
        or not EARLIEST_MS <= device_ms <= LATEST_MS
        or (received_at_ms is not None and device_ms > received_at_ms + FUTURE_MS)
    ):
        moment = _moment(wire, device_ms, received_at_ms)
        if isinstance(moment, Flaw):
            return moment
        at_ms = moment
    properties, context = wire.properties or {}, wire.context or {}
    kind = wire.type if wire.type.isascii() else normalize("NFC", wire.type)
    is_browser = wire.trust is not None
    return Touch(
        customer, at_ms, kind, wire.channel, wire.event_id, properties, context, device_ms, links, account,
        received_at_ms or 0, is_browser,
    )  # fmt: skip


def _moment(wire: Touchpoint, device_ms: int, received_at_ms: int | None) -> int | Flaw:
    """When it happened (ms), with the device's clock corrected; `received_at_ms` is the wire's where that has one."""
    at_ms = device_ms
    if wire.received_at is not None and not EARLIEST_MS <= (received_at_ms or 0) <= LATEST_MS:
        return Flaw("impossible_time", f"received_at is {_shown(received_at_ms or 0)}")
    # A producer may set the broker's timestamp to anything. An impossible one is ignored: the touchpoint may be right.
    is_received = received_at_ms is not None and EARLIEST_MS <= received_at_ms <= LATEST_MS
    is_correctable = is_received and wire.sent_at is not None
    if not EARLIEST_MS <= device_ms <= LATEST_MS and not (is_correctable and _is_early_clock(wire)):
        return Flaw("impossible_time", f"occurred_at is {_shown(device_ms)}; are the units milliseconds?")
    if received_at_ms is not None and is_received:
        if wire.sent_at is not None:
            at_ms = correct(device_ms, _milliseconds(wire.sent_at), received_at_ms)
            if at_ms < EARLIEST_MS:
                return Flaw("impossible_time", f"by sent_at and received_at it happened at {_shown(at_ms)}")
        # Clamped and not rejected: the event did happen, but a future time would move the customer's clock ahead.
        if at_ms > received_at_ms + FUTURE_MS:
            at_ms = received_at_ms
    return at_ms


def _is_early_clock(wire: Touchpoint) -> bool:
    """Whether a device sent this whose clock began in 1970: both its times are early, and neither is in seconds."""
    return all(
        -EARLIEST_MS < _milliseconds(moment) < (SECONDS_FROM_MS if isinstance(moment, int) else EARLIEST_MS)
        for moment in (wire.occurred_at, wire.sent_at)
        if moment is not None
    )


def correct(device_ms: int, sent_ms: int, received_ms: int) -> int:
    """The device's time with the error of its clock removed, in whole minutes (all in ms).

    `received - sent` is the clock error plus the network delay. Rounding to minutes removes the delay, so two
    touchpoints of one device keep the order of its own clock. A clock that is right within half a minute is not
    corrected. See docs/decisions/0001-clock-correction.md.
    """
    error_ms = (received_ms - sent_ms + MINUTE_MS // 2) // MINUTE_MS * MINUTE_MS
    return device_ms + error_ms


def _milliseconds(moment: datetime | int) -> int:
    return moment if isinstance(moment, int) else round(moment.timestamp() * 1000)


def _shown(at_ms: int) -> str:
    """A moment in words, also an impossible one: Python does not print numbers of more than 4,300 digits."""
    return f"{at_ms} ms since 1970" if -(1 << 64) < at_ms < 1 << 64 else "further from 1970 than 64 bits can say"


def _major(schema: str) -> str:
    """The major version, `touchpoint/1` of `touchpoint/1.4`: a minor version only adds fields."""
    return schema.partition(".")[0]


def _unknown(schema: str) -> Flaw:
    # Cut, since a rejection must fit into a record of the broker.
    return Flaw("unknown_schema", f"schema {schema[:MAX_SHOWN]!r}; this version reads {SCHEMA}")


def _explain(value: bytes, error: str) -> Flaw:
    """The flaw, with a reason of the closed set, for an error of the decoder.

    The decoder stops at the first wrong field. Only a second look at all bytes shows whether they are JSON.
    """
    try:
        schema = _version.decode(value).schema
    except msgspec.ValidationError:
        schema = SCHEMA
    except UNREADABLE as damage:
        return Flaw("not_json", str(damage))
    if _major(schema) != SCHEMA:
        return _unknown(schema)
    if "`occurred_at`" in error and "missing" in error:
        return Flaw("no_time", error)
    if "$.occurred_at" in error:
        return Flaw("impossible_time", error)
    if "`ids`" in error and "missing" in error:
        return Flaw("no_id", error)
    return Flaw("not_a_touchpoint", error)
