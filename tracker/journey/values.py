"""The values of a journey file, each read by its kind: a text, a duration, a path, a list of conditions.

A value that cannot be read becomes a problem with its place and remedy. It knows one value at a time; groups of keys
are read by `tracker/journey/reader.py`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from unicodedata import normalize

from tracker import duration, paths, patterns
from tracker.journey.definition import Condition
from tracker.journey.fields import (
    BLOCKS,
    MAX_BUCKETS,
    MAX_VALUES,
    NAME,
    NAME_REMEDY,
    OPERATORS,
    Field,
)
from tracker.problem import Problem, Severity, choose
from tracker.yaml_tree import Mapping, Node, Scalar, Sequence, kind, plain

MAX_TEXT: Final = 2_000


class NotRead:
    """Stands for a value that could not be read; its problem is already noted."""


WRONG: Final = NotRead()


class ProblemNotes:
    """The problems found so far in one file, each with its place and remedy."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, node: Node, message: str, remedy: str, severity: Severity = "problem") -> NotRead:
        """Note a problem at a node; returns WRONG, which stands for the value that could not be read."""
        self.problems.append(Problem(node.line, node.column, message, remedy, severity))
        return WRONG


@dataclass(frozen=True, slots=True)
class Word:
    """A text and the node it was read from, for values that are checked against other parts of the file."""

    text: str
    node: Node


def sample(each: Field) -> str:
    """How a key is written, for a remedy."""
    if each.example:
        return f"{each.name}: {each.example}"
    return f"{each.name}: [{{{BLOCKS[each.of][0].name}: …}}]" if each.kind == "blocks" else f"{each.name}: …"


def _text(notes: ProblemNotes, each: Field, node: Node) -> str | NotRead:
    if not isinstance(node, Scalar) or not node.text.strip():
        return notes.note(node, f"{each.name}: expected a text, found {kind(node)}", f"write `{sample(each)}`")
    if len(node.text) > MAX_TEXT:
        return notes.note(node, f"{each.name}: a text of {len(node.text)} characters", f"use up to {MAX_TEXT}")
    # Types of touchpoints are compared in this form; an editor may write another one of the same letters.
    return normalize("NFC", node.text.strip()) if each.name == "type" else node.text.strip()


def read_name(notes: ProblemNotes, each: Field, node: Node) -> str | NotRead:
    """A text that can be a name."""
    text = _text(notes, each, node)
    if isinstance(text, str) and not re.fullmatch(NAME, text):
        return notes.note(node, f"{each.name}: {text[:70]!r} cannot be a name", NAME_REMEDY)
    return text


def _whole(notes: ProblemNotes, each: Field, node: Node) -> int | NotRead:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, bool) or not isinstance(value, int) or not each.smallest <= value <= each.largest:
        remedy = f"write a whole number from {each.smallest} to {each.largest}"
        return notes.note(node, f"{each.name}: {kind(node)} does not fit here", remedy)
    return value


def _number(notes: ProblemNotes, each: Field, node: Node) -> float | NotRead:
    value = node.value if isinstance(node, Scalar) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not each.smallest <= value <= each.largest:  # type: ignore[operator]
        remedy = f"write a number from {each.smallest:g} to {each.largest:g}"
        return notes.note(node, f"{each.name}: {kind(node)} does not fit here", remedy)
    return float(value)  # type: ignore[arg-type]


def _yes(notes: ProblemNotes, each: Field, node: Node) -> bool | NotRead:
    value = node.value if isinstance(node, Scalar) else None
    if not isinstance(value, bool):
        return notes.note(node, f"{each.name}: expected true or false, found {kind(node)}", "write true or false")
    return value


def _choice(notes: ProblemNotes, each: Field, node: Node) -> str | NotRead:
    if isinstance(node, Scalar) and node.text in each.choices:
        return node.text
    word = node.text if isinstance(node, Scalar) else ""
    return notes.note(node, f"{each.name}: {kind(node)} is none of its values", choose(word, each.choices))


def _moment(notes: ProblemNotes, each: Field, node: Node) -> int | NotRead:
    return _length(notes, each, node, duration.LONGEST_MOMENT_MS)


def _length(notes: ProblemNotes, each: Field, node: Node, longest_ms: int) -> int | NotRead:
    text = _text(notes, each, node)
    if not isinstance(text, str):
        return text
    try:
        return duration.parse(text, longest_ms)
    except duration.DurationError as error:
        return notes.note(node, f"{each.name}: {error}", error.remedy)


