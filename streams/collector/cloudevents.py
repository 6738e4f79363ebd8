"""CloudEvents 1.0, structured, in batches and binary, as touchpoints, by the tables of `schemas/cloudevents.py`."""

import base64
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote

from schemas import cloudevents as tables
from streams.collector import document
from streams.collector.admission import blank, event_id
from streams.collector.browser import PROOF
from streams.collector.paths import first, found, get
from streams.collector.problems import Refused
from streams.collector.segment import moment
from tracker.planning.cloud_events import contents, is_json

HEADER: Final = "ce-"


def is_binary(names: Iterable[str]) -> bool:
    """Whether headers of these names carry an event's attributes."""
    return "ce-specversion" in names


def of_headers(headers: Iterable[tuple[str, str]], data: Any) -> dict[str, Any]:
    """The event whose attributes are headers and whose data is the body."""
    attributes = {name[len(HEADER) :]: unquote(value) for name, value in headers if name.startswith(HEADER)}
    return {**attributes, "data": data}


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


def unpack(event: dict[str, Any]) -> str | None:
    """Put `data` in the place of `data_base64`; a sentence where that is impossible, else None."""
    packed = event.pop("data_base64", None)
    if packed is None or packed == "":
        return None
    if event.get("data") is not None:
        return "`data` and `data_base64` exclude each other"
    try:
        raw = base64.b64decode(packed, validate=True)
    except (TypeError, ValueError):
        return "`data_base64` must be text in base64"
    kind = event.get("datacontenttype")
    try:
        event["data"] = document.read(raw) if kind is None or (isinstance(kind, str) and is_json(kind)) else packed
    except Refused as refused:
        return f"`data_base64` holds no JSON: {refused.detail}"
    return document.fault_of(event)


def touchpoint(event: dict[str, Any], fixed: str | None, now_ms: int, subject_is: str | None = None) -> dict[str, Any]:
    """The fields of a touchpoint; `fixed` is the only channel of its source, if it has one.

    `subject_is`: the kind of id that `subject` is, where an event has no other id.
    """
    channel = fixed or first(event, tables.CHANNELS)
    occurred_at = moment(event.get("time")) or now_ms
    own = event_id(event["id"], event["source"])
    ids = _further_ids(event) | found(event, tables.IDS)
    if subject_is is not None and not ids.keys() - {PROOF} and event.get(tables.SUBJECT):
        ids[subject_is] = event.pop(tables.SUBJECT)
    return blank(own, event["type"], channel, occurred_at, ids) | contents(event)


def _further_ids(event: dict[str, Any]) -> dict[str, Any]:
    """The ids of any kind in `data.ids`."""
    ids = get(event, "data.ids")
    return {kind: value for kind, value in ids.items() if isinstance(value, str | int)} if isinstance(ids, dict) else {}
