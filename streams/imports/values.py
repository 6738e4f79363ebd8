"""One value of a row: found by its column, and converted to the type that a touchpoint needs.

It knows how other systems write texts, numbers and times; it knows nothing of rows and mappings.
"""

import re
from collections.abc import Callable, Container, Iterator
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from schemas.unreadable import UNREADABLE, is_too_deep
from tracker.identity.pseudonym import email_sha256, phone_sha256
from tracker.moment import candidates, milliseconds

AS_IT_IS: Final = "as_it_is"
UTC_ZONE: Final = ZoneInfo("UTC")
EMPTY: Final = frozenset({"(not set)", "(null)", "<null>", "NULL", "\\N", "#N/A"})
"""Texts that exports write where there is nothing; `empty:` in a table adds others."""
_decode: Final = msgspec.json.Decoder().decode
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
TRUE: Final = frozenset({"true", "yes", "y", "1", "on"})
FALSE: Final = frozenset({"false", "no", "n", "0", "off"})
# BigQuery's export wraps each value in one of these keys.
_TYPED: Final = frozenset({"string_value", "int_value", "float_value", "double_value"})
# Moments of this century have so many digits.
AS_BY_DIGITS: Final = {10: "seconds", 13: "milliseconds", 16: "microseconds"}
UNITS_A_MS: Final = {"seconds": 0.001, "milliseconds": 1, "microseconds": 1000}


class Unfit(ValueError):  # noqa: N818  # says what is wrong with the value
    """A value that cannot be converted to the wanted kind."""


def lookup(row: dict[str, Any], column: str, empty: Container[str] = EMPTY) -> Any:
    """The value of a column, or of a path such as `user.plan` in JSON; None where it is missing or empty.

    `empty`: the texts that stand for nothing. A text of JSON on the way is read, as in a CSV's column of JSON.
    Raises Unfit for one that cannot be.
    """
    found = row[column] if column in row else _found(row, column)
    if isinstance(found, dict) and found and found.keys() <= _TYPED:
        found = next((value for value in found.values() if value is not None), None)
    if isinstance(found, str):
        text = found.strip()
        return found if text and text not in empty else None
    return found


def places(column: str) -> Iterator[tuple[str, str]]:
    """The columns that a value may be in, each with the path into it: `a.b.c` itself, `c` in `a.b`, `b.c` in `a`."""
    yield column, ""
    before, dot, after = column.rpartition(".")
    while dot:
        yield before, after
        before, dot, rest = before.rpartition(".")
        after = f"{rest}.{after}"


def _found(row: dict[str, Any], column: str) -> Any:
    for place, path in places(column):
        if path and place in row:
            return _walk(row[place], path, place)
    return None


@lru_cache(maxsize=64)
def _json(text: str) -> Any:
    """The value of a text of JSON. Cached, since each path into a column of JSON asks for it."""
    data = text.encode(errors="surrogatepass")
    try:
        return None if is_too_deep(data) else _decode(data)
    except UNREADABLE:
        return None


