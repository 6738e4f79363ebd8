"""Calls of Segment's HTTP API as touchpoints, by the tables of `schemas/segment.py`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from schemas import segment as tables
from streams.collector.admission import blank, digest, event_id
from streams.collector.paths import first, found, get
from streams.collector.problems import Refused
from tracker.moment import milliseconds


def calls(document: Any, name: str) -> list[Any]:
    """The calls in a request: one, or those of `batch`, each with what they share. Raises `Refused`."""
    if not isinstance(document, dict):
        raise Refused("bad_request", "The body must be a JSON object.")
    if name != "batch":
        return [{**document, "type": name}]
    batch = document.get("batch")
    if not isinstance(batch, list) or not batch:
        raise Refused("bad_request", "`batch` must be a list with at least one call.")
    shared = {key: document[key] for key in ("sentAt", "context") if document.get(key)}
    return [_joined(shared, call) if shared and isinstance(call, dict) else call for call in batch]


def _joined(shared: Mapping[str, Any], call: Mapping[str, Any]) -> dict[str, Any]:
    joined = {**shared, **call}
    if isinstance(shared.get("context"), dict) and isinstance(call.get("context"), dict):
        joined["context"] = shared["context"] | call["context"]
    return joined


def touchpoint(call: dict[str, Any], channels: Mapping[str, str], fixed: str | None, now_ms: int) -> dict[str, Any]:
    """The fields of a touchpoint; `fixed` is the only channel of its source, if it has one."""
    name = call.get("type")
    if not isinstance(name, str) or name not in tables.TYPES:
        return blank(None, None, None, None, {})
    kind = tables.TYPES[name] or call.get("event")
    channel = fixed or (channels.get(kind, tables.CHANNEL) if isinstance(kind, str) else tables.CHANNEL)
    given = call.get("messageId")
    occurred_at = moment(first(call, tables.MOMENTS)) or now_ms
    own = event_id(given) or digest([call, occurred_at])
    wire = blank(own, kind, channel, occurred_at, found(call, {**tables.IDS, **tables.IDS_OF.get(name, {})}))
    if (sent_at := moment(call.get("sentAt"))) is not None:
        wire["sent_at"] = sent_at
    if properties := _properties(call, name):
        wire["properties"] = properties
    context = call.get("context")
    if isinstance(context, dict):
        wire["context"] = {key: each for key, each in context.items() if key not in tables.LEFT_OUT_OF_CONTEXT}
    return wire


def _properties(call: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What the call says of its event, with the names that touchpoints have for it."""
    given: dict[str, Any] = {}
    for place in tables.PROPERTIES.get(kind, ("properties",)):
        if isinstance(said := get(call, place), dict):
            given = {**said, **given}
    more = found(call, tables.NAMED.get(kind, {})) | _commerce(call.get("event"), given)
    path = more.pop("path", None)
    if "path" not in given and (path := _path(call, kind) or path) is not None:
        more["path"] = path
    more |= given
    for name in tables.LEFT_OUT_OF_PROPERTIES:
        more.pop(name, None)
    return more


def _path(call: Mapping[str, Any], kind: str) -> str | None:
    """The path of the page, from its URL."""
    for place in tables.URLS.get(kind, ()):
        url = get(call, place)
        try:
            parts = urlsplit(url) if isinstance(url, str) else None
        except ValueError:
            continue
        if parts and (parts.netloc or parts.path.startswith("/")):
            return parts.path or "/"
    return None


def _commerce(event: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that Segment names otherwise than touchpoints do, under the names of touchpoints."""
    if not isinstance(event, str):
        return {}
    return found(properties, tables.COMMERCE.get(event.removeprefix(tables.BEFORE_COMMERCE).partition(" ")[0], {}))


def moment(value: Any) -> Any:
    """A time as touchpoints write it, in UTC where it has no offset; any other value as it is, to be refused later."""
    at_ms = moment_ms(value)
    try:
        return value if at_ms is None else msgspec.to_builtins(datetime.fromtimestamp(at_ms / 1000, UTC))
    except (ValueError, OverflowError):
        return value


def moment_ms(value: Any) -> int | None:
    """A time in milliseconds since 1970, None for any other value."""
    return milliseconds(value) if isinstance(value, str) else None
