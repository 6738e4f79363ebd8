"""Amplitude's events, which tell a user from a device."""

from typing import Any

from schemas.sdks.amplitude import AMPLITUDE, TRAITS
from streams.collector.sdks.asked import Asked
from streams.collector.sdks.making import Surroundings, account, milliseconds, touchpoint
from streams.collector.segment import moment


def keys(asked: Asked) -> list[Any]:
    """Where a write key may be."""
    return [asked.object.get("api_key")]


def events(asked: Asked) -> list[Any]:
    """The events with the time of sending, which the library for browsers tells."""
    sent_at = asked.object.get("client_upload_time")
    found = asked.object.get("events")
    listed = found if isinstance(found, list) else [found]
    return [
        {"client_upload_time": sent_at, **event} if sent_at and isinstance(event, dict) else event for event in listed
    ]


def adapt(event: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """The fields of a touchpoint."""
    name, groups = event.get("event_type"), event.get("groups")
    sent_at = moment(event.get("client_upload_time")) if _is_device(event.get("library")) else None
    content = {key: value for key, value in event.items() if key not in {"client_upload_time", "ip"}}
    ids = {
        "customer_id": event.get("user_id"),
        "anonymous_id": event.get("device_id"),
        "account_id": account(groups),
    }
    kind = None
    if name == "$identify":
        if groups:
            kind = "Grouped"
        elif not event.get("user_id"):
            # Browsers send one with each visit, also for visitors whom nobody has identified.
            kind = name
    places = TRAITS.get(name) if isinstance(name, str) else None
    if name == "$groupidentify":
        content.pop("user_properties", None)
    at = milliseconds(event.get("time"))
    return touchpoint(AMPLITUDE, content, ids, around, at=at, sent_at=sent_at, places=places, kind=kind)


def _is_device(library: Any) -> bool:
    """Whether the library runs on a device, whose clock may be wrong."""
    return not (isinstance(library, str) and any(word in library for word in ("python", "node", "java/", "go/")))


def codes(said: dict[str, Any], status: int) -> dict[str, Any]:
    """The body of a refusal: the libraries look for `code`, and send again what has none."""
    return {**said, "code": status}
