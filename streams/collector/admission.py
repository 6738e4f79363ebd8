"""Admission: what an adapter made of an event becomes a message on its way home, or a problem that says why not.

All adapters end here, so that what holds at the door holds for each: limits, the source's rules, pseudonyms, and that
the workers can read what is sent, since it is read here by the very same code.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

from schemas.topics import touchpoint_topic
from schemas.touchpoint import MAX_EVENT_ID_LENGTH, SCHEMA
from streams.collector.document import fault_of
from streams.collector.paths import without
from streams.collector.personal import Pseudonyms
from streams.collector.problems import Problem
from streams.collector.sources import Known
from tracker.decode import Flaw, decode
from tracker.home import home
from tracker.plan import Message

MAX_EVENT_BYTES: Final = 32_000
MAX_TYPE_LENGTH: Final = 256

_encode: Final = msgspec.json.Encoder().encode
_canonical: Final = msgspec.json.Encoder(order="deterministic").encode


class Admission:
    """Lets touchpoints in."""

    def __init__(self, channels: tuple[str, ...], partitions: int, pseudonyms: Pseudonyms) -> None:
        self._topics = {channel: touchpoint_topic(channel) for channel in channels}
        self._partitions = partitions
        self._pseudonyms = pseudonyms

    def flaw_of(self, event: Any) -> tuple[str, str] | None:
        """Why an event is refused before anything is made of it: its reason and a sentence."""
        if not isinstance(event, dict):
            return "not_a_touchpoint", "an event is a JSON object"
        if fault := fault_of(event):
            return "not_a_touchpoint", fault
        if (size := len(_encode(event))) > MAX_EVENT_BYTES:
            return "too_large", f"{size} bytes; an event has at most {MAX_EVENT_BYTES}"
        return None

    def admit(self, index: int, wire: dict[str, Any], source: Known, now_ms: int) -> Message | Problem:
        """The message of a touchpoint as a dictionary of its fields, which is changed on the way."""
        event_id = wire.get("event_id")
        named = event_id[:MAX_EVENT_ID_LENGTH] if isinstance(event_id, str) else None
        if refusal := self._refusal(wire, source):
            return Problem(index, *refusal, named)
        without(wire, source.rules.drop)
        self._hide(wire, source)
        wire["received_at"] = now_ms
        value = _encode(wire)
        touch = decode(value, now_ms)
        if isinstance(touch, Flaw):
            return Problem(index, touch.reason, touch.detail, named)
        place = home(touch.customer, self._partitions)
        return Message(self._topics[touch.channel], place, touch.customer.encode(), value)

    def _refusal(self, wire: Mapping[str, Any], source: Known) -> tuple[str, str] | None:
        rules = source.rules
        kind, channel = wire.get("type"), wire.get("channel")
        if not isinstance(kind, str) or not isinstance(channel, str):
            return "not_a_touchpoint", "`type` and `channel` are texts and must be there"
        if len(kind) > MAX_TYPE_LENGTH:
            return "not_a_touchpoint", f"`type` has at most {MAX_TYPE_LENGTH} characters"
        if rules.channel not in {None, channel}:
            return "not_allowed", f"this source sends to the channel {rules.channel} alone"
        if channel not in self._topics:
            return "not_a_touchpoint", f"there is no such channel; there are {', '.join(self._topics)}"
        if rules.types and kind not in rules.types:
            return "not_allowed", "this source may not send this type"
        return None

    def _hide(self, wire: dict[str, Any], source: Known) -> None:
        treatment = source.rules.personal
        if isinstance(ids := wire.get("ids"), dict):
            wire["ids"] = self._pseudonyms.ids(ids, treatment)
        if treatment != "keep":
            for name in wire.keys() - {"ids", "schema", "event_id", "type", "channel"}:
                wire[name] = self._pseudonyms.tidy(wire[name], treatment)


def event_id(given: Any, *scope: str) -> str | None:
    """A sender's own id as an event id: unique beyond its sender by `scope`, and never too long; None for no id."""
    if not isinstance(given, str | int) or isinstance(given, bool) or given == "":
        return None
    plain = "/".join((*scope, str(given)))
    return plain if len(plain) <= MAX_EVENT_ID_LENGTH else digest(plain)


def digest(event: Any) -> str:
    """An id made of what an event says: sent again, it is the same."""
    return blake2b(_canonical(event), digest_size=16).hexdigest()


def blank(event_id: Any, kind: Any, channel: Any, occurred_at: Any, ids: dict[str, Any]) -> dict[str, Any]:
    """The fields that every touchpoint has."""
    return {
        "schema": SCHEMA,
        "event_id": event_id,
        "type": kind,
        "channel": channel,
        "occurred_at": occurred_at,
        "ids": ids,
    }
