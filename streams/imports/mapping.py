"""The reader of mapping tables, which say which columns make which touchpoints; all problems are reported at once.

It knows the table's keys; `streams/imports/rows.py` applies the table to rows.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.properties import BY_CHANNEL
from schemas.vocabulary import WEB
from streams.errors import ExitCode, TrackerError, UsageError
from streams.imports.values import AS_IT_IS, EMPTY, KINDS
from tracker.identity.kinds import ACCOUNT, BASE, CUSTOMER, SOURCE, Kinds
from tracker.identity.kinds import KINDS as ALIAS_KINDS
from tracker.problem import Problem, choose
from tracker.yaml_tree import MAX_BYTES, Mapping, Node, Scalar, Sequence, YamlError, grow, kind, plain

TOP: Final = (
    "import", "source", "customer_id", "delimiter", "zone", "empty", "ids", "context", "occurred_at", "event_id",
    "touchpoints",
)  # fmt: skip
ENTRY: Final = ("channel", "type", "occurred_at", "event_id", "if", "ids", "properties", "context")
SPEC: Final = (
    "from",
    "as",
    "format",
    "value",
    "words",
    "default",
    "unless",
    "unless_begins",
    "unless_same",
    "not_before",
)
BY_TYPE: Final = "by_type"
"""In place of a channel: the one that the touchpoint's type has in `schemas/vocabulary.py`, `web` for others."""
MEMBERS: Final = "*"
"""The property whose column is an object: all of its members are properties."""
SCOPED: Final = re.compile(f"({BASE}@)({SOURCE})?")
"""A kind of number that a system gave; the source's name follows, in the table or when it is read."""
OF_ACCOUNT: Final = "account_id@"


Conditions = tuple[tuple[str, frozenset[str] | None], ...]
"""Columns with the values that are asked for; None: anything but empty."""


@dataclass(frozen=True, slots=True)
class Value:
    """The source of one value, and its conversion."""

    columns: tuple[str, ...] = ()
    """The first column that is not empty is used."""
    kind: str = AS_IT_IS
    format: str | None = None
    constant: Any = None
    words: dict[str, Any] = field(default_factory=dict)
    """Replacements of single values."""
    default: Any = None
    unless: Conditions = ()
    """Columns with the values beside which this value counts as empty."""
    unless_begins: tuple[str, ...] = ()
    """Beginnings of texts that count as empty; of MEMBERS, those of names that are left out."""
    unless_same: tuple[str, ...] = ()
    """Columns whose value this one must not repeat."""
    not_before: tuple[str, ...] = ()
    """Columns with times, none of which this time may be before: a day without a time begins at midnight."""
    prefix: str = ""
    """What is put before the text."""

    @property
    def has_exceptions(self) -> bool:
        """Whether some values of the columns count as empty."""
        return bool(self.unless_begins or self.unless_same)


@dataclass(frozen=True, slots=True)
class TouchpointEntry:
    """One touchpoint that a row may make."""

    channel: Value
    type: Value
    occurred_at: Value
    event_id: tuple[str, ...]
    """Columns that identify the event; without any, the whole row does."""
    conditions: Conditions
    ids: dict[str, Value]
    properties: dict[str, Value]
    context: dict[str, Value]

    @property
    def title(self) -> str:
        """The type, or those that the words of a column may become."""
        words = dict.fromkeys(str(word) for word in self.type.words.values())
        return str(self.type.constant) if self.type.constant else ", ".join(words) or " or ".join(self.type.columns)

    def columns(self) -> Iterator[tuple[str, ...]]:
        """Every column that the entry uses, each with its alternatives."""
        values = (self.channel, self.type, self.occurred_at, *self.ids.values(), *self.properties.values())
        for value in (*values, *self.context.values()):
            if value.columns:
                yield value.columns
        yield from ((column,) for column in self.event_id)
        yield from ((column,) for column, _ in self.conditions)


