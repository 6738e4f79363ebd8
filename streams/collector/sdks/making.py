"""An SDK's event as a touchpoint, by a table of `schemas/sdks`.

Whose it is and when it was, the SDK's own file says.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from schemas.sdks.sdk import ACCOUNTS, COMMERCE, ORDER_NUMBERS, Sdk
from schemas.vocabulary import TYPES, WEB
from streams.collector.admission import blank, digest, event_id
from streams.collector.browser import PROOF
from streams.collector.paths import first, found, get
from streams.collector.sources import NamedSource
from tracker.moment import of_number

NOT_SET: Final = frozenset({"(not set)", "not set", "not_set", "undefined", "null", "none", "$direct"})
"""Texts that libraries write where they have no value."""
MAX_DIGITS: Final = 18
BY: Final = "by"
BUSINESS: Final = "business"
"""The mark, in the context, of what the customer did not do."""
COPY: Final = "copy"
"""The mark of an event that a request has more than once, where the SDK gives its events no ids."""


class Surroundings(NamedTuple):
    """What else decides about an event: its source, the channels of types, the present moment."""

    source: NamedSource
    channels: Mapping[str, str]
    now_ms: int


def touchpoint(
    table: Sdk,
    event: Mapping[str, Any],
    ids: Mapping[str, Any],
    around: Surroundings,
    *,
    at: Any = None,
    sent_at: Any = None,
    places: Sequence[str] | None = None,
    kind: str | None = None,
    by_business: bool = False,
) -> dict[str, Any]:
    """The fields of a touchpoint. A proof of the customer's id is removed from the event, which may be kept as it came.

    `at`: when it was, None for now; `places`: where its properties are, if not where the table says; `kind`: its type,
    if not what the table says; `by_business`: whether a program of the business did it, and not the customer.
    """
    name = first(event, table.name)
    kind = kind or (table.events.get(name, name) if isinstance(name, str) else None)
    channel = around.source.rules.channel or (around.channels.get(kind) or TYPES.get(kind, WEB) if kind else WEB)
    known = found(event, table.ids)
    for path in table.ids.get(PROOF, ()):
        place, _, last = path.rpartition(".")
        parts(get(event, place)).pop(last, None)
    properties = _properties(table, event, kind or "", table.properties if places is None else places)
    once = event_id(first(event, table.id)) or _once(event, kind, at, properties, around)
    given = {name: value for name, value in ids.items() if value not in (None, "")}
    wire = blank(once, kind, channel, around.now_ms if at is None else at, {**known, **given})
    if sent_at is not None:
        wire["sent_at"] = sent_at
    if properties:
        wire["properties"] = properties
    context = {key: value for key, value in found(event, table.context).items() if _is_said(value)}
    if by_business:
        context[BY] = BUSINESS
    if context:
        wire["context"] = context
    return wire


def _once(event: Mapping[str, Any], kind: Any, at: Any, properties: Mapping[str, Any], around: Surroundings) -> str:
    """The id of an event that has none. What is sent again gets the same one, if the event tells when it was.

    Without a time only an order's number tells an event that comes again from another one like it.
    """
    if at is None and not any(properties.get(name) for name in ORDER_NUMBERS):
        at = around.now_ms
    return digest([around.source.name, kind, at, event])


def _properties(table: Sdk, event: Mapping[str, Any], kind: str, places: Sequence[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for place in places:
        part = get(event, place)
        for name, value in (part if isinstance(part, dict) else {}).items():
            if not name.startswith(table.own) and name not in table.left_out:
                made.setdefault(name, value)
    for name, value in found(event, table.named).items():
        made.setdefault(name, value)
    if kind == "Page Viewed" and (path := path_of(made.get("url"))):
        made.setdefault("path", path)
    made = {name: value for name, value in made.items() if _is_said(value)}
    return {**found(made, COMMERCE.get(kind.partition(" ")[0], {})), **made}


def _is_said(value: Any) -> bool:
    return value is not None and not (isinstance(value, str) and value.strip().lower() in NOT_SET)


def path_of(url: Any) -> str | None:
    """The path of an address of a page, else None."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return (parts.path or "/") if parts.scheme and parts.netloc else None


def account(groups: Any) -> Any:
    """The account among somebody's groups: the likeliest kind of group, or the only one."""
    if not isinstance(groups, dict):
        return None
    name = next((name for name in ACCOUNTS if groups.get(name)), None)
    if name is None and len(groups) == 1:
        name = next(iter(groups))
    value = groups.get(name)
    return value[0] if isinstance(value, list) and value else value


def numbered(events: Sequence[Any]) -> list[Any]:
    """The events, each marked that equals one before it: in one request they are different events."""
    seen: dict[str, int] = {}
    marked = []
    for event in events:
        if isinstance(event, dict):
            said = repr(event)
            seen[said] = count = seen.get(said, 0) + 1
            marked.append(event if count == 1 else {**event, COPY: count})
        else:
            marked.append(event)
    return marked


def milliseconds(value: Any) -> Any:
    """A time in seconds or milliseconds, also as text, in milliseconds; any other value as it is."""
    if isinstance(value, str) and len(value) <= MAX_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 10**MAX_DIGITS:
        return value
    return of_number(value)


def parts(value: Any) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """The value where it is a text, else an empty one."""
    return value if isinstance(value, str) else ""
