"""Packing: a producer's arguments become a touchpoint with its id, key and bytes, or an error that says why not.

It knows nothing of Kafka; `streams/sdk/producer.py` sends.
"""

import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, TypedDict, Unpack

import msgspec

from schemas.properties import BY_CHANNEL
from schemas.touchpoint import ALIAS_KINDS, MAX_EVENT_ID_LENGTH, Touchpoint
from streams.errors import UsageError
from tracker.identity.kinds import KINDS, Kinds
from tracker.identity.pseudonym import RAW
from tracker.planning.decode import Flaw, decode

UNWRITABLE: Final = (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)
"""What an encoder raises for values that JSON cannot hold."""
WHOSE: Final = (*ALIAS_KINDS, *RAW)
_encode: Final = msgspec.json.Encoder().encode
_canonical: Final = msgspec.json.Encoder(order="deterministic").encode


class NotATouchpoint(UsageError):  # noqa: N818  # says what is wrong with the arguments
    """The arguments do not make a touchpoint; nothing was sent."""


class Details(TypedDict, total=False):
    """Whose touchpoint it is, when it happened, and in which context."""

    customer_id: str | int | None
    anonymous_id: str | int | None
    email: str | None
    """An address. Only its hash is sent, keyed with TRACKER_HASH_KEY."""
    phone: str | None
    """A number with its country code. Only its hash is sent, keyed as that of `email`."""
    email_sha256: str | None
    """The plain hash of an address, made before; see `tracker.identity.pseudonym.email_sha256`."""
    phone_sha256: str | None
    account_id: str | int | None
    ids: Mapping[str, str | int | None]
    """Aliases of further kinds: those of TRACKER_ALIAS_KINDS, and numbers such as `woocommerce_customer@shop-se`."""
    occurred_at: datetime | int
    """A datetime with an offset, or milliseconds since 1970. Without it: now."""
    event_id: str
    """Your own id of this event. An event that is sent again with the same id counts once. See `event_id`."""
    context: Mapping[str, Any]
    extra: Mapping[str, Any]
    """Properties of your own, beyond those that the channel names."""


def event_id(*parts: object) -> str:
    """An id made of the parts that name the event, as in `event_id("order", 1001, "paid")`: same parts, same id."""
    text = "/".join(str(part) for part in parts)
    return text if len(text) <= MAX_EVENT_ID_LENGTH else blake2b(text.encode(), digest_size=32).hexdigest()


def build(channel: str, type: str, *, properties: Mapping[str, Any] | None = None, **details: Unpack[Details]) -> Touchpoint:  # noqa: A002, E501  # fmt: skip
    """The touchpoint that the arguments of `Producer.touch` describe.

    Without an `event_id`, one is made: from all of the arguments if `occurred_at` is among them, otherwise at random.
    Equal arguments without a time may be two events, such as two clicks.
    """
    given = {**details.get("ids", {}), **{kind: value for kind, value in details.items() if kind in WHOSE}}
    ids: dict[str, Any] = {kind: value for kind, value in given.items() if value is not None}
    named = "occurred_at" in details
    occurred_at = details["occurred_at"] if named else time.time_ns() // 1_000_000
    touchpoint = Touchpoint(
        event_id=details.get("event_id", ""),
        type=type,
        channel=channel,
        occurred_at=occurred_at,
        ids=ids,
        properties={**(properties or {}), **details.get("extra", {})} or None,
        context=dict(details.get("context", {})) or None,
    )
    if "event_id" not in details:
        touchpoint.event_id = _name(touchpoint) if named else uuid.uuid4().hex
    return touchpoint


def _name(touchpoint: Touchpoint) -> str:
    """An id made of all fields of the touchpoint."""
    try:
        return blake2b(_canonical(touchpoint), digest_size=16).hexdigest()
    except UNWRITABLE as error:
        raise _refusal(touchpoint, str(error)) from error


def pack(touchpoint: Touchpoint, kinds: Kinds = KINDS) -> tuple[bytes, bytes]:
    """Key and value of the message, as workers will read them. Raises NotATouchpoint."""
    try:
        value = _encode(touchpoint)
        if touchpoint.properties and touchpoint.channel in BY_CHANNEL:
            msgspec.convert(touchpoint.properties, BY_CHANNEL[touchpoint.channel])
    except UNWRITABLE as error:
        raise _refusal(touchpoint, str(error)) from error
    read_back = decode(value, None, kinds)
    if isinstance(read_back, Flaw):
        raise _refusal(touchpoint, f"{read_back.reason}: {read_back.detail}")
    return read_back.customer.encode(), value


def _refusal(touchpoint: Touchpoint, why: str) -> NotATouchpoint:
    return NotATouchpoint(
        f"{str(touchpoint.type)[:80]!r} is no touchpoint: {why}.", "docs/touchpoints.md says what each field may hold."
    )
