"""Admission: turns the touchpoint of an adapter into a message for its home partition, or into a problem.

Every adapter ends here, so the same checks hold for all: limits, the source's rules, pseudonyms, its tracking plan.
The message is decoded here by the code of the workers, so they can read whatever is sent.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from unicodedata import normalize

import msgspec

from schemas.rejection import CollectorReason, DoorReason, Place, Rejection
from schemas.topics import REJECTED, touchpoint_topic
from schemas.touchpoint import MAX_EVENT_ID_LENGTH, SCHEMA
from streams.collector.browser import NO_PROOF, TRUST, limit, too_old, wrong_type
from streams.collector.document import fault_of, is_deeper
from streams.collector.paths import without
from streams.collector.personal import Pseudonyms
from streams.collector.plans import Plans
from streams.collector.problems import HttpProblem
from streams.collector.sources import NamedSource
from tracker.home import home
from tracker.identity.kinds import KINDS, Kinds
from tracker.planning.decode import Flaw, decode
from tracker.planning.message import Message
from tracker.touch import Touch
from tracker.tracking_plans.tracking_plan import MARK, Violation

MAX_EVENT_BYTES: Final = 32_000
MAX_TYPE_LENGTH: Final = 256
MAX_HELD_DEPTH: Final = 100
PROOFS: Final = ("context.user_hash", "traits.user_hash", "context.traits.user_hash")
"""Where a call has the proof of its customer's id, which is never kept."""
NEVER_WRITTEN: Final = -1
"""The offset in a rejection of an event that was never written to its topic."""

_encode: Final = msgspec.json.Encoder().encode
_canonical: Final = msgspec.json.Encoder(order="deterministic").encode


class AdmissionVerdict(NamedTuple):
    """What becomes of one event."""

    message: Message | None
    """The message for Kafka, a touchpoint or a rejection; None: nothing is sent."""
    problem: HttpProblem | None = None
    """What the answer reports; None: the event is accepted."""
    violations: Sequence[Violation] = ()