@dataclass(frozen=True, slots=True)
class ImportMap:
    """A whole table."""

    name: str
    zone: ZoneInfo
    delimiter: str | None
    entries: tuple[TouchpointEntry, ...]
    kinds: Kinds = ALIAS_KINDS
    source: str = ""
    """The system that the rows are of; its numbers are aliases of their own."""
    prefix: str = ""
    """What each event_id begins with."""
    empty: frozenset[str] = EMPTY
    """Texts that stand for nothing."""


NAMES: Final = "letters, digits, dots, dashes and underscores, 64 at most"


def usual_kinds(channel: str) -> dict[str, str]:
    """By property that a channel names: the kind of its values."""
    hints = get_type_hints(BY_CHANNEL[channel]) if channel in BY_CHANNEL else {}
    numbers = {"float": "number", "str": "text"}
    return {key: numbers.get(hint.__name__, AS_IT_IS) for key, hint in hints.items()} | {"currency": "currency"}


def joined(first: Value, second: Value) -> Value:
    """One value of the columns of two: those of the first are tried before."""
    return replace(first, columns=(*first.columns, *second.columns)) if first.columns and second.columns else first


def load(path: Path, kinds: Kinds = ALIAS_KINDS, source: str | None = None) -> ImportMap:
    """The table in a file. Raises TrackerError with all its problems, each with line, column and remedy.

    `source`: the name of the system that the rows are of, in place of the table's.
    """
    if source is not None and not re.fullmatch(SOURCE, source):
        raise UsageError(f"--source: {source[:80]!r} is no name of a source.", f"Write {NAMES}.")
    try:
        text = path.read_bytes()[: MAX_BYTES + 1].decode("utf-8")
    except FileNotFoundError:
        raise TrackerError(f"{path}: there is no such file.", "Check the path.", ExitCode.NOT_FOUND) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UsageError(f"{path} cannot be read: {why}.", "Check the path and its permissions.") from None
    table, problems = read(text, kinds, source)
    if table is None or problems:
        lines = [f"{path}:{each.line}:{each.column}: {each.message}: {each.remedy}" for each in sorted(problems)]
        raise UsageError("\n       ".join(lines), "docs/import.md explains every key.")
    return table


def read(text: str, kinds: Kinds = ALIAS_KINDS, source: str | None = None) -> tuple[ImportMap | None, list[Problem]]:
    """The table and its problems; the table is None where there are problems."""
    try:
        root, problems = grow(text)
    except YamlError as error:
        return None, [*error.problems, error.problem]
    reader = _TableReader(problems, kinds, source)
    table = reader.table(root)
    return (None if reader.problems else table), reader.problems


