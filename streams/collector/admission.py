"""Admission: what an adapter made of an event becomes a message on its way home, or a problem that says why not.

All adapters end here, so that what holds at the door holds for each: limits, the source's rules, pseudonyms, its
tracking plan, and that the workers can read what is sent, since it is read here by the very same code.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from schemas.rejection import AnyReason, Place, Rejection
from schemas.topics import REJECTED, touchpoint_topic
from schemas.touchpoint import MAX_EVENT_ID_LENGTH, SCHEMA
from streams.collector.document import fault_of, is_deeper
from streams.collector.paths import without
from streams.collector.personal import Pseudonyms
from streams.collector.plans import Plans
from streams.collector.problems import HttpProblem
from streams.collector.sources import Known
from tracker.home import home
from tracker.identity.kinds import KINDS, Kinds
from tracker.planning.decode import Flaw, decode
from tracker.planning.message import Message
from tracker.tracking_plans.tracking_plan import MARK, Violation

MAX_EVENT_BYTES: Final = 32_000
MAX_TYPE_LENGTH: Final = 256
MAX_HELD_DEPTH: Final = 100
AT_THE_DOOR: Final = -1
"""The offset of what never stood in its topic."""

_encode: Final = msgspec.json.Encoder().encode
_canonical: Final = msgspec.json.Encoder(order="deterministic").encode


class AdmissionVerdict(NamedTuple):
    """What becomes of one event."""

    message: Message | None
    """What Kafka is to have of it: the touchpoint, or a rejection."""
    problem: HttpProblem | None = None
    """What the sender is told; None: it is accepted."""
    violations: Sequence[Violation] = ()


class Admission:
    """Lets touchpoints in."""

    def __init__(
        self,
        channels: tuple[str, ...],
        partitions: int,
        pseudonyms: Pseudonyms,
        plans: Plans,
        kinds: Kinds = KINDS,
    ) -> None:
        self._topics = {channel: touchpoint_topic(channel) for channel in channels}
        self._partitions = partitions
        self._pseudonyms = pseudonyms
        self._plans = plans
        self._kinds = kinds

    def flaw_of(self, event: Any) -> tuple[AnyReason, str] | None:
        """Why an event is refused before anything is made of it: its reason and a sentence."""
        if not isinstance(event, dict):
            return "not_a_touchpoint", "an event is a JSON object"
        if fault := fault_of(event):
            return "not_a_touchpoint", fault
        if (size := len(_encode(event))) > MAX_EVENT_BYTES:
            return "too_large", f"{size} bytes; an event has at most {MAX_EVENT_BYTES}"
        return None

    def admit(self, index: int, wire: dict[str, Any], source: Known, now_ms: int) -> AdmissionVerdict:
        """What becomes of a touchpoint as a dictionary of its fields, which is changed on the way."""
        event_id = wire.get("event_id")
        named = event_id[:MAX_EVENT_ID_LENGTH] if isinstance(event_id, str) else None
        if why := self._no_place(wire):
            return AdmissionVerdict(None, HttpProblem(index, "not_a_touchpoint", why, named))
        # A sender cannot say of itself that it keeps to its plan.
        without(wire, (f"context.{MARK}", *source.rules.drop))
        self._hide(wire, source)
        wire["received_at"] = now_ms
        message = self._message(value := _encode(wire), now_ms)
        if isinstance(message, Flaw):
            return AdmissionVerdict(None, HttpProblem(index, message.reason, message.detail, named))
        if why := _forbidden(wire, source):
            problem = HttpProblem(index, "not_allowed", why, named)
            return AdmissionVerdict(_rejection(problem, message, value, now_ms), problem)
        plan = self._plans.of(source.name)
        violations = plan.violations(wire["type"], wire.get("properties") or {}) if plan else ()
        if plan is None or not violations:
            return AdmissionVerdict(message)
        told = [each.detail for each in violations]
        if plan.rejects:
            problem = HttpProblem(index, "plan", "; ".join(told), named)
            return AdmissionVerdict(_rejection(problem, message, value, now_ms), problem, violations)
        wire["context"] = (wire.get("context") or {}) | {MARK: told}
        return AdmissionVerdict(msgspec.structs.replace(message, value=_encode(wire)), None, violations)

    def _message(self, value: bytes, now_ms: int) -> Message | Flaw:
        touch = decode(value, now_ms, self._kinds)
        if isinstance(touch, Flaw):
            return touch
        place = home(touch.customer, self._partitions)
        return Message(self._topics[touch.channel], place, touch.customer.encode(), value)

    def hold(self, event: Any, problem: HttpProblem, source: Known, now_ms: int) -> Message:
        """A rejection that holds an event as it came, but for what is dropped and hidden."""
        topic = self._topics[source.rules.channel or next(iter(self._topics))]
        place = home(source.name, self._partitions)
        return _rejection(problem, Message(topic, place, None, b""), self._as_it_came(event, source), now_ms)

    def _as_it_came(self, event: Any, source: Known) -> bytes | None:
        if isinstance(event, dict):
            names = [path.partition(".")[2] for path in source.rules.drop if path.startswith("properties.")]
            traits = [f"{place}.{name}" for name in names for place in ("traits", "context.traits")]
            without(event, ("writeKey", "context.ip", *source.rules.drop, *traits))
        if is_deeper(event, MAX_HELD_DEPTH):
            # Nothing is looked for so far down; what cannot be hidden is not kept.
            return None
        hidden = event if source.rules.personal == "keep" else self._pseudonyms.tidy(event, source.rules.personal)
        return json.dumps(hidden, ensure_ascii=False).encode("utf-8", "surrogatepass")

    def _no_place(self, wire: Mapping[str, Any]) -> str | None:
        kind, channel = wire.get("type"), wire.get("channel")
        if not isinstance(kind, str) or not isinstance(channel, str):
            return "`type` and `channel` are texts and must be there"
        if len(kind) > MAX_TYPE_LENGTH:
            return f"`type` has at most {MAX_TYPE_LENGTH} characters"
        if channel not in self._topics:
            return f"there is no such channel; there are {', '.join(self._topics)}"
        return None

    def _hide(self, wire: dict[str, Any], source: Known) -> None:
        treatment = source.rules.personal
        if isinstance(ids := wire.get("ids"), dict):
            wire["ids"] = self._pseudonyms.ids(ids, treatment)
        if treatment != "keep":
            for name in wire.keys() - {"ids", "schema", "event_id", "channel"}:
                wire[name] = self._pseudonyms.tidy(wire[name], treatment)
            if isinstance(given := wire.get("event_id"), str):
                # Never left out: the same event has the same id.
                hidden = self._pseudonyms.tidy(given, "keyed")
                wire["event_id"] = given if hidden == given else event_id(hidden)


def _forbidden(wire: Mapping[str, Any], source: Known) -> str | None:
    rules = source.rules
    if rules.channel not in {None, wire["channel"]}:
        return f"this source sends to the channel {rules.channel} alone"
    if rules.types and wire["type"] not in rules.types:
        return "this source may not send this type"
    return None


def _rejection(problem: HttpProblem, message: Message, value: bytes | None, now_ms: int) -> Message:
    """What stands in `touchpoints.rejected` instead of the message."""
    rejection = Rejection(
        reason=problem.reason,
        detail=problem.detail,
        place=Place(message.topic, message.partition, AT_THE_DOOR),
        rejected_at_ms=now_ms,
        value=value,
        key=message.key,
        received_at_ms=now_ms,
    )
    return Message(REJECTED, message.partition, message.key, _encode(rejection))


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
