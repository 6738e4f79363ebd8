"""A newer version of the program: a copy of this one in which the bytes of a state and of routed messages differ.

It reads what this version has written, as any newer version must. This version reads neither of its two formats.
"""

import shutil
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parents[2]
PARTS: Final = ("schemas", "tracker", "streams", "examples/journeys")
STATE: Final = '''"""The state of a customer in an order that this program alone can read; the rest is as before."""

import msgspec

from schemas.unreadable import UNREADABLE
from tracker.records import state_before
from tracker.records.state_before import (
    FIRST_VALUE, OTHER, Instance, Journey, Progress, Record, UnreadableStateError, decode_progress,
)

VERSION = state_before.VERSION + 1


class Turned(msgspec.Struct, array_like=True):
    version: int
    ties: bytes
    account_links: bytes
    look_ms: int | None
    other_ids: bytes
    journeys: list[Journey]


_turned = msgspec.msgpack.Decoder(Turned)


def encode(value):
    if type(value) is not Record:
        return state_before.encode(value)
    parts = value.ties, value.account_links, value.look_ms, value.other_ids, value.journeys
    return state_before.encode(Turned(VERSION, *parts))


def decode(data):
    try:
        turned = _turned.decode(data)
    except UNREADABLE:
        record = state_before.decode(data)
        record.version = VERSION
        return record
    return Record(VERSION, turned.journeys, turned.other_ids, turned.look_ms, turned.account_links, turned.ties)


def ties_of(data):
    return decode(data).ties


def account_links_of(data):
    return decode(data).account_links
'''
EDITS: Final = {
    "schemas/routed.py": (
        ('SCHEMA: Final = "routed/1"', 'SCHEMA: Final = "routed/2"'),
        ('READS: Final = ("routed/1",)', 'READS: Final = ("routed/1", "routed/2")'),
    ),
}


def newer_version(place: Path) -> Path:
    """The newer version, in a directory of its own."""
    for part in PARTS:
        shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
    records = place / "tracker" / "records"
    (records / "state.py").rename(records / "state_before.py")
    (records / "state.py").write_text(STATE, "utf-8")
    for name, edits in EDITS.items():
        text = (place / name).read_text("utf-8")
        for before, after in edits:
            assert text.count(before) == 1, f"{name} no longer has the line {before}"
            text = text.replace(before, after)
        (place / name).write_text(text, "utf-8")
    return place


def as_before(record: bytes) -> bytes:
    """A state of the newer version, or of this one, in the layout of this one."""
    parts = msgspec.msgpack.decode(record)
    if parts[0] == 1:
        return record
    _, ties, account_links, look_ms, other_ids, journeys = parts
    return msgspec.msgpack.encode([1, journeys, other_ids, look_ms, account_links, ties])
