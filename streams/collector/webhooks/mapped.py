"""The touchpoint of an event of a webhook, by the table of its sender."""

import hmac
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from math import isfinite
from typing import Any, Final, Literal, NamedTuple, get_type_hints

import msgspec

from schemas.properties import BY_CHANNEL
from schemas.webhooks.form import (
    ANY,
    DECIMALS,
    ITEM,
    NONE,
    Paths,
    Values,
    Webhook,
    WebhookSender,
    WebhookValue,
    alternatives,
)
from streams.collector.admission import blank
from streams.collector.problems import Refused
from streams.collector.segment import moment, moment_ms
from streams.collector.sources import NamedSource
from streams.collector.webhooks.places import text, walk
from streams.collector.webhooks.signatures import BODY, HEADER, SIGNATURE, Letter, named, since_1970
from tracker.identity.kinds import ACCOUNT, CUSTOMER, AliasTooLong, normalise
from tracker.journey.definition import SCALES

MAX_ITEMS: Final = 50
OTHER: Final = "other"
SCORE: Final = "score"
ITEMS: Final = "items"
OF_REQUEST: Final = (HEADER, SIGNATURE, BODY)
"""What paths begin with that lead to the request, and not into one of its events."""
# Properties of any channel whose values are texts, whatever the sender writes.
TEXTS: Final = frozenset({"number", "cart_id", "subscription_id", "plan", "form", "collector", "list", "review_id"})
Why = Literal["unmapped", "no_answer"]

_canonical: Final = msgspec.json.Encoder(order="deterministic").encode


class Mapped(NamedTuple):
    """What becomes of an event."""

    topic: str
    """The name of the message; `other` for one that the table does not know."""
    wire: dict[str, Any] | None
    why: Why | None = None
    """Why there is no touchpoint."""


class Notification:
    """One event, with the request that brought it."""

    def __init__(self, sender: WebhookSender, letter: Letter, event: Any) -> None:
        self._sender = sender
        self._letter = letter
        self.event: Final = walk(event, sender.root) if sender.root else event

    def find(self, *tables: Paths) -> Any:
        """The first value that is not empty, by the paths of the first table, then of the next."""
        found = (self.at(path) for table in tables for path in table)
        return next((value for value in found if value not in (None, "")), None)

    def at(self, path: str) -> Any:
        """The value at a path."""
        if path.startswith(HEADER):
            return self._letter.headers.get(path[len(HEADER) :])
        if path.startswith(SIGNATURE):
            rule = self._sender.signature
            header = self._letter.headers.get(rule.header, "") if rule else ""
            return named(rule, header, path[len(SIGNATURE) :])
        return walk(self._letter.body, path[len(BODY) :]) if path.startswith(BODY) else walk(self.event, path)

    def meets(self, conditions: Mapping[str, Paths]) -> bool:
        """Whether each path has one of its values."""
        return meets(self.at, conditions)


def meets(at: Callable[[str], Any], conditions: Mapping[str, Paths]) -> bool:
    """Whether `at` finds one of its values at each path."""
    return all(_has(at(path), values) for path, values in conditions.items())


def _has(value: Any, values: Paths) -> bool:
    if value in (None, ""):
        return NONE in values
    said = text(value)
    return ANY in values or any(
        said.startswith(wanted[:-1].casefold()) if wanted.endswith(ANY) else said == wanted.casefold()
        for wanted in values
        if wanted != NONE
    )