def _duration(notes: ProblemNotes, each: Field, node: Node) -> int | NotRead:
    read = _length(notes, each, node, duration.LONGEST_WINDOW_MS)
    if read == 0:
        return notes.note(node, f"{each.name}: no time at all", "write a duration above zero, or leave the key out")
    return read


def _durations(notes: ProblemNotes, each: Field, node: Node) -> tuple[int, ...] | NotRead:
    """Durations in rising order."""
    read: list[int] = []
    for item in items_of(notes, node):
        bound = _duration(notes, each, item)
        if isinstance(bound, NotRead):
            continue
        if read and bound <= read[-1]:
            return notes.note(item, f"{each.name}: {duration.show(bound)} is not longer than the one before it",
                               "write them from short to long, each once")  # fmt: skip
        read.append(bound)
    if len(read) > MAX_BUCKETS:
        return notes.note(node, f"{each.name}: {len(read)} bounds", f"use up to {MAX_BUCKETS}")
    return tuple(read) if read else notes.note(node, f"{each.name}: no bounds", f"write `{sample(each)}`")


def _window(notes: ProblemNotes, each: Field, node: Node) -> dict[str, tuple[Node, int]] | NotRead:
    """By stage name or `all`: the node of the name and the milliseconds."""
    if not isinstance(node, Mapping):
        read = _duration(notes, each, node)
        return read if isinstance(read, NotRead) else {"all": (node, read)}
    windows: dict[str, tuple[Node, int]] = {}
    for key, (key_node, value) in node.entries.items():
        read = _duration(notes, each, value)
        if not isinstance(read, NotRead):
            windows[key] = (key_node, read)
    return windows


def _path(notes: ProblemNotes, each: Field, node: Node) -> tuple[str, ...] | NotRead:
    text = _text(notes, each, node)
    return _path_of(notes, text, node) if isinstance(text, str) else text


def _path_of(notes: ProblemNotes, text: str, node: Node) -> tuple[str, ...] | NotRead:
    try:
        read = paths.parse(text)
    except paths.PathError as error:
        return notes.note(node, error.message, error.remedy)
    if found := paths.doubt(text):
        notes.note(node, f"{text[:60]!r} {found[0]}", found[1], "warning")
    return read


def items_of(notes: ProblemNotes, node: Node) -> list[Node]:
    """The items of a list; a single value counts as a list of one."""
    if isinstance(node, Scalar) and node.value is None:
        notes.note(node, "expected a list, found nothing", "write a value, or [one, two]")
        return []
    return node.items if isinstance(node, Sequence) else [node]


def _texts(notes: ProblemNotes, each: Field, node: Node) -> tuple[str, ...]:
    read = [_text(notes, each, item) for item in items_of(notes, node)]
    return tuple(text for text in read if isinstance(text, str))


def _names(notes: ProblemNotes, each: Field, node: Node) -> tuple[Word, ...]:
    words = []
    for item in items_of(notes, node):
        text = _text(notes, each, item)
        if isinstance(text, str):
            words.append(Word(text, item))
    return tuple(words)


def _pair(notes: ProblemNotes, each: Field, node: Node) -> tuple[Word, Word] | NotRead:
    words = _names(notes, each, node)
    if len(words) != 2:
        return notes.note(node, f"{each.name}: expected two stages, found {len(words)} names",
                           f"write `{sample(each)}`")  # fmt: skip
    return words[0], words[1]


def _word(notes: ProblemNotes, each: Field, node: Node) -> Word | NotRead:
    text = _text(notes, each, node)
    return Word(text, node) if isinstance(text, str) else text


def _open(notes: ProblemNotes, each: Field, node: Node) -> dict[str, Any] | NotRead:
    if not isinstance(node, Mapping):
        return notes.note(node, f"{each.name}: expected names and values, found {kind(node)}",
                           f"write `{sample(each)}`")  # fmt: skip
    read: dict[str, Any] = plain(node)
    return read


def _where(notes: ProblemNotes, each: Field, node: Node) -> tuple[tuple[Condition, Node], ...] | NotRead:
    if not isinstance(node, Mapping) or not node.entries:
        return notes.note(node, f"{each.name}: expected conditions, found {kind(node)}",
                           "write `where: {properties.price: {gte: 10}}`")  # fmt: skip
    conditions: list[tuple[Condition, Node]] = []
    for key, (key_node, value) in node.entries.items():
        path = _path_of(notes, key, key_node)
        if not isinstance(path, NotRead):
            conditions += _conditions(notes, path, value)
    return tuple(conditions)


