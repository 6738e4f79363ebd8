"""Poison: messages that are not touchpoints, as a table of kinds, each with the reason of its rejection.

It knows the limits of the wire format and nothing of its readers.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from schemas.rejection import Reason
from schemas.touchpoint import MAX_ID_BYTES, MAX_TOUCHPOINT_BYTES
from streams.simulator.event import Event

Fields = dict[str, Any]


class Poison(NamedTuple):
    """One kind of message that is not a touchpoint."""

    kind: str
    reason: Reason
    spoil: Callable[[Fields], bytes | None]
    """The message's bytes, made from a good touchpoint's fields."""


def _without(name: str) -> Callable[[Fields], bytes]:
    return lambda good: msgspec.json.encode({field: value for field, value in good.items() if field != name})


def _with(**changes: Any) -> Callable[[Fields], bytes]:
    return lambda good: msgspec.json.encode(good | changes)


def _oversized(good: Fields) -> bytes:
    return msgspec.json.encode(good | {"properties": {"note": "x" * MAX_TOUCHPOINT_BYTES}})


KINDS: Final = (
    Poison("empty", "not_json", lambda _: b""),
    Poison("no_value", "not_json", lambda _: None),
    Poison("text", "not_json", lambda _: b"click! thanks for visiting"),
    Poison("binary", "not_json", lambda _: b"\x00\x01\xff\xfe\x80 not utf-8"),
    Poison("truncated", "not_json", lambda good: msgspec.json.encode(good)[:-7]),
    Poison("list", "not_a_touchpoint", lambda good: msgspec.json.encode([good])),
    Poison("wrong_types", "not_a_touchpoint", _with(properties=["not", "an", "object"])),
    Poison("no_type", "not_a_touchpoint", _without("type")),
    Poison("empty_event_id", "not_a_touchpoint", _with(event_id="")),
    Poison("no_ids", "no_id", _without("ids")),
    Poison("null_id", "no_id", _with(ids={"customer_id": None, "anonymous_id": "undefined"})),
    Poison("long_id", "id_too_long", _with(ids={"customer_id": "c" * (MAX_ID_BYTES + 1)})),
    Poison("no_time", "no_time", _without("occurred_at")),
    Poison("time_in_words", "impossible_time", _with(occurred_at="yesterday")),
    Poison("time_in_seconds", "impossible_time", _with(occurred_at=1_795_338_000)),
    Poison("schema_2", "unknown_schema", _with(schema="touchpoint/2")),
    Poison("too_large", "too_large", _oversized),
)


def storm(count: int, channel: str = "web") -> Iterator[Event]:
    """`count` poison messages in a row; the kinds take turns, and each message has its own key."""
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        key = f"poison-{number}"
        good = {
            "event_id": key,
            "type": "Page Viewed",
            "channel": channel,
            "occurred_at": 1_795_341_600_000,
            "ids": {"customer_id": key},
        }
        yield Event(channel, key.encode(), kind.spoil(good), poison=kind.kind)
