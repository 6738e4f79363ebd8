"""Rows: a row becomes touchpoints, or a flaw that names the column. It knows nothing of files and Kafka."""

from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from schemas.touchpoint import Touchpoint
from schemas.vocabulary import TYPES, WEB
from streams.imports.mapping import BY_TYPE, MEMBERS, ImportMap, TouchpointEntry, Value, usual_kinds
from streams.imports.values import AS_IT_IS, KINDS, UTC_ZONE, Unfit, lookup, opened
from streams.sdk.packing import NotATouchpoint, event_id, pack
from tracker.identity.kinds import AliasTooLong, Kinds
from tracker.identity.placeholders import means_nobody

_canonical: Final = msgspec.json.Encoder(order="deterministic").encode


class RowFlaw(NamedTuple):
    """Why a row makes no touchpoint."""

    reason: str
    detail: str


def touchpoints(row: dict[str, Any], table: ImportMap) -> list[Touchpoint] | RowFlaw:
    """The touchpoints of a row: none where no condition holds, all or none where a value is wrong."""
    made: list[Touchpoint] = []
    for entry in table.entries:
        try:
            if not _applies(entry, row, table):
                continue
        except Unfit as unfit:
            return RowFlaw("wrong_value", str(unfit))
        touchpoint = _touchpoint(entry, row, table)
        if isinstance(touchpoint, RowFlaw):
            return touchpoint
        try:
            pack(touchpoint, table.kinds)
        except NotATouchpoint as error:
            return RowFlaw("not_a_touchpoint", error.message)
        made.append(touchpoint)
    return made


def unmet(row: dict[str, Any], table: ImportMap) -> list[tuple[str, str]]:
    """Of a row that met no condition: the columns that conditions ask for, each with the row's value."""
    columns = dict.fromkeys(column for entry in table.entries for column, _ in entry.conditions)
    values = ((column, lookup(row, column, table.empty)) for column in columns)
    return [(column, "" if value is None else _written(value)) for column, value in values]


def _applies(entry: TouchpointEntry, row: dict[str, Any], table: ImportMap) -> bool:
    return all(_holds(column, wanted, row, table) for column, wanted in entry.conditions)


def _holds(column: str, wanted: frozenset[str] | None, row: dict[str, Any], table: ImportMap) -> bool:
    found = lookup(row, column, table.empty)
    return found is not None and (wanted is None or _written(found) in wanted)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _touchpoint(entry: TouchpointEntry, row: dict[str, Any], table: ImportMap) -> Touchpoint | RowFlaw:
    try:
        channel, type_ = _made(entry.channel, row, table), _made(entry.type, row, table)
        if channel == BY_TYPE:
            channel = TYPES.get(str(type_), WEB)
        at_ms = _made(entry.occurred_at, row, table)
        if at_ms is None:
            return RowFlaw("no_time", f"{_named(entry.occurred_at)} is empty")
        ids = _all(entry.ids, row, table, are_ids=True)
        if not ids:
            return RowFlaw("no_id", f"{', '.join(map(_named, entry.ids.values()))}: all are empty")
        return Touchpoint(
            event_id=event_id(table.prefix, type_, *_name(entry, row, table)),
            type=_needed("type", type_),
            channel=_needed("channel", channel),
            occurred_at=at_ms,
            ids=ids,
            properties=_properties(entry, row, table, str(channel)) or None,
            context=_all(entry.context, row, table) or None,
        )
    except Unfit as unfit:
        return RowFlaw("wrong_value", str(unfit))


def _name(entry: TouchpointEntry, row: dict[str, Any], table: ImportMap) -> list[str]:
    """The parts that identify the event among all others; the same row has the same name in every run.

    Where one is empty, or the first is a word for nothing (`n/a`), the whole row is the name: else all rows without a
    number would be one event.
    """
    parts = [lookup(row, column, table.empty) for column in entry.event_id]
    if parts and None not in parts and not is_no_id(parts[0], table.kinds):
        return [_written(part) for part in parts]
    return [blake2b(_canonical(row), digest_size=16).hexdigest()]


