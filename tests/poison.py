"""Bytes that nobody should send, and somebody will: each must be answered by a value, wherever it comes in."""

import json
from typing import Any, Final

AT_MS: Final = 1_795_000_000_000
GOOD: Final[dict[str, Any]] = {
    "event_id": "e1", "type": "page", "channel": "web", "occurred_at": AT_MS, "ids": {"customer_id": "c1"},
}  # fmt: skip
# JSON has numbers of any length; Python writes none out of more than 4,300 digits.
LONG: Final = b"9" * 4_300


def line(**fields: Any) -> bytes:
    """A good touchpoint with some fields replaced; bytes stand for JSON as it is written."""
    members = [
        json.dumps(name).encode() + b": " + (value if isinstance(value, bytes) else json.dumps(value).encode())
        for name, value in (GOOD | fields).items()
    ]
    return b"{" + b", ".join(members) + b"}"


def nested(levels: int) -> bytes:
    """An object in an object, so many deep."""
    return b'{"a":' * levels + b"1" + b"}" * levels


NOT_JSON: Final = {
    "cut off": b'{"event_id": 5',
    "a comma behind": line() + b",",
    "a brace behind": b"{}}",
    "a number behind": b"{} 1",
    "a NUL behind": line() + b"\0",
    "a word behind": line() + b" // by hand",
    "two objects": line() + line(event_id="e2"),
    "two lines of another kind": b'{"order": 1} {"order": 2}',
    "no UTF-8 in a text": line(type=b'"\xff"'),
    "no UTF-8 in the schema": b'{"event_id": 5, "schema": "\xff"}',
    "half a character": line(type=b'"\\ud800"'),
    "half a character in the schema": b'{"event_id": 5, "schema": "\\udfff"}',
    "too deep": b'{"event_id": 5, "more": ' + b"[" * 4_000 + b"]" * 4_000 + b"}",
    "too deep in properties": line(properties=nested(20_000)),
    "never ending": b'{"a":' * 50_000,
    "NaN": line(properties=b'{"a": NaN}'),
    "infinite": line(properties=b'{"a": -Infinity}'),
    "UTF-16": line().decode().encode("utf-16-le"),
    "a wrong time, and a comma behind": b'{"type": "T", "occurred_at": "20.11.2026"},',
}  # fmt: skip
NO_TOUCHPOINT: Final = {
    "no UTF-8 in a name": b'{"event_id": 5, "\xff": 1}',
    "a number beyond floats": line(properties=b'{"a": 1e999}'),
    "a time beyond floats": line(occurred_at=b"1e999"),
    "a number of five thousand digits": line(properties=b'{"a": ' + b"9" * 5_000 + b"}"),
    "an id of 4,300 digits": line(ids=b'{"customer_id": ' + LONG + b"}"),
    "a time of 4,300 digits": line(occurred_at=LONG),
    "sent in 4,300 digits": line(sent_at=LONG, received_at=AT_MS),
    "sent before 4,300 digits": line(sent_at=b"-" + LONG, received_at=-AT_MS),
    "received in 4,300 digits": line(received_at=LONG),
    "an offset of 99 hours": line(occurred_at="2026-11-22T10:00:00+99:99"),
    "the year 0": line(occurred_at="0000-01-01T00:00:00Z"),
    "before the year 1": line(occurred_at="0001-01-01T00:00:00+23:59"),
    "after the year 9999": line(occurred_at="9999-12-31T23:59:59-23:59"),
    "a schema of many letters": line(schema="\x7f" * 60_000),
}  # fmt: skip
WELCOME: Final = {
    "a name twice": line()[:-1] + b', "type": "page"}',
    "a NUL in a text": line(type="page", properties={"a": "\0"}),
    "a whole number beyond floats": line(properties=b'{"n": ' + b"9" * 4_000 + b"}"),
    "nested": line(properties=nested(200)),
}  # fmt: skip
"""Odd, and touchpoints all the same."""