def opened(text: str, column: str) -> Any:
    """The value of a text on the way of a path; None for one that is not meant to be JSON. Raises Unfit."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    found = _json(text)
    if found is None:
        raise Unfit(f"column {column!r}: {text[:60]!r} is no JSON")
    return found


def _walk(node: Any, path: str, column: str) -> Any:
    for part in path.split("."):
        if isinstance(node, str):
            node = opened(node, column)
        if isinstance(node, list) and part.isdecimal():
            node = node[int(part)] if int(part) < len(node) else None
        elif isinstance(node, list):
            # A list of objects with `key` and `value` is read as an object.
            node = next(
                (each.get("value") for each in node if isinstance(each, dict) and each.get("key") == part), None
            )
        else:
            node = node.get(part) if isinstance(node, dict) else None
    return node


def _text(value: Any, _format: str | None, _zone: ZoneInfo) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    raise Unfit("no text")


def _number(value: Any, _format: str | None, _zone: ZoneInfo) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        # JSON has whole numbers beyond all floats, which `isfinite` does not take.
        if isinstance(value, float) and not isfinite(value):
            raise Unfit("no number")
        return value
    text = str(value).strip()
    if not _NUMBER.fullmatch(text):
        raise Unfit("no number")
    number = float(text)
    # A text of digits becomes an int, since a float would round large ones.
    return int(text) if text.lstrip("+-").isdecimal() and len(text) < 19 else number


def _number_with_comma(value: Any, form: str | None, zone: ZoneInfo) -> int | float:
    text = re.sub(r"[\s.\u00a0']", "", str(value)).replace(",", ".")
    return _number(text, form, zone)


def _whole(value: Any, form: str | None, zone: ZoneInfo) -> int:
    number = _number(value, form, zone)
    if number != int(number):
        raise Unfit("no whole number")
    return int(number)


def _yes(value: Any, _format: str | None, _zone: ZoneInfo) -> bool:
    text = str(value).strip().casefold()
    if text not in TRUE | FALSE:
        raise Unfit("neither yes nor no")
    return text in TRUE


def _time(value: Any, form: str | None, zone: ZoneInfo) -> int:
    """Milliseconds since 1970; a text without an offset is taken to be in the zone."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    try:
        if form:
            moment = datetime.strptime(text, form)  # noqa: DTZ007  # the zone follows
            return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Unfit(f"no time as {form!r} writes it") from None
    at_ms = milliseconds(text, zone)
    if at_ms is None:
        raise Unfit(f"no time as 2026-11-22T10:00:00Z is{_remedy(text)}")
    return at_ms


def _remedy(text: str) -> str:
    """What to write in the table so that a time in this form is read."""
    forms = [f'format: "{form}"' for form in candidates(text)]
    if len(forms) > 1:
        return f"; it may begin with the day or the month: write {forms[0]} or {forms[1]} in the table"
    if forms:
        return f"; write {forms[0]} in the table"
    if text.isdecimal() and len(text) in AS_BY_DIGITS:
        return f"; write as: {AS_BY_DIGITS[len(text)]} in the table"
    return '; say in the table how it is written, as in format: "%d/%m/%Y %H:%M"'


def _since_1970(unit: str) -> Callable[[Any, str | None, ZoneInfo], int]:
    def read(value: Any, form: str | None, zone: ZoneInfo) -> int:
        number = _number(value, form, zone)
        if unit == "microseconds" and isinstance(number, int):
            return number // 1000
        try:
            return round(number / UNITS_A_MS[unit])
        except OverflowError:
            raise Unfit("no time: the number is too large") from None

    return read


def _currency(value: Any, form: str | None, zone: ZoneInfo) -> str:
    """A currency as ISO 4217 writes it: several systems write it small."""
    return _text(value, form, zone).upper()


def _url_path(value: Any, form: str | None, zone: ZoneInfo) -> str:
    try:
        return urlsplit(_text(value, form, zone)).path or "/"
    except ValueError:
        raise Unfit("no URL") from None


def _hash(make: Callable[[str], str | None], what: str) -> Callable[[Any, str | None, ZoneInfo], str]:
    def read(value: Any, _format: str | None, _zone: ZoneInfo) -> str:
        # An export may have hashed the value already.
        text = str(value).strip()
        made = text.lower() if re.fullmatch(r"[0-9a-fA-F]{64}", text) else make(text)
        if made is None:
            raise Unfit(f"no {what}")
        return made

    return read


KINDS: Final[dict[str, Callable[[Any, str | None, ZoneInfo], Any]]] = {
    AS_IT_IS: lambda value, _format, _zone: value,
    "text": _text,
    "url_path": _url_path,
    "currency": _currency,
    "number": _number,
    "number_with_comma": _number_with_comma,
    "whole": _whole,
    "yes": _yes,
    "time": _time,
    "seconds": _since_1970("seconds"),
    "milliseconds": _since_1970("milliseconds"),
    "microseconds": _since_1970("microseconds"),
    "email_sha256": _hash(email_sha256, "e-mail address"),
    "phone_sha256": _hash(phone_sha256, "phone number with its country code"),
}
