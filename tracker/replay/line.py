"""A line of a file of events: a touchpoint as producers send it, or the short form that analysts write.

It knows the two forms and how to distinguish them, and nothing of files, journeys and order.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

import msgspec

from schemas.touchpoint import MAX_EVENT_ID_LENGTH
from schemas.unreadable import MAX_NESTING, UNREADABLE, explained, is_too_deep
from tracker.identity.kinds import KINDS, AliasTooLong, Kinds
from tracker.moment import milliseconds
from tracker.planning.decode import EARLIEST_MS, LATEST_MS, MAX_SHOWN, Flaw, decode
from tracker.touch import Touch

DEFAULT_CHANNEL: Final = "web"
# No producer's id begins with NUL, so ids made for lines without one never equal another id.
NAMELESS: Final = "\0"


class _Short(msgspec.Struct, gc=False):
    """The short form."""

    event: str
    timestamp: str | int | float
    customer: str | int | None = None
    ids: dict[str, str | int | None] | None = None
    """In place of `customer`: the ids that the event carries, as in the long form."""
    event_id: str | int | None = None
    channel: str | None = None
    properties: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


_short: Final = msgspec.json.Decoder(_Short)
_anything: Final = msgspec.json.Decoder()


def reader(kinds: Kinds = KINDS) -> Callable[[bytes], Touch | Flaw]:
    """A function from a line to its touchpoint, or to the flaw of the line.

    It first tries the form of the line before, since a file usually has one form.
    """
    forms = [_read_short, _read_wire]

    def read(line: bytes) -> Touch | Flaw:
        if is_too_deep(line):
            return Flaw("not_json", f"nested deeper than {MAX_NESTING} levels")
        touch = forms[0](line, kinds)
        if touch is not None:
            return touch
        touch = forms[1](line, kinds)
        if touch is None:
            return _explain(line, kinds)
        forms.reverse()
        return touch

    return read


def is_nameless(event_id: str) -> bool:
    """Whether the line had no `event_id`; each such line is an event of its own."""
    return event_id.startswith(NAMELESS)


def _read_short(line: bytes, kinds: Kinds) -> Touch | Flaw | None:
    """None where the line is not of this form."""
    try:
        short = _short.decode(line)
    except UNREADABLE:
        return None
    named = _named(short, kinds)
    if isinstance(named, Flaw):
        return named
    customer, links, account = named
    if not short.event:
        return Flaw("not_a_touchpoint", "`event` is empty")
    at_ms = parse_time(short.timestamp)
    if at_ms is None or not EARLIEST_MS <= at_ms <= LATEST_MS:
        return Flaw("impossible_time", _time_help(short.timestamp))
    event_id = _event_id(short.event_id, line)
    if len(event_id) > MAX_EVENT_ID_LENGTH:
        return Flaw("not_a_touchpoint", f"`event_id` is longer than {MAX_EVENT_ID_LENGTH}")
    channel = short.channel or DEFAULT_CHANNEL
    properties, context = short.properties or {}, short.context or {}
    return Touch(customer, at_ms, short.event, channel, event_id, properties, context, at_ms, links, account)


def _named(short: _Short, kinds: Kinds) -> tuple[str, tuple[str, ...], str | None] | Flaw:
    """Whose event it is, the weaker names that came with it, and the account."""
    try:
        if short.ids is None:
            customer = kinds.normalise(short.customer)
            return (customer, (), None) if customer is not None else Flaw("no_id", _no_customer(short.customer))
        if short.customer is not None:
            return Flaw("not_a_touchpoint", "`customer` and `ids`: give one of them; `ids` may hold a `customer_id`")
        strongest = kinds.strongest(short.ids)
        if strongest is None:
            return Flaw("no_id", f"`ids` holds none of {kinds.listed} with a value that is an id")
        return strongest, kinds.others(short.ids, strongest), kinds.account(short.ids)
    except AliasTooLong as error:
        return Flaw("id_too_long", str(error))


def _no_customer(customer: str | int | None) -> str:
    if customer is None:
        return "`customer` is missing"
    return f"`customer` is {repr(customer)[:MAX_SHOWN]}, which is no id"


def _event_id(given: str | int | None, line: bytes) -> str:
    """The id; for a line without one a hash of its content, so that the order of lines does not matter."""
    if given is None or given == "":
        return NAMELESS + blake2b(line.strip(), digest_size=8).hexdigest()
    return given if isinstance(given, str) else str(given)


def _read_wire(line: bytes, kinds: Kinds) -> Touch | Flaw | None:
    """None where the line is not of this form."""
    touch = decode(line, None, kinds)
    if isinstance(touch, Flaw) and touch.reason in {"not_a_touchpoint", "not_json", "no_time", "no_id"}:
        return None
    return touch


def parse_time(value: str | float) -> int | None:
    """Milliseconds since 1970 of epoch milliseconds or of a text; without an offset it means UTC."""
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return round(value) if value == value and abs(value) < LATEST_MS * 2 else None  # noqa: PLR0124  # NaN
    return milliseconds(value)


def _time_help(value: object) -> str:
    shown = repr(value)[:60]
    if isinstance(value, int | float) and 0 < value < EARLIEST_MS:
        return f"`timestamp` is {shown}: are these seconds? Write milliseconds since 1970"
    return f"`timestamp` is {shown}: write 2026-11-22T10:00:00Z, or milliseconds since 1970"


def _explain(line: bytes, kinds: Kinds) -> Flaw:
    """The flaw of a line that has neither form."""
    try:
        document = _anything.decode(line)
    except UNREADABLE as error:
        return Flaw("not_json", explained(error))
    if not isinstance(document, dict):
        return Flaw("not_a_touchpoint", f"a JSON {_kind(document)}, not an object")
    if not {"customer", "event", "timestamp"} & document.keys():
        flaw = decode(line, None, kinds)
        return flaw if isinstance(flaw, Flaw) else Flaw("not_a_touchpoint", "it cannot be read")
    if document.get("customer") is None and document.get("ids") is None:
        return Flaw("no_id", "`customer` is missing")
    if document.get("timestamp") is None:
        return Flaw("no_time", "`timestamp` is missing")
    try:
        _short.decode(line)
    except UNREADABLE as error:
        return Flaw("not_a_touchpoint", str(error))
    return Flaw("not_a_touchpoint", "it cannot be read")


def _kind(value: object) -> str:
    names = {list: "array", str: "text", bool: "truth value", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), "value")
