"""Events of Google Analytics 4's Measurement Protocol, which have no ids and share what is said of their person."""

from typing import Any

from schemas.sdks.ga4 import GA4
from streams.collector.admission import digest
from streams.collector.sdks.asked import Asked
from streams.collector.sdks.making import Surroundings, numbered, parts, touchpoint


def keys(asked: Asked) -> list[Any]:
    """The write key is the `api_secret`."""
    return [asked.fields.get("api_secret")]


def events(asked: Asked) -> list[Any]:
    """The events with what they share."""
    found = asked.object.get("events")
    shared = {name: value for name, value in asked.object.items() if name != "events"}
    listed = found if isinstance(found, list) else [found]
    return numbered([{**shared, **event} if isinstance(event, dict) else event for event in listed])


def adapt(event: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """The fields of a touchpoint."""
    micros = event.get("timestamp_micros")
    if isinstance(micros, str) and micros.isascii() and micros.isdigit():
        micros = int(micros[:20])
    at = micros // 1000 if isinstance(micros, int) and not isinstance(micros, bool) else micros
    wire = touchpoint(GA4, event, {}, around, at=at)
    order = parts(wire.get("properties")).get("order_id")
    if event.get("name") == "purchase" and order is not None:
        # One order is bought once, whatever the senders' clocks say.
        wire["event_id"] = digest([around.source.name, "purchase", order])
    return wire
