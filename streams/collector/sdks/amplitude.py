"""Amplitude's events, which tell a user from a device."""

from typing import Any

from schemas.sdks.amplitude import AMPLITUDE, TRAITS
from streams.collector.sdks.asked import Asked
from streams.collector.sdks.making import Surroundings, account, milliseconds, text, touchpoint
from streams.collector.segment import moment


def keys(asked: Asked) -> list[Any]:
    """Where a write key may be."""
    return [asked.object.get("api_key")]


def events(asked: Asked) -> list[Any]:
    """The events with the time of sending, which the library for browsers tells."""
    sent_at = asked.object.get("client_upload_time")
    found = asked.object.get("events")
    listed = found if isinstance(found, list) else [found]
    shared = {"client_upload_time": sent_at} if sent_at else {}
    return [
        shared | {key: value for key, value in each.items() if key != "ip"} if isinstance(each, dict) else each
        for each in listed
    ]


def adapt(event: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """The fields of a touchpoint."""
    name, groups = text(event.get("event_type")), event.get("groups")
    is_device = _is_device(event.get("library"))
    sent_at = moment(event.get("client_upload_time")) if is_device else None
    content = {key: value for key, value in event.items() if key != "client_upload_time"}
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
    places = TRAITS.get(name)
    if name == "$groupidentify":
        content.pop("user_properties", None)
    at = milliseconds(event.get("time"))
    by = not is_device and places is not None
    return touchpoint(AMPLITUDE, content, ids, around, at=at, sent_at=sent_at, places=places, kind=kind, by_business=by)


def _is_device(library: Any) -> bool:
    """Whether the library runs on a device, whose clock may be wrong."""
    return not (isinstance(library, str) and any(word in library for word in ("python", "node", "java/", "go/")))


def codes(said: dict[str, Any], status: int) -> dict[str, Any]:
    """The body of a refusal: the libraries look for `code`, and send again what has none."""
    return {**said, "code": status}
