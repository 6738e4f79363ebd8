"""One value of a row: found by its column, and converted to the type that a touchpoint needs.

It knows how other systems write texts, numbers and times; it knows nothing of rows and mappings.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from tracker.identity.pseudonym import email_sha256, phone_sha256

AS_IT_IS: Final = "as_it_is"
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
TRUE: Final = frozenset({"true", "yes", "y", "1", "on"})
FALSE: Final = frozenset({"false", "no", "n", "0", "off"})
# BigQuery's export wraps each value in one of these keys.
_TYPED: Final = frozenset({"string_value", "int_value", "float_value", "double_value"})
UNITS_A_MS: Final = {"seconds": 0.001, "milliseconds": 1, "microseconds": 1000}


class Unfit(ValueError):  # noqa: N818  # says what is wrong with the value
    """A value that cannot be converted to the wanted kind."""


def lookup(row: dict[str, Any], column: str) -> Any:
    """The value of a column, or of a path such as `user.plan` in JSON; None where it is missing or empty."""
    found = row[column] if column in row else _walk(row, column)
    if isinstance(found, dict) and found and found.keys() <= _TYPED:
        found = next((value for value in found.values() if value is not None), None)
    return None if found is None or (isinstance(found, str) and not found.strip()) else found


def _walk(node: Any, path: str) -> Any:
    for part in path.split("."):
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
    text = str(value).strip().removesuffix(" UTC")
    try:
        if form:
            moment = datetime.strptime(text, form)  # noqa: DTZ007  # the zone follows
        else:
            moment = datetime.fromisoformat(text)
            if text != str(value).strip():
                moment = moment.replace(tzinfo=UTC)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Unfit(f"no time as {form!r} writes it" if form else "no time as 2026-11-22T10:00:00Z is") from None


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
