"""The data about a person in Kafka: the records of every topic that are about one of their names, unchanged.

It knows the fields in which each kind of record holds a name.
"""

import base64
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

import msgspec

from schemas.rejection import Rejection
from schemas.routed import RoutedTouchpoint
from schemas.topics import ACTIONS, REJECTED, ROUTED, TRANSITIONS
from schemas.unreadable import UNREADABLE, is_too_deep
from streams.events.from_kafka import pages
from streams.person.show import moment
from tracker.identity.kinds import Kinds
from tracker.planning import cloud_events
from tracker.planning.decode import Flaw, decode
from tracker.planning.message import decode_routed

_rejection: Final = msgspec.json.Decoder(Rejection).decode
_json: Final = msgspec.json.Decoder().decode


def traces(
    consumer: Any,
    topics: Collection[str],
    names: Collection[str],
    kinds: Kinds,
    advance: Callable[[int], None] = lambda _records: None,
) -> Iterator[dict[str, Any]]:
    """The records of these topics that are about one of the names. Raises TrackerError."""
    wanted = frozenset(names)
    for topic in topics:
        names_in = NAMED.get(topic, _in_touchpoint)
        for page in pages(consumer, topic):
            for record in page:
                key, value = (record.key or b"").decode(errors="replace"), record.value or b""
                if topic not in NAMED:
                    value = cloud_events.as_touchpoint(topic, value, record.headers)
                if key in wanted or wanted & names_in(value, kinds):
                    yield _shown(topic, record)
            advance(len(page))


def _in_touchpoint(value: bytes, kinds: Kinds) -> set[str]:
    touch = decode(value, None, kinds)
    return set() if isinstance(touch, Flaw) else {touch.customer, *touch.links}


def _in_routed(value: bytes, kinds: Kinds) -> set[str]:
    try:
        message = decode_routed(value)
    except UNREADABLE:
        return set()
    named = {
        str(getattr(message, field)) for field in ("name", "peer", "alias", "by", "member") if hasattr(message, field)
    }
    return named | (_in_touchpoint(message.value, kinds) if isinstance(message, RoutedTouchpoint) else set())


def _in_rejection(value: bytes, kinds: Kinds) -> set[str]:
    try:
        found = _rejection(value)
    except UNREADABLE:
        return set()
    key = (found.key or b"").decode(errors="replace")
    value, topic = found.value or b"", found.place.topic
    if topic == ROUTED:
        return {key, *_in_routed(value, kinds)}
    return {key, *_in_touchpoint(cloud_events.as_touchpoint(topic, value, ()), kinds)}


def _in_message(value: bytes, _kinds: Kinds) -> set[str]:
    try:
        message = _json(value)
    except UNREADABLE:
        return set()
    if not isinstance(message, dict):
        return set()
    return {name for field in ("customer", "alias", "other") if isinstance(name := message.get(field), str)}


NAMED: Final[Mapping[str, Callable[[bytes, Kinds], set[str]]]] = {
    ROUTED: _in_routed,
    REJECTED: _in_rejection,
    TRANSITIONS: _in_message,
    ACTIONS: _in_message,
}


def _shown(topic: str, record: Any) -> dict[str, Any]:
    value: bytes = record.value or b""
    where = {"topic": topic, "partition": record.partition, "offset": record.offset, "at": moment(record.timestamp)}
    try:
        if not is_too_deep(value):
            return {**where, "value": _json(value)}
    except UNREADABLE:
        pass
    return {**where, "base64": base64.b64encode(value).decode()}
