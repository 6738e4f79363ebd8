"""Rows: a row becomes touchpoints, or a flaw that names the column. It knows nothing of files and Kafka."""

from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from schemas.touchpoint import Touchpoint
from streams.imports.mapping import ImportMap, TouchpointEntry, Value
from streams.imports.values import KINDS, Unfit, lookup
from streams.sdk.packing import NotATouchpoint, event_id, pack
from tracker.identity.kinds import AliasTooLong, normalise

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
    for column, wanted in entry.conditions:
        found = lookup(row, column, table.empty)
        if found is None or (wanted is not None and _written(found) not in wanted):
            return False
    return True


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _touchpoint(entry: TouchpointEntry, row: dict[str, Any], table: ImportMap) -> Touchpoint | RowFlaw:
    try:
        channel, type_ = _made(entry.channel, row, table), _made(entry.type, row, table)
        at_ms = _made(entry.occurred_at, row, table)
        if at_ms is None:
            return RowFlaw("no_time", f"{_named(entry.occurred_at)} is empty")
        ids = _all(entry.ids, row, table)
        if not ids:
            return RowFlaw("no_id", f"{', '.join(map(_named, entry.ids.values()))}: all are empty")
        return Touchpoint(
            event_id=event_id(table.prefix, type_, *_name(entry, row, table)),
            type=_needed("type", type_),
            channel=_needed("channel", channel),
            occurred_at=at_ms,
            ids=ids,
            properties=_all(entry.properties, row, table) or None,
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
    if parts and None not in parts and not is_no_id(parts[0]):
        return [_written(part) for part in parts]
    return [blake2b(_canonical(row), digest_size=16).hexdigest()]


def is_no_id(value: Any) -> bool:
    """Whether a value stands for no number at all, as `n/a` and `0` do."""
    try:
        return normalise(_written(value)) is None
    except AliasTooLong:
        return False


def _all(values: dict[str, Value], row: dict[str, Any], table: ImportMap) -> dict[str, Any]:
    made = {name: _made(value, row, table) for name, value in values.items()}
    return {name: value for name, value in made.items() if value is not None}


def _made(value: Value, row: dict[str, Any], table: ImportMap) -> Any:
    if not value.columns:
        return value.constant
    column, found = next(
        ((each, found) for each in value.columns if (found := lookup(row, each, table.empty)) is not None), ("", None)
    )
    if found is None:
        return value.default
    if value.words and (said := _written(found)) in value.words:
        return value.words[said]
    try:
        return KINDS[value.kind](found, value.format, table.zone)
    except Unfit as unfit:
        raise Unfit(f"column {column!r}: {str(found)[:60]!r} is {unfit}") from None


def _needed(what: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Unfit(f"`{what}` is empty")
    return value


def _named(value: Value) -> str:
    return " and ".join(map(repr, value.columns)) or "a constant"