def _conditions(notes: ProblemNotes, path: tuple[str, ...], node: Node) -> list[tuple[Condition, Node]]:
    if isinstance(node, Scalar):
        pairs: list[tuple[str, Node, Node]] = [("eq", node, node)]
    elif isinstance(node, Sequence):
        pairs = [("in", node, node)]
    else:
        pairs = [(key, key_node, value) for key, (key_node, value) in node.entries.items()]
        if not pairs:
            notes.note(node, "no operator between the braces", "write an operator, such as {gte: 10}")
    read = []
    for operator, place, value in pairs:
        if operator not in OPERATORS:
            notes.note(place, f"unknown operator {operator[:40]!r}", choose(operator, OPERATORS))
            continue
        checked = OPERANDS[operator](notes, operator, value)
        if not isinstance(checked, NotRead):
            read.append((Condition(path, operator, checked), place))  # type: ignore[arg-type]
    return read


def _single(notes: ProblemNotes, operator: str, node: Node) -> Any:
    if isinstance(node, Scalar) and node.value is not None:
        return node.value
    remedy = "write {exists: false} for a missing value" if kind(node) == "nothing" else "write a text or a number"
    return notes.note(node, f"{operator}: expected one value, found {kind(node)}", remedy)


def _several(notes: ProblemNotes, operator: str, node: Node) -> Any:
    if not isinstance(node, Sequence):
        return notes.note(node, f"{operator}: expected a list, found {kind(node)}", f"write `{operator}: [one, two]`")
    if not node.items:
        effect = "so the rule can never match" if operator == "in" else "so it says nothing"
        return notes.note(node, f"{operator}: the list is empty, {effect}", "name the values, or remove the condition")
    if len(node.items) > MAX_VALUES:
        return notes.note(node, f"{operator}: a list of {len(node.items)} values", f"use up to {MAX_VALUES}")
    values = [_single(notes, operator, item) for item in node.items]
    return WRONG if any(isinstance(value, NotRead) for value in values) else tuple(values)


def _ordered(notes: ProblemNotes, operator: str, node: Node) -> Any:
    """A number, or a text that begins with a digit: dates and versions compare as text."""
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.match("[0-9]", value) and not _looks_like_number(value):
        return value
    remedy = f"write a number, such as {operator}: 10, or a date, such as {operator}: 2026-01-31"
    if isinstance(node, Scalar) and _looks_like_number(node.text):
        remedy = f"write it without quotes: {operator}: {node.text.strip()}"
    return notes.note(node, f"{operator}: expected a number or a date, found {kind(node)}", remedy)


def _looks_like_number(text: str) -> bool:
    return bool(re.fullmatch(r"\s*[-+]?[0-9]{1,30}(\.[0-9]{0,30})?\s*", text))


def _truth(notes: ProblemNotes, operator: str, node: Node) -> Any:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    return notes.note(node, f"{operator}: expected true or false, found {kind(node)}", f"write `{operator}: true`")


def _pattern(notes: ProblemNotes, operator: str, node: Node) -> Any:
    if not isinstance(node, Scalar) or not node.text:
        return notes.note(node, f"{operator}: expected a regular expression, found {kind(node)}",
                           "write a text, such as '^/checkout'")  # fmt: skip
    if found := patterns.problem(node.text):
        return notes.note(node, f"{operator}: {found.message}", found.remedy)
    return node.text


OPERANDS: Final[dict[str, Callable[[ProblemNotes, str, Node], Any]]] = {
    "eq": _single,
    "ne": _single,
    "in": _several,
    "not_in": _several,
    "gt": _ordered,
    "gte": _ordered,
    "lt": _ordered,
    "lte": _ordered,
    "exists": _truth,
    "contains": _single,
    "matches": _pattern,
}

VALUES: Final[dict[str, Callable[[ProblemNotes, Field, Node], Any]]] = {
    "text": _text,
    "texts": _texts,
    "name": read_name,
    "names": _names,
    "count": _whole,
    "whole": _whole,
    "number": _number,
    "yes": _yes,
    "choice": _choice,
    "moment": _moment,
    "duration": _duration,
    "durations": _durations,
    "window": _window,
    "path": _path,
    "pair": _pair,
    "attribution": _word,
    "stage_name": _word,
    "stage_names": _names,
    "open": _open,
    "where": _where,
}
"""By kind of field: the function that reads its value."""
