"""Faults of tables of webhooks that their form allows, each with its place: found before anything is received."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from schemas.webhooks.form import Values, Webhook, WebhookSender, WebhookValue, alternatives
from streams.collector.webhooks.places import steps
from streams.collector.webhooks.signatures import BODY, HEADER, SIGNATURE, TEXT, WHOLE
from tracker.identity.kinds import BASE

KIND: Final = re.compile(f"{BASE}@?")
MOST_BYTES: Final = 4_000_000
"""A body is read whole, and other requests wait while it is parsed."""
_HEADER_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")


def faults(name: str, sender: WebhookSender, channels: Iterable[str]) -> Iterator[str]:
    """A sentence for each fault of a sender."""
    place = f"senders.{name}"
    yield from _signature(place, sender)
    if not sender.topic:
        yield f"{place}.topic: it names no path of the name of the message"
    if sender.moment and not sender.window_s:
        yield f"{place}: `moment` needs `window_s`, which says how old a message may be"
    if not 0 < sender.most_bytes <= MOST_BYTES:
        yield f"{place}.most_bytes: {sender.most_bytes} is not between 1 and {MOST_BYTES}"
    yield from _paths(f"{place}.topic", sender.topic)
    yield from _paths(f"{place}.moment", sender.moment)
    yield from _paths(f"{place}.at", sender.at)
    yield from _paths(f"{place}.once", (each for path in sender.once for each in path.split("|")))
    yield from _paths(place, (path for path in (sender.each, sender.root) if path))
    yield from _ids(f"{place}.ids", sender.ids)
    if sender.challenge:
        yield from _paths(f"{place}.challenge", (*sender.challenge.where, sender.challenge.answer))
    for number, mapping in enumerate(sender.mappings):
        yield from mapping_faults(f"{place}.mappings[{number}]", mapping, sender, channels)


def mapping_faults(place: str, mapping: Webhook, sender: WebhookSender, channels: Iterable[str]) -> Iterator[str]:
    """A sentence for each fault of a mapping."""
    if not mapping.topics:
        yield f"{place}.topics: it names no message"
    if mapping.channel not in set(channels):
        yield f"{place}.channel: {mapping.channel!r} is no channel; there are {', '.join(channels)}"
    if not mapping.once and not sender.once:
        yield f"{place}: neither it nor its sender says by `once` what identifies an event"
    if not mapping.ids and not sender.ids:
        yield f"{place}: neither it nor its sender says by `ids` whose event it is"
    for key in ("where", "unless", "agrees"):
        yield from _paths(f"{place}.{key}", getattr(mapping, key))
    yield from _paths(f"{place}.at", mapping.at)
    yield from _paths(f"{place}.once", (each for path in mapping.once for each in path.split("|")))
    yield from _ids(f"{place}.ids", mapping.ids)
    yield from _values(f"{place}.properties", mapping.properties)
    yield from _values(f"{place}.context", mapping.context)


def _signature(place: str, sender: WebhookSender) -> Iterator[str]:
    rule = sender.signature
    if rule is None:
        return
    where = f"{place}.signature"
    if sender.key_parameter:
        yield f"{place}: a sender that signs needs no `key_parameter`"
    if not _HEADER_NAME.fullmatch(rule.header):
        yield f"{where}.header: {rule.header!r} is no name of a header in small letters"
    if not rule.signed:
        yield f"{where}.parts: nothing is signed"
    if rule.timestamp_header and rule.parts != ("body",):
        yield f"{where}: `timestamp_header` is short for `parts`; write one of them"
    for part in rule.signed:
        if part not in WHOLE and not part.startswith(TEXT):
            yield from _paths(f"{where}.parts", (part,))


def _ids(place: str, ids: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for kind, paths in ids.items():
        if not KIND.fullmatch(kind):
            yield f"{place}: {kind!r} is no kind of alias; it has small letters, digits and _, and may end in @"
        yield from _paths(f"{place}.{kind}", paths)


def _values(place: str, values: Values) -> Iterator[str]:
    for name, value in values.items():
        if not isinstance(value, WebhookValue):
            yield from _paths(f"{place}.{name}", alternatives(value))
            continue
        if bool(value.paths) == (value.value is not None):
            yield f"{place}.{name}: a value needs either `from` or `value`"
        yield from _paths(f"{place}.{name}", alternatives(value.paths))
        if value.minor:
            yield from _paths(f"{place}.{name}.minor", (value.minor,))


def _paths(place: str, paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if path.startswith((HEADER, SIGNATURE)):
            if not _HEADER_NAME.fullmatch(path.partition(":")[2]):
                yield f"{place}: {path!r} names no header in small letters"
            continue
        try:
            steps(path.removeprefix(BODY))
        except ValueError as error:
            yield f"{place}: {error}"