def is_no_id(value: Any, kinds: Kinds) -> bool:
    """Whether a value stands for no number at all, as `n/a` and `0` do."""
    try:
        return kinds.normalise(_written(value)) is None
    except AliasTooLong:
        return False


def _all(values: dict[str, Value], row: dict[str, Any], table: ImportMap, *, are_ids: bool = False) -> dict[str, Any]:
    made = {name: _made(value, row, table, is_id=are_ids) for name, value in values.items()}
    return {name: value for name, value in made.items() if value is not None}


def _made(value: Value, row: dict[str, Any], table: ImportMap, *, is_id: bool = False) -> Any:
    """The value, None where there is none. What stands for no id, such as `n/a`, is none where an id is wanted."""
    if not value.columns:
        return value.constant
    if value.unless and any(_holds(column, wanted, row, table) for column, wanted in value.unless):
        return value.default
    found, column = None, ""
    for column in value.columns:
        found = lookup(row, column, table.empty)
        if found is None or (is_id and means_nobody(said := _written(found).strip()) and said not in value.words):
            continue
        if not (value.has_exceptions and _is_ruled_out(found, value, row, table)):
            break
    else:
        return value.default
    if value.words and (said := _written(found)) in value.words:
        return value.words[said]
    try:
        made = KINDS[value.kind](found, value.format, table.zone)
        if value.not_before:
            return max([made, *_earliest(value, row, table)])
        return f"{value.prefix}{made}" if value.prefix else made
    except Unfit as unfit:
        raise Unfit(f"column {column!r}: {str(found)[:60]!r} is {unfit}") from None


def _earliest(value: Value, row: dict[str, Any], table: ImportMap) -> list[Any]:
    """The times that a time may not be before. Raises Unfit."""
    given = (lookup(row, column, table.empty) for column in value.not_before)
    return [KINDS[value.kind](each, value.format, table.zone) for each in given if each is not None]


def _is_ruled_out(found: Any, value: Value, row: dict[str, Any], table: ImportMap) -> bool:
    """Whether a value counts as empty for what it begins with, or for what stands elsewhere."""
    if isinstance(found, str) and value.unless_begins and found.strip().startswith(value.unless_begins):
        return True
    return any(
        (other := lookup(row, column, table.empty)) is not None and _written(other) == _written(found)
        for column in value.unless_same
    )


def _properties(entry: TouchpointEntry, row: dict[str, Any], table: ImportMap, channel: str) -> dict[str, Any]:
    properties = _all(entry.properties, row, table)
    if MEMBERS not in properties:
        return properties
    members = _members(entry.properties[MEMBERS], properties.pop(MEMBERS), channel)
    return members | properties


def _members(value: Value, found: Any, channel: str) -> dict[str, Any]:
    """The members of an object as properties, those that the channel names in its types where they can be."""
    members = opened(found, value.columns[0]) if isinstance(found, str) else found
    if members == [] or found == "null":
        # So some systems write an object without members into a column of JSON.
        return {}
    if not isinstance(members, dict):
        raise Unfit(f"column {value.columns[0]!r}: {str(found)[:60]!r} is no object")
    usual, made = usual_kinds(channel), {}
    for name, member in members.items():
        if member is None or (value.unless_begins and name.startswith(value.unless_begins)):
            continue
        try:
            made[name] = KINDS[usual.get(name, AS_IT_IS)](member, None, UTC_ZONE)
        except Unfit:
            # A journey that asks for a number finds none; the rest of the event is worth keeping.
            continue
    return made


def _needed(what: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Unfit(f"`{what}` is empty")
    return value


def _named(value: Value) -> str:
    return " and ".join(map(repr, value.columns)) or "a constant"