class _TableReader:
    """Reads the YAML tree and collects the problems."""

    def __init__(self, problems: list[Problem], kinds: Kinds, source: str | None) -> None:
        self.problems = problems
        self.kinds = kinds
        self.source = source
        self.is_own = False
        """Whether the numbers that the system gave are the company's `customer_id`."""

    def table(self, root: Node | None) -> ImportMap | None:
        if not isinstance(root, Mapping):
            self.problems.append(Problem(1, 1, "no mapping table", "begin with `import: <a name>` and `touchpoints:`"))
            return None
        self._known(root, TOP)
        named = self._source(root)
        ids, context = self._values(root, "ids", "text"), self._values(root, "context")
        delimiter = self._text(root, "delimiter") or None
        if delimiter and len(delimiter) != 1:
            self._wrong(root.entries["delimiter"][1], "the delimiter is not one sign", 'write ";", "," or "\\t"')
        found = self._needed(root, "touchpoints")
        items = found.items if isinstance(found, Sequence) else [found] if found else []
        entries = [self._entry(item, root, ids, context) for item in items]
        if not items and found is not None:
            self._wrong(found, "no touchpoints", "say at least one, with `type` and `occurred_at`")
        name = self._text(root, "import") if self._needed(root, "import") else ""
        return ImportMap(
            name,
            self._zone(root),
            delimiter,
            tuple(each for each in entries if each),
            self.kinds,
            self.source or "",
            # Two shops that are imported by one table have an order 1001 each.
            name if self.source in {None, named} else f"{name}@{self.source}",
            EMPTY | frozenset(self._texts(root, "empty")),
        )

    def _source(self, root: Mapping) -> str | None:
        """The source that the table names; `self.source` is that of the caller where there is one."""
        named = self._text(root, "source") or None
        if named and not re.fullmatch(SOURCE, named):
            self._wrong(root.entries["source"][1], f"{named[:80]!r} is no name of a source", f"write {NAMES}")
        self.source = self.source or named
        self.is_own = self._text(root, "customer_id") == "own"
        if "customer_id" in root.entries and not self.is_own:
            self._wrong(
                root.entries["customer_id"][1],
                "`customer_id` can only be `own`",
                "leave it out, or write `customer_id: own` where the source's number is the company's customer number",
            )
        return named

    def _entry(
        self, node: Node, root: Mapping, ids: dict[str, Value], context: dict[str, Value]
    ) -> TouchpointEntry | None:
        if not isinstance(node, Mapping):
            self._wrong(node, f"{kind(node)} is no touchpoint", "write its keys: channel, type, occurred_at")
            return None
        self._known(node, ENTRY)
        channel, type_ = (self._needed(node, name) for name in ("channel", "type"))
        when = self._needed(root if "occurred_at" in root.entries.keys() - node.entries.keys() else node, "occurred_at")
        own = ids | self._values(node, "ids", "text")
        if not own:
            self._wrong(node, "it belongs to nobody", f"say `ids`, one of: {', '.join(self.kinds.order)}")
        if channel is None or type_ is None or when is None:
            return None
        where = self._value(channel, constant=True)
        return TouchpointEntry(
            channel=where,
            type=self._value(type_, constant=True),
            occurred_at=self._value(when, "time"),
            event_id=self._texts(node if "event_id" in node.entries else root, "event_id"),
            conditions=self._conditions(node, "if"),
            ids=own,
            properties=self._values(
                node, "properties", channel=WEB if where.constant == BY_TYPE else str(where.constant)
            ),
            context=context | self._values(node, "context"),
        )

    def _values(self, node: Mapping, name: str, usual: str = AS_IT_IS, channel: str = "") -> dict[str, Value]:
        if name not in node.entries:
            return {}
        found = node.entries[name][1]
        if not isinstance(found, Mapping):
            self._wrong(found, f"{kind(found)} is no table", "write `name: column`, one a line")
            return {}
        usuals = usual_kinds(channel)
        if name == "ids":
            usuals = {"email_sha256": "email_sha256", "phone_sha256": "phone_sha256"}
        made = {key: self._value(value, usuals.get(key, usual)) for key, (_, value) in found.entries.items()}
        return self._scoped(found, made) if name == "ids" else made

    def _scoped(self, node: Mapping, made: dict[str, Value]) -> dict[str, Value]:
        """The ids with the source's name after each kind of number that a system gave."""
        ids: dict[str, Value] = {}
        for key, given in made.items():
            value = given
            place = node.entries[key][0]
            scoped = SCOPED.fullmatch(key)
            if scoped is None and key not in self.kinds.order:
                self._wrong(place, f"{key[:80]!r} is no key here", choose(key, self.kinds.order))
            kind_ = key
            if scoped and not scoped[2]:
                if not self.source and not self.is_own:
                    self._wrong(
                        place, f"{key!r} is a number of which system?", "add `source: NAME`, or say --source NAME"
                    )
                if key == OF_ACCOUNT:
                    # An account is shared, so its number cannot be an alias of a person.
                    kind_, value = ACCOUNT, value if self.is_own else replace(value, prefix=f"{self.source}:")
                else:
                    kind_ = CUSTOMER if self.is_own else f"{key}{self.source}"
            ids[kind_] = joined(ids[kind_], value) if kind_ in ids else value
        return ids

    def _value(self, node: Node, usual: str = AS_IT_IS, *, constant: bool = False) -> Value:
        """One value: a column (or a constant), a list of alternative columns, or a mapping with the keys of SPEC."""
        if isinstance(node, Scalar) and node.text:
            return Value(constant=node.text) if constant else Value((node.text,), usual)
        if isinstance(node, Sequence) and node.items and not constant:
            return Value(self._columns(node), usual)
        if not isinstance(node, Mapping):
            self._wrong(node, f"{kind(node)} names no column", "write a column's name, or {from: column, as: number}")
            return Value()
        self._known(node, SPEC)
        if ("from" in node.entries) == ("value" in node.entries):
            self._wrong(node, "a value needs either `from` or `value`", "write `from: column`, or `value: constant`")
        wanted = self._text(node, "as") or usual
        if wanted not in KINDS:
            self._wrong(node.entries["as"][1], f"{wanted!r} is no kind of value", choose(wanted, KINDS))
        words = plain(node.entries["words"][1]) if "words" in node.entries else {}
        if not isinstance(words, dict):
            self._wrong(node.entries["words"][1], "`words` is no table", "write `theirs: ours`, one a line")
            words = {}
        return Value(
            self._texts(node, "from"),
            wanted,
            self._text(node, "format") or None,
            plain(node.entries["value"][1]) if "value" in node.entries else None,
            words,
            plain(node.entries["default"][1]) if "default" in node.entries else None,
            self._conditions(node, "unless"),
            self._texts(node, "unless_begins"),
            self._texts(node, "unless_same"),
            self._texts(node, "not_before"),
        )

    def _conditions(self, node: Mapping, name: str) -> Conditions:
        found = node.entries[name][1] if name in node.entries else None
        if not isinstance(found, Mapping):
            return tuple((column, None) for column in self._texts(node, name))
        asked = []
        for column, (_, value) in found.entries.items():
            wanted = value.items if isinstance(value, Sequence) else [value]
            asked.append((column, frozenset(each.text for each in wanted if isinstance(each, Scalar))))
        return tuple(asked)

    def _zone(self, root: Mapping) -> ZoneInfo:
        name = self._text(root, "zone") or "UTC"
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._wrong(root.entries["zone"][1], f"{name[:40]!r} is no time zone", "write one such as Europe/Stockholm")
            return ZoneInfo("UTC")

    def _texts(self, node: Mapping, name: str) -> tuple[str, ...]:
        return self._columns(node.entries[name][1]) if name in node.entries else ()

    def _columns(self, found: Node) -> tuple[str, ...]:
        texts = found.items if isinstance(found, Sequence) else [found]
        for each in texts:
            if not isinstance(each, Scalar) or not each.text:
                self._wrong(each, f"{kind(each)} names no column", "write a column's name, or a list of them")
        return tuple(each.text for each in texts if isinstance(each, Scalar))

    def _text(self, node: Mapping, name: str) -> str:
        if name not in node.entries:
            return ""
        found = node.entries[name][1]
        if not isinstance(found, Scalar) or not found.text:
            self._wrong(found, f"`{name}` is {kind(found)}", "write a text")
            return ""
        return found.text

    def _needed(self, node: Mapping, name: str) -> Node | None:
        if name in node.entries:
            return node.entries[name][1]
        self._wrong(node, f"`{name}` is missing", f"add `{name}: …`")
        return None

    def _known(self, node: Mapping, names: tuple[str, ...]) -> None:
        for key, (place, _) in node.entries.items():
            if key not in names:
                self._wrong(place, f"{key[:80]!r} is no key here", choose(key, names))

    def _wrong(self, node: Node, message: str, remedy: str) -> None:
        self.problems.append(Problem(node.line, node.column, message, remedy))
