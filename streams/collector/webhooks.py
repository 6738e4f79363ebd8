"""Webhooks, by the tables of `schemas/webhooks.py`: check signature and age, then make the touchpoint."""

import base64
import binascii
import hmac
from collections.abc import Mapping as Dictionary
from hashlib import sha256
from typing import Any, Final

from schemas.webhooks import ITEM, Webhook, WebhookSender
from streams.collector.admission import blank, digest, event_id
from streams.collector.paths import get
from streams.collector.problems import Refused
from streams.collector.segment import moment, moment_ms

HEADER: Final = "header:"
MAX_ITEMS: Final = 50
# A sender's clock may be ahead of ours by this much.
AHEAD_MS: Final = 5 * 60_000


class Notification:
    """One webhook: its headers and its body."""

    def __init__(self, sender: WebhookSender, headers: Dictionary[str, str], body: Any) -> None:
        self._headers = headers
        self._body = get(body, sender.root) if sender.root else body

    def find(self, *tables: tuple[str, ...]) -> Any:
        """The first value that is not empty, by the paths of the first table, then of the next."""
        found = (self._at(path) for table in tables for path in table)
        return next((value for value in found if value not in (None, "")), None)

    def all(self, paths: tuple[str, ...]) -> list[Any]:
        """The value at each of the paths."""
        return [self._at(path) for path in paths]

    def _at(self, path: str) -> Any:
        return self._headers.get(path[len(HEADER) :]) if path.startswith(HEADER) else get(self._body, path)


def verify(sender: WebhookSender, headers: Dictionary[str, str], raw: bytes, secrets: bytes) -> None:
    """Returns when the signature was made with one of the secrets, a line each. Raises `Refused`."""
    rule = sender.signature
    if rule is None:
        return
    try:
        given = base64.b64decode(headers.get(rule.header, ""), validate=True)
    except (binascii.Error, ValueError):
        given = b""
    stamp = headers.get(rule.timestamp_header, "").encode("latin-1") if rule.timestamp_header else b""
    # Every secret is tried, so that the time does not reveal which one matched.
    matches = [
        hmac.compare_digest(given, hmac.digest(secret.strip(), stamp + raw, sha256)) for secret in secrets.splitlines()
    ]
    if not any(matches):
        raise Refused("bad_signature", "The signature does not match a secret of this source.")


def require_recent(sender: WebhookSender, message: Notification, now_ms: int) -> None:
    """Returns when the message is within the time in which its sender retries. Raises `Refused`."""
    if not sender.moment:
        return
    made_ms = moment_ms(message.find(sender.moment))
    if made_ms is None:
        raise Refused("bad_request", "The message has no time of its creation.")
    if not now_ms - sender.window_s * 1000 <= made_ms <= now_ms + AHEAD_MS:
        raise Refused("too_old", "The message is too old, or its time is in the future.")


def touchpoint(source: str, sender: WebhookSender, message: Notification, now_ms: int) -> dict[str, Any] | None:
    """The fields of a touchpoint; None for a message that no table maps."""
    topic = message.find(sender.topic)
    mapping = next((each for each in sender.mappings if _matches(each, topic, message)), None)
    if mapping is None:
        return None
    marks = message.all(mapping.once or sender.once)
    occurred_at = moment(message.find(mapping.at, sender.at)) or now_ms
    wire = blank(
        event_id(digest([source, mapping.type, *marks])),
        mapping.type,
        mapping.channel,
        occurred_at,
        _ids(sender, mapping, message),
    )
    found = {name: _brief(message.find(paths)) for name, paths in mapping.properties.items()}
    wire["properties"] = {name: value for name, value in found.items() if value is not None}
    return wire


def _matches(mapping: Webhook, topic: Any, message: Notification) -> bool:
    return topic in mapping.topics and all(
        message.find((path,)) in values for path, values in mapping.where.items()
    )  # fmt: skip


def _ids(sender: WebhookSender, mapping: Webhook, message: Notification) -> dict[str, Any]:
    kinds = sender.ids.keys() | mapping.ids.keys()
    found = {kind: message.find(mapping.ids.get(kind, ()), sender.ids.get(kind, ())) for kind in kinds}
    return {kind: value for kind, value in found.items() if value is not None}


def _brief(value: Any) -> Any:
    """A list of items, each reduced to the fields of ITEM; other values as they are."""
    if not isinstance(value, list):
        return value
    return [
        {name: item[name] for name in ITEM if name in item} if isinstance(item, dict) else item
        for item in value[:MAX_ITEMS]
    ]
