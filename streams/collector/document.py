"""JSON as the collector accepts it: what every reader understands alike, and nothing else.

Duplicate member names, NaN, numbers beyond 64 bits and lone surrogates (halves of characters) are read differently
from library to library, so they are refused. Depth and breadth are bounded here too.
"""

import json
import math
from typing import Any, Final

from streams.collector.problems import Refused

MAX_DEPTH: Final = 16
MAX_MEMBERS: Final = 1_000
"""Members and items of one event, all levels together."""
LARGEST: Final = 2**63 - 1


class Unreadable(ValueError):  # noqa: N818  # it describes the document, not a fault of ours
    """JSON that is not accepted, and why."""


def read(body: bytes) -> Any:
    """The value in a body. Raises `Refused`."""
    try:
        return parse(body)
    except Unreadable as error:
        raise Refused("not_json", f"{error}.") from error


def parse(body: bytes) -> Any:
    """The value in a document of JSON in UTF-8. Raises `Unreadable`."""
    try:
        return _decoder.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"The body is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"The body is not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise Unreadable("The document is nested too deeply") from error


def fault_of(event: Any) -> str | None:
    """Why an event is refused for its shape (depth, members, lone surrogates, NUL), else None."""
    members = 0
    level = [event]
    for _depth in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                if not value.isascii() and not _whole(value):
                    return "a string holds a lone surrogate (half a character)"
                if "\x00" in value:
                    return "a string holds the character NUL"
            elif isinstance(value, dict):
                below += value.keys()
                below += value.values()
                members += len(value)
            elif isinstance(value, list):
                below += value
                members += len(value)
        if members > MAX_MEMBERS:
            return f"more than {MAX_MEMBERS} members and items"
        if not below:
            return None
        level = below
    return f"nested more than {MAX_DEPTH} deep"


def is_deeper(event: Any, depth: int) -> bool:
    """Whether an event is nested deeper than `depth` levels; without recursion, so that no depth exhausts the stack."""
    level = [event]
    for _depth in range(depth):
        inside = [value for value in level if isinstance(value, dict | list)]
        level = [each for value in inside for each in (value.values() if isinstance(value, dict) else value)]
        if not level:
            return False
    return True


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("An object has two members with the same name")
    return found


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(number := int(digits)) > LARGEST:
        raise Unreadable("A number does not fit into 64 bits")
    return number


def _fraction(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Unreadable("A number does not fit into 64 bits")
    return number


def _constant(word: str) -> float:
    raise Unreadable(f"{word} is not JSON")


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)
