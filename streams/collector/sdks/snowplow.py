"""Snowplow's tracker protocol 2: fields in a query or a list, with JSON in base64 inside."""

from collections.abc import Mapping
from typing import Any, Final

from schemas.sdks.snowplow import ACTION, FIRST_STEPS, NAMES, NUMBERS, SNOWPLOW
from streams.collector import document
from streams.collector.sdks.asked import Asked, unbase64
from streams.collector.sdks.making import Surroundings, milliseconds, parts, touchpoint

UNREADABLE: Final = "unreadable"
"""The mark of an event whose JSON inside cannot be read."""
LEFT_OUT: Final = frozenset({"ue_px", "ue_pr", "cx", "co", "aid", "ip", "stm"})
"""Fields that are unpacked, name the key, name a machine, or differ when an event is sent again."""


def keys(asked: Asked) -> list[Any]:
    """The application's id, which is the write key: the protocol has no other."""
    one = next(iter(_rows(asked)), None)
    return [parts(one).get("aid")]


def events(asked: Asked) -> list[Any]:
    """The events with what they have inside unpacked, so that the limits of an event hold for all of it."""
    return [_opened(row) if isinstance(row, dict) else row for row in _rows(asked)]


def _rows(asked: Asked) -> list[Any]:
    if asked.document is None:
        return [dict(asked.fields)] if "e" in asked.fields else []
    rows = asked.object.get("data")
    return rows if isinstance(rows, list) else [rows]


def _opened(row: dict[str, Any]) -> dict[str, Any]:
    made = {name: value for name, value in row.items() if name not in LEFT_OUT}
    try:
        inside = _inside(row, "ue_px", "ue_pr")
        around = _inside(row, "cx", "co")
    except document.Unreadable as error:
        return {**made, UNREADABLE: str(error)}
    name, data = _named(parts(inside).get("data"))
    contexts: dict[str, Any] = {}
    products = []
    listed = parts(around).get("data")
    for each in listed if isinstance(listed, list) else ():
        kind, content = _named(each)
        contexts.setdefault(kind or "", content)
        if kind == "product":
            products.append(content)
    for number in NUMBERS:
        made[number] = _number(made[number]) if number in made else None
    name = name or NAMES.get(str(row.get("e"))) or row.get("se_ac") or row.get("e")
    if name == ACTION:
        name, data = parts(data).get("type"), {key: value for key, value in parts(data).items() if key != "type"}
    if name == "checkout_step" and parts(contexts.get("checkout_step")).get("step") not in FIRST_STEPS:
        name = f"{name}_{parts(contexts['checkout_step']).get('step')}"[:32]
    extra = {"products": products} if len(products) > 1 else {}
    opened = {**made, "name": name, "data": data, "contexts": contexts, **extra}
    return {key: value for key, value in opened.items() if value is not None} | {"stm": row.get("stm")}


def _inside(row: Mapping[str, Any], packed: str, plain: str) -> Any:
    """The JSON in one of two fields. Raises `Unreadable`."""
    given = row.get(packed)
    if isinstance(given, str) and given:
        raw = unbase64(given)
        if raw is None:
            raise document.Unreadable(f"The field {packed} is not base64")
        return document.parse(raw)
    given = row.get(plain)
    return document.parse(given.encode()) if isinstance(given, str) and given else None


def _named(described: Any) -> tuple[str | None, Any]:
    """The name of a schema, and what it describes: `iglu:com.acme/NAME/jsonschema/1-0-0`."""
    schema = parts(described).get("schema")
    pieces = schema.split("/") if isinstance(schema, str) else []
    return (pieces[1] if len(pieces) > 1 else None), parts(described).get("data")


def _number(text: Any) -> Any:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return text
    return number if abs(number) < 2**53 else text


def adapt(event: dict[str, Any], around: Surroundings) -> dict[str, Any] | str:
    """The fields of a touchpoint, or why the event is none."""
    if UNREADABLE in event:
        return f"what the event has inside cannot be read: {event[UNREADABLE]}"
    person = parts(parts(event.get("contexts")).get("user"))
    session = parts(parts(event.get("contexts")).get("client_session"))
    known = event.get("uid") or (None if person.get("is_guest") else person.get("id"))
    ids = {"customer_id": known, "anonymous_id": event.get("duid") or session.get("userId") or event.get("tnuid")}
    # `ttm` is when it truly was; `dtm` and `stm` are the device's clock at the event and at its sending.
    if (true_ms := milliseconds(event.get("ttm"))) is not None:
        at, sent_at = true_ms, None
    else:
        at, sent_at = milliseconds(event.get("dtm")), milliseconds(event.get("stm"))
    content = {key: value for key, value in event.items() if key != "stm"}
    return touchpoint(SNOWPLOW, content, ids, around, at=at, sent_at=sent_at if at is not None else None)