class Mapper:
    """Makes touchpoints; ids of events are made with a key, so that nobody guesses them."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def touchpoint(self, source: NamedSource, sender: WebhookSender, message: Notification, now_ms: int) -> Mapped:
        """The fields of a touchpoint, or why there is none. Raises `Refused`."""
        said = message.find(sender.topic)
        topic = said if isinstance(said, str) and said in sender.topics else OTHER
        meant = [mapping for mapping in sender.mappings if topic in mapping.topics]
        mapping = next((each for each in meant if _applies(each, message)), None)
        if mapping is None:
            # A draft that has no person yet is nobody's, and kept as such; one that has is just no order.
            draft = next((each for each in meant if message.meets(each.where)), None)
            if draft is None or _ids(source, sender, draft, message):
                return Mapped(topic, None, "unmapped")
            mapping = draft
        if not message.meets(mapping.agrees):
            raise Refused("bad_signature", "The name of the message is not signed, and the body says otherwise.")
        channel = source.rules.channel or mapping.channel
        properties = _values(mapping.properties, message, channel)
        if SCORE in mapping.properties and SCORE not in properties and not _is_survey(mapping):
            return Mapped(topic, None, "no_answer")
        wire = blank(
            self._event_id(source.name, sender, mapping, message),
            mapping.type,
            channel,
            _occurred_at(message.find(mapping.at, sender.at), now_ms),
            _ids(source, sender, mapping, message),
        )
        if _is_undated(sender, message):
            # It may be of any age, so it is put aside.
            del wire["occurred_at"]
        if properties:
            wire["properties"] = properties
        if context := _values(mapping.context, message, ""):
            wire["context"] = context
        return Mapped(topic, wire)

    def _event_id(self, source: str, sender: WebhookSender, mapping: Webhook, message: Notification) -> str:
        once = mapping.once or sender.once
        marks = [message.find(tuple(path.split("|"))) for path in once]
        if all(mark is None for mark in marks):
            # What says nothing of itself is told from others by all that it says.
            marks = [message.event]
        kind = "" if sender.once_of_any_type else mapping.type
        return hmac.digest(self._key, _canonical([source, kind, *marks]), sha256).hex()[:32]


def _applies(mapping: Webhook, message: Notification) -> bool:
    return message.meets(mapping.where) and not any(
        message.meets({path: values}) for path, values in mapping.unless.items()
    )


def _is_undated(sender: WebhookSender, message: Notification) -> bool:
    """Whether an event lacks the time that is to say how old it is."""
    if all(path.startswith(OF_REQUEST) for path in sender.moment):
        return False
    return since_1970(message.find(sender.moment)) is None


def _is_survey(mapping: Webhook) -> bool:
    """A survey may be answered without a score; a rating may not."""
    return mapping.type == "Survey Answered"


def _occurred_at(value: Any, now_ms: int) -> Any:
    at_ms = since_1970(value)
    if at_ms is None:
        return now_ms
    # A written time stays one, in UTC.
    return moment(value) if isinstance(value, str) and moment_ms(value) == at_ms else at_ms


def _ids(source: NamedSource, sender: WebhookSender, mapping: Webhook, message: Notification) -> dict[str, Any]:
    kinds = [*mapping.ids, *(kind for kind in sender.ids if kind not in mapping.ids)]
    made: dict[str, Any] = {}
    for kind in sorted(kinds, key=[*sender.ids, *mapping.ids].index) if sender.one_id else kinds:
        paths = (mapping.ids[kind], sender.ids.get(kind, ())) if kind in mapping.ids else (sender.ids[kind],)
        value = next(_usable(message, paths), None)
        if value is None:
            continue
        name, value = _scoped(kind, value, source)
        made.setdefault(name, value)
        if sender.one_id:
            break
    # A ticket of a company without a requester is nobody's: the company would be taken for a person.
    return {} if made.keys() == {ACCOUNT} and not sender.account_alone else made


def _usable(message: Notification, tables: tuple[Paths, ...]) -> Iterator[str | int]:
    """The values that can be ids."""
    for table in tables:
        for path in table:
            value = message.at(path)
            if isinstance(value, bool) or not isinstance(value, str | int):
                continue
            try:
                if normalise(value) is not None:
                    yield value
            except AliasTooLong:
                # The touchpoint is refused with its reason.
                yield value


def _scoped(kind: str, value: str | int, source: NamedSource) -> tuple[str, str | int]:
    """The kind and value of an alias that is a number of its sender."""
    if not kind.endswith("@"):
        return kind, value
    is_account = kind == f"{ACCOUNT}@"
    if source.rules.customer_id == "own":
        return (ACCOUNT if is_account else CUSTOMER), value
    # An account has one kind for all senders, so its name says whose number it is.
    return (ACCOUNT, f"{source.name}:{value}") if is_account else (f"{kind}{source.name}", value)


def _values(table: Values, message: Notification, channel: str) -> dict[str, Any]:
    made = {name: _value(spec, message) for name, spec in table.items()}
    scale = made.get("scale")
    cast = {name: _cast(name, value, channel, scale) for name, value in made.items()}
    return {name: value for name, value in cast.items() if value is not None}


def _value(spec: str | Paths | WebhookValue, message: Notification) -> Any:
    if not isinstance(spec, WebhookValue):
        return _brief(message.find(alternatives(spec)))
    if spec.value is not None:
        return spec.value
    # An object is passed over: the next path may lead into it.
    value = next((each for path in alternatives(spec.paths) if _is_single(each := message.at(path))), None)
    if spec.words:
        words = {str(word).casefold(): meant for word, meant in spec.words.items()}
        value = words.get(text(value), None if spec.only else value)
    return _major(value, message.find((spec.minor,))) if spec.minor else value


def _is_single(value: Any) -> bool:
    return value not in (None, "") and not isinstance(value, dict | list)


def _major(value: Any, currency: Any) -> float | None:
    """An amount in the smallest unit, in whole units of its currency."""
    number = _number(value)
    if number is None:
        return None
    decimals = DECIMALS.get(currency.strip().upper(), 2) if isinstance(currency, str) else 2
    return round(number / 10**decimals, decimals)


@cache
def _hints(channel: str) -> dict[str, type]:
    common: dict[str, type] = {}
    for table in BY_CHANNEL.values():
        common |= get_type_hints(table)
    return common | (get_type_hints(BY_CHANNEL[channel]) if channel in BY_CHANNEL else {})


def _cast(name: str, value: Any, channel: str, scale: Any) -> Any:
    """The value as `schemas/properties.py` types it; None where it is none."""
    if value is None:
        return None
    if name == SCORE:
        return _score(value, scale)
    if name == ITEMS:
        return value if isinstance(value, list) else None
    hint = str if name in TEXTS else _hints(channel).get(name)
    if hint is float:
        return _number(value)
    if hint is str:
        if isinstance(value, dict | list):
            return None
        said = str(value).lower() if isinstance(value, bool) else str(value)
        return said.upper() if name == "currency" else said
    return value


def _number(value: Any) -> int | float | None:
    if isinstance(value, str):
        try:
            value = float(value.strip()) if len(value) <= 40 and "_" not in value else None
        except ValueError:
            return None
        if value is not None and value.is_integer() and abs(value) < 2**53:
            value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return value


def _score(value: Any, scale: Any) -> int | None:
    """A whole number on its scale; anything else is no answer, half points too."""
    number = _number(value)
    lowest, highest = SCALES.get(scale, (0, 0)) if isinstance(scale, str) else (0, 0)
    if number is None or number != int(number) or (scale in SCALES and not lowest <= number <= highest):
        return None
    return int(number)


def _brief(value: Any) -> Any:
    """A list of items, each reduced to the fields of ITEM; single values as they are."""
    if isinstance(value, dict):
        return None
    if not isinstance(value, list):
        return value
    return [_item(item) if isinstance(item, dict) else item for item in value[:MAX_ITEMS]]


def _item(item: dict[str, Any]) -> dict[str, Any]:
    kept = {name: item[name] for name in ITEM if name in item}
    return {
        name: made
        for name, value in kept.items()
        if (made := _number(value) if name in {"quantity", "price"} else None if value is None else str(value))
        is not None
    }