class Admission:
    """Checks events and makes the messages for Kafka."""

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

    def flaw_of(self, event: Any) -> tuple[CollectorReason, str] | None:
        """The reason and a sentence where an event is refused before it is adapted, else None."""
        if not isinstance(event, dict):
            return "not_a_touchpoint", "an event must be a JSON object"
        if fault := fault_of(event):
            return "not_a_touchpoint", fault
        if (size := len(_encode(event))) > MAX_EVENT_BYTES:
            return "too_large", f"{size} bytes; an event may have at most {MAX_EVENT_BYTES}"
        return None

    def admit(self, index: int, wire: dict[str, Any], source: NamedSource, now_ms: int) -> AdmissionVerdict:
        """The verdict on a touchpoint, given as a dictionary of its fields; the dictionary is changed."""
        event_id = wire.get("event_id")
        named = event_id[:MAX_EVENT_ID_LENGTH] if isinstance(event_id, str) else None
        if why := self._no_place(wire):
            return AdmissionVerdict(None, HttpProblem(index, "not_a_touchpoint", why, named))
        # Only the collector sets the mark of violations and the trust; a sender's own are removed.
        without(wire, (f"context.{MARK}", TRUST, *source.rules.drop))
        wire["type"] = normalize("NFC", wire["type"])
        # A proof is about the id as it was sent, so it comes before addresses are hidden.
        claimed = limit(wire, source, self._kinds)
        self._hide(wire, source)
        wire["received_at"] = now_ms
        touch = decode(value := _encode(wire), now_ms, self._kinds)
        if isinstance(touch, Flaw):
            detail = f"{touch.detail}; {NO_PROOF}" if claimed and touch.reason == "no_id" else touch.detail
            return AdmissionVerdict(None, HttpProblem(index, touch.reason, detail, named))
        message = self._message(touch, value)
        if refused := _forbidden(wire, source) or too_old(touch.at_ms, source, now_ms):
            problem = HttpProblem(index, *refused, named)
            return AdmissionVerdict(_rejection(problem, message, value, now_ms), problem)
        plan = self._plans.of(source.name)
        violations = plan.violations(wire["type"], wire.get("properties") or {}) if plan else ()
        if plan is None or not violations:
            return AdmissionVerdict(message)
        details = [each.detail for each in violations]
        if plan.rejects:
            problem = HttpProblem(index, "plan", "; ".join(details), named)
            return AdmissionVerdict(_rejection(problem, message, value, now_ms), problem, violations)
        wire["context"] = (wire.get("context") or {}) | {MARK: details}
        return AdmissionVerdict(msgspec.structs.replace(message, value=_encode(wire)), None, violations)

    def _message(self, touch: Touch, value: bytes) -> Message:
        place = home(touch.customer, self._partitions)
        return Message(self._topics[touch.channel], place, touch.customer.encode(), value)

    def hold(self, event: Any, problem: HttpProblem, source: NamedSource, now_ms: int) -> Message:
        """A rejection with the event as it came, without dropped fields and with personal data hidden."""
        topic = self._topics[source.rules.channel or next(iter(self._topics))]
        place = home(source.name, self._partitions)
        return _rejection(problem, Message(topic, place, None, b""), self._as_it_came(event, source), now_ms)

    def _as_it_came(self, event: Any, source: NamedSource) -> bytes | None:
        if isinstance(event, dict):
            names = [path.partition(".")[2] for path in source.rules.drop if path.startswith("properties.")]
            traits = [f"{place}.{name}" for name in names for place in ("traits", "context.traits")]
            without(event, ("writeKey", "context.ip", TRUST, *PROOFS, *source.rules.drop, *traits))
            # It may be sent again as a touchpoint, and then it must say no more than the key could.
            limit(event, source, self._kinds)
        if is_deeper(event, MAX_HELD_DEPTH):
            # Personal data are not searched for at such depths, and what cannot be hidden is not kept.
            return None
        hidden = event if source.rules.personal == "keep" else self._pseudonyms.tidy(event, source.rules.personal)
        return json.dumps(hidden, ensure_ascii=False).encode("utf-8", "surrogatepass")

    def _no_place(self, wire: Mapping[str, Any]) -> str | None:
        kind, channel = wire.get("type"), wire.get("channel")
        if not isinstance(kind, str) or not isinstance(channel, str):
            return "`type` and `channel` are required and must be strings"
        if len(kind) > MAX_TYPE_LENGTH:
            return f"`type` may have at most {MAX_TYPE_LENGTH} characters"
        if channel not in self._topics:
            return f"unknown channel; the channels are {', '.join(self._topics)}"
        return None

    def _hide(self, wire: dict[str, Any], source: NamedSource) -> None:
        treatment = source.rules.personal
        if isinstance(ids := wire.get("ids"), dict):
            wire["ids"] = self._pseudonyms.ids(ids, treatment)
        if treatment != "keep":
            for name in wire.keys() - {"ids", "schema", "event_id", "channel"}:
                wire[name] = self._pseudonyms.tidy(wire[name], treatment)
            if isinstance(given := wire.get("event_id"), str):
                # Hashed even where personal data are dropped: the same event must keep one id, and two events two.
                hidden = self._pseudonyms.tidy(given, "keyed")
                wire["event_id"] = given if hidden == given else event_id(hidden)


def _forbidden(wire: Mapping[str, Any], source: NamedSource) -> tuple[DoorReason, str] | None:
    rules = source.rules
    if rules.channel not in {None, wire["channel"]}:
        return "not_allowed", f"this source may only send to the channel {rules.channel}"
    return wrong_type(wire["type"], source)


def _rejection(problem: HttpProblem, message: Message, value: bytes | None, now_ms: int) -> Message:
    """The record of `touchpoints.rejected` in place of the message."""
    rejection = Rejection(
        reason=problem.reason,
        detail=problem.detail,
        place=Place(message.topic, message.partition, NEVER_WRITTEN),
        rejected_at_ms=now_ms,
        value=value,
        key=message.key,
        received_at_ms=now_ms,
    )
    return Message(REJECTED, message.partition, message.key, _encode(rejection))


def event_id(given: Any, *scope: str) -> str | None:
    """A sender's id as an event id, unique across senders by `scope`; a long one becomes its digest. None for no id."""
    if not isinstance(given, str | int) or isinstance(given, bool) or given == "":
        return None
    plain = "/".join((*scope, str(given)))
    return plain if len(plain) <= MAX_EVENT_ID_LENGTH else digest(plain)


def digest(event: Any) -> str:
    """An id made from the content of an event: an event that is sent again gets the same one."""
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
