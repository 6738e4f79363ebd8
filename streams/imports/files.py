"""The rows of a file to import: CSV and JSONL, plain or gzipped, each with its line number.

It knows the formats and their faults; `streams/imports/rows.py` makes touchpoints of the rows.
"""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

import msgspec

from schemas.unreadable import MAX_NESTING, UNREADABLE, explained, is_too_deep
from streams.errors import UsageError
from streams.events.files import MAX_LINE_BYTES, STDIN, lines
from streams.imports.header import check
from streams.imports.mapping import ImportMap
from streams.imports.rows import RowFlaw

Format = Literal["csv", "jsonl"]
DELIMITERS: Final = ",;\t|"
_SEP: Final = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_decode: Final = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row, or what is wrong with it."""

    line: int
    """Where it begins, from 1."""
    data: dict[str, Any]
    flaw: RowFlaw | None = None


def format_of(name: str, asked: str | None = None) -> Format:
    """The format that was asked for, else that of the file's name. Raises UsageError."""
    if asked is not None:
        if asked in get_args(Format):
            return cast(Format, asked)
        raise UsageError(f"--format: {asked!r} is not a format.", "Use csv or jsonl.")
    if name == STDIN:
        raise UsageError("Standard input has no name that shows its format.", "Add --format csv or --format jsonl.")
    plain = name.lower().removesuffix(".gz")
    if plain.endswith((".csv", ".tsv", ".txt")):
        return "csv"
    if plain.endswith((".jsonl", ".ndjson", ".json")):
        return "jsonl"
    raise UsageError(f"{name}: the format is not clear from the name.", "Say --format csv or --format jsonl.")


def rows(
    name: str,
    form: Format,
    table: ImportMap,
    count: Callable[[int], None] = lambda _bytes: None,
    tell: Callable[[str], None] = lambda _sentence: None,
) -> Iterator[FileRow]:
    """The rows of a file that a table reads.

    `count` is called with the bytes of each line, `tell` with what the file lacks and the table can do without.
    Raises TrackerError.
    """

    def counted() -> Iterator[bytes]:
        for line in lines(name, wide=form == "csv"):
            count(len(line))
            yield line

    return _csv(name, counted(), table, tell) if form == "csv" else _jsonl(counted())


def _jsonl(source: Iterator[bytes]) -> Iterator[FileRow]:
    for number, line in enumerate(source, 1):
        if line.isspace():
            continue
        if len(line) > MAX_LINE_BYTES:
            yield FileRow(number, {}, RowFlaw("too_large", f"a line of more than {MAX_LINE_BYTES} bytes"))
            continue
        if is_too_deep(line):
            yield FileRow(number, {}, RowFlaw("not_json", f"nested deeper than {MAX_NESTING} levels"))
            continue
        try:
            found = _decode(line)
        except UNREADABLE as error:
            yield FileRow(number, {"": _readable(line)}, RowFlaw("not_json", explained(error)))
            continue
        if isinstance(found, dict):
            yield FileRow(number, found)
        else:
            yield FileRow(number, {"": found}, RowFlaw("not_json", "no JSON object"))


def _csv(name: str, source: Iterator[bytes], table: ImportMap, tell: Callable[[str], None]) -> Iterator[FileRow]:
    first = next(source, b"")
    skipped = 0
    hint = _SEP.fullmatch(_readable(first).strip())
    if hint:
        # A line of Excel's, before the names: `sep=;`.
        first, skipped = next(source, b""), 1
    sign = table.delimiter or (hint[1] if hint else max(DELIMITERS, key=_readable(first).count))
    reader = csv.reader(_texts(first, source), delimiter=sign)
    try:
        header = [each.strip() for each in next(reader, [])]
    except csv.Error as error:
        raise UsageError(
            f"{name}: the line of column names cannot be read: {error}.", "Save it as CSV again."
        ) from None
    for sentence in check(name, header, table):
        tell(sentence)
    while True:
        line = reader.line_num + 1 + skipped
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield FileRow(line, {}, RowFlaw("not_csv", f"{error}; is a quote not closed?"))
            continue
        if cells:
            yield _row(line, header, cells)


def _row(line: int, header: list[str], cells: list[str]) -> FileRow:
    data = dict(zip(header, cells, strict=False))
    if len(cells) != len(header):
        return FileRow(line, data, RowFlaw("wrong_columns", f"{len(cells)} cells, but {len(header)} columns"))
    if any("\ufffd" in cell for cell in cells):
        return FileRow(line, data, RowFlaw("not_text", "no UTF-8; save the file as UTF-8"))
    return FileRow(line, data)


def _texts(first: bytes, source: Iterator[bytes]) -> Iterator[str]:
    yield _readable(first)
    yield from map(_readable, source)


def _readable(line: bytes) -> str:
    return line.decode("utf-8", errors="replace")
