"""CloudEvents 1.0 in topics of touchpoints, by Kafka's protocol binding: binary and structured, as touchpoints.

In binary mode the attributes are headers `ce_…` and the value is the data; in structured mode the value is the whole
event. A producer of such a topic is trusted as one of touchpoints is. Only records that are no touchpoints come here,
so the others pay nothing.
"""

import base64
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from schemas import cloudevents as tables
from schemas.topics import TOUCHPOINTS
from schemas.touchpoint import MAX_EVENT_ID_LENGTH, MAX_TOUCHPOINT_BYTES, SCHEMA
from schemas.unreadable import UNREADABLE, is_too_deep
from tracker.identity.kinds import Kinds
from tracker.planning.decode import Flaw, decode
from tracker.touch import Touch

BINARY: Final = "ce_specversion"
PREFIX: Final = "ce_"
MARK: Final = b'"specversion"'
CONTENT_TYPE: Final = "content-type"
# Raw addresses wait for a collector, which hashes them; a proof is for the collector alone.
NO_IDS: Final = frozenset({"email", "phone", "user_hash"})

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


class CloudEventReading(NamedTuple):
    """What a record holds that is a CloudEvent."""

    structured: bytes
    """The event in structured mode, which is complete without headers: it is what is kept where it is refused."""
    touchpoint: bytes | None
    """The touchpoint that it stands for; None where it is refused."""
    fault: str
    """Why it is refused, else empty."""

    def touch(self, received_at_ms: int | None, kinds: Kinds) -> Touch | Flaw:
        """What the touchpoint says, or what is wrong with the event."""
        if self.touchpoint is None:
            return Flaw("not_a_touchpoint", self.fault)
        return decode(self.touchpoint, received_at_ms, kinds)


def read(
    topic: str, value: bytes | None, headers: Iterable[tuple[str, bytes | None]], received_at_ms: int | None
) -> CloudEventReading | None:
    """The CloudEvent in a record, None where it holds none. `received_at_ms` stands in for a missing `time`."""
    value = value or b""
    named = {name.lower(): content for name, content in headers if content is not None}
    if (BINARY not in named and MARK not in value) or len(value) > MAX_TOUCHPOINT_BYTES or is_too_deep(value):
        return None
    try:
        structured = _from_headers(value, named) if BINARY in named else value
        event = _decode(structured)
        if not isinstance(event, dict) or "specversion" not in event:
            return None
        if fault := _fault(event) or _unpack(event):
            return CloudEventReading(structured, None, fault)
        return CloudEventReading(structured, _encode(_touchpoint(event, topic, received_at_ms)), "")
    except UNREADABLE:
        return None
    except OverflowError:
        return CloudEventReading(structured, None, "a number of the CloudEvent does not fit into 64 bits")


def as_touchpoint(topic: str, value: bytes, headers: Iterable[tuple[str, bytes | None]]) -> bytes:
    """The bytes of the touchpoint that a record stands for; those of the record where it is no CloudEvent."""
    event = read(topic, value, headers, None)
    return value if event is None or event.touchpoint is None else event.touchpoint


def _from_headers(value: bytes, headers: Mapping[str, bytes]) -> bytes:
    """The event in structured mode; data that are no JSON are in base64."""
    event: dict[str, Any] = {
        name[len(PREFIX) :]: content.decode() for name, content in headers.items() if name.startswith(PREFIX)
    }
    if CONTENT_TYPE in headers:
        event["datacontenttype"] = headers[CONTENT_TYPE].decode()
    if value and is_json(event.get("datacontenttype")) and _is_readable(value):
        event["data"] = msgspec.Raw(value)
    elif value:
        event["data_base64"] = base64.b64encode(value).decode()
    return _encode(event)


def _is_readable(value: bytes) -> bool:
    try:
        _decode(value)
    except UNREADABLE:
        return False
    return True


def is_json(kind: Any) -> bool:
    """Whether data of this content type are JSON, by its name; data without one are."""
    plain = kind.partition(";")[0].strip().lower() if isinstance(kind, str) else ""
    return plain in tables.JSON_TYPES or plain.endswith("+json")


def _fault(event: Mapping[str, Any]) -> str:
    lacking = [name for name in tables.REQUIRED if not isinstance(event.get(name), str) or not event[name]]
    if lacking:
        return f"the attributes {', '.join(lacking)} of a CloudEvent are required and must be strings"
    if event["specversion"] not in tables.VERSIONS:
        return f"specversion {event['specversion']!r:.20} is not supported; use {', '.join(tables.VERSIONS)}"
    return ""


def _unpack(event: dict[str, Any]) -> str:
    """Put `data` in the place of `data_base64`; a sentence where that is impossible, else an empty text."""
    packed = event.pop("data_base64", None)
    if packed is None or packed == "" or event.get("data") is not None:
        return ""
    try:
        raw = base64.b64decode(packed, validate=True)
        event["data"] = _decode(raw) if is_json(event.get("datacontenttype")) else raw.decode("utf-8", "replace")
    except (TypeError, ValueError, *UNREADABLE):
        return f"the data of the CloudEvent are not {event.get('datacontenttype') or 'JSON'}"
    return ""


def _touchpoint(event: Mapping[str, Any], topic: str, received_at_ms: int | None) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "schema": SCHEMA,
        "event_id": event_id(event["source"], event["id"]),
        "type": event["type"],
        "channel": _first(event, tables.CHANNELS) or topic.removeprefix(TOUCHPOINTS),
        "occurred_at": event.get("time") or received_at_ms,
        "ids": _ids(event),
    }
    wire |= contents(event)
    return {name: value for name, value in wire.items() if value is not None}


def contents(event: Mapping[str, Any]) -> dict[str, Any]:
    """The `properties` and the `context` of a touchpoint, from the data of a CloudEvent and its extensions."""
    said: dict[str, Any] = {}
    data = event.get("data")
    if isinstance(data, dict):
        rest = {key: value for key, value in data.items() if key not in {"ids", "context"}}
        said = {"properties": data.get("properties", rest), "context": data.get("context")}
    elif data is not None:
        said["properties"] = {"data": data}
    extensions = {key: value for key, value in event.items() if key not in tables.OWN}
    if extensions and isinstance(said.get("context") or {}, dict):
        said["context"] = extensions | (said.get("context") or {})
    return said


def _ids(event: Mapping[str, Any]) -> dict[str, Any]:
    """The ids of the table, and any other kind of alias among `data.ids`."""
    data = event.get("data")
    others = data.get("ids") if isinstance(data, dict) else None
    ids = {kind: value for kind, value in others.items() if kind not in NO_IDS} if isinstance(others, dict) else {}
    for kind, paths in tables.IDS.items():
        value = None if kind in NO_IDS else _first(event, paths)
        if value is not None:
            ids[kind] = value
    return ids


def _first(event: Mapping[str, Any], paths: Iterable[str]) -> Any:
    """The value of the first path that has one."""
    for path in paths:
        found: Any = event
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if found not in (None, ""):
            return found
    return None


def event_id(source: str, given: str) -> str:
    """The id that the same event gets through the collector: unique by source and id, a long one as its digest."""
    plain = f"{source}/{given}"
    return plain if len(plain) <= MAX_EVENT_ID_LENGTH else blake2b(_encode(plain), digest_size=16).hexdigest()
