"""CloudEvents 1.0, structured, in batches and binary, as touchpoints, by the tables of `schemas/cloudevents.py`."""

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote

from schemas import cloudevents as tables
from streams.collector.admission import blank, event_id
from streams.collector.paths import first, found
from streams.collector.problems import Refused
from streams.collector.segment import moment

HEADER: Final = "ce-"
JSON: Final = ("application/json", "text/json", "")


def is_binary(names: Iterable[str]) -> bool:
    """Whether headers of these names carry an event's attributes."""
    return "ce-specversion" in names


def of_headers(headers: Iterable[tuple[str, str]], data: Any) -> dict[str, Any]:
    """The event whose attributes are headers and whose data is the body."""
    attributes = {name[len(HEADER) :]: unquote(value) for name, value in headers if name.startswith(HEADER)}
    return {**attributes, "data": data}  # fmt: skip


def events(document: Any, content_type: str) -> list[Any]:
    """The events of a structured request. Raises `Refused`."""
    if content_type != tables.BATCH:
        return [document]
    if not isinstance(document, list) or not document:
        raise Refused("bad_request", "A batch must be a list with at least one event.")
    return document


def fault_of(event: dict[str, Any]) -> str | None:
    """A sentence about what the specification requires and the event lacks, else None."""
    lacking = [name for name in tables.REQUIRED if not isinstance(event.get(name), str) or not event[name]]
    if lacking:
        return f"the attributes {', '.join(lacking)} are required and must be strings"
    if event["specversion"] not in tables.VERSIONS:
        return f"specversion {event['specversion']!r:.20} is not supported; use {', '.join(tables.VERSIONS)}"
    return None


def touchpoint(event: dict[str, Any], fixed: str | None, now_ms: int) -> dict[str, Any]:
    """The fields of a touchpoint; `fixed` is the only channel of its source, if it has one."""
    channel = fixed or first(event, tables.CHANNELS)
    occurred_at = moment(event.get("time")) or now_ms
    own = event_id(event["id"], event["source"])
    wire = blank(own, event["type"], channel, occurred_at, found(event, tables.IDS))
    data = event.get("data")
    if isinstance(data, dict):
        properties = data.get(
            "properties", {key: value for key, value in data.items() if key not in {"ids", "context"}}
        )
        wire["properties"] = properties
        wire["context"] = data.get("context")
    elif data is not None:
        wire["properties"] = {"data": data}
    extensions = {key: value for key, value in event.items() if key not in tables.OWN}
    if extensions and isinstance(wire.get("context") or {}, dict):
        wire["context"] = extensions | (wire.get("context") or {})
    return wire
