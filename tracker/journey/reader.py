"""A YAML tree read by the table of fields: plain values, each with its place, and every problem found on the way.

It knows the shapes of values (a duration, a path, a list of rules) and nothing of what stages mean to each other;
tracker/journey/check.py judges that.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tracker import duration
from tracker.journey.conditions import pattern_problem
from tracker.journey.definition import Condition, Rule
from tracker.journey.fields import (
    BLOCKS,
    MAX_BUCKETS,
    MAX_VALUES,
    NAME,
    NAME_REMEDY,
    OFF,
    OPERATORS,
    PATH,
    PATH_REMEDY,
    Field,
)
from tracker.problem import Problem, Severity, choose
from tracker.yaml_tree import Mapping, Node, Scalar, Sequence, kind, plain

MAX_TEXT: Final = 2_000


class Wrong:
    """Stands where a value could not be read; its problem is already noted."""


WRONG: Final = Wrong()


@dataclass(slots=True)
class Block:
    """What a group of keys held: by key, the value read and the node it was read from."""

    node: Node
    values: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a key, or the default where it is missing or wrong."""
        return self.values.get(name, default)

    def place(self, name: str) -> Node:
        """The node of a key's value, or the whole block where the key is missing."""
        return self.nodes.get(name, self.node)


def rule_of(block: Block) -> Rule:
    """The rule that a block of channel, type and where amounts to."""
    where = tuple(condition for condition, _ in block.get("where", ()))
    return Rule(block.get("channel"), block.get("type"), where)


@dataclass(frozen=True, slots=True)
class Word:
    """A text and the node it was read from, for values that other parts of the file must know."""

    text: str
    node: Node


class Reader:
    """Reads nodes and gathers problems; never stops at the first."""

    def __init__(self, *, whole: bool = True) -> None:
        self.problems: list[Problem] = []
        self.whole = whole
        """Whether the tree is all of the file: of a part, no key can be said to be missing."""

    def note(self, node: Node, message: str, remedy: str, severity: Severity = "problem") -> Wrong:
        """Notes a problem at a node; returns what stands for the value that could not be read."""
        self.problems.append(Problem(node.line, node.column, message, remedy, severity))
        return WRONG

    def block(self, node: Node, name: str) -> Block | Wrong:
        """The values of a group of keys, as the table says; unknown and missing keys are noted."""
        if not isinstance(node, Mapping):
            example = next((f"{each.name}: …" for each in BLOCKS[name]), "")
            return self.note(node, f"{kind(node)} where a group of keys is wanted", f"write keys such as `{example}`")
        fields = {each.name: each for each in BLOCKS[name]}
        block = Block(node)
        for key, (key_node, value) in node.entries.items():
            if key not in fields:
                self.note(key_node, f"unknown key {key[:60]!r} in {TITLES[name]}", choose(key, fields))
                continue
            block.nodes[key] = value
            read = READERS[fields[key].kind](self, fields[key], value)
            if not isinstance(read, Wrong):
                block.values[key] = read
        for each in BLOCKS[name]:
            if self.whole and each.required and each.name not in node.entries:
                self.note(node, f"{TITLES[name]} lacks the key {each.name!r}", f"add `{_sample(each)}`")
        return block


TITLES: Final = {
    "journey": "the journey",
    "stage": "a stage",
    "rule": "a touchpoint rule",
    "funnel": "the funnel",
    "exclusion": "an exclusion",
    "segment": "a segment",
    "accounts": "the accounts",
    "buckets": "the buckets",
    "survey": "a question of feedback",
    "alerts": "the alerts",
    "drop_off": "the alert drop_off",
    "conversion_fall": "the alert conversion_fall",
    "stalled": "the alert stalled",
    "example": "an example",
    "given": "a given touchpoint",
    "expect": "what is expected",
}


def _sample(each: Field) -> str:
    if each.example:
        return f"{each.name}: {each.example}"
    return f"{each.name}: [{{{BLOCKS[each.of][0].name}: …}}]" if each.kind == "blocks" else f"{each.name}: …"


def _text(reader: Reader, each: Field, node: Node) -> str | Wrong:
    if not isinstance(node, Scalar) or not node.text.strip():
        return reader.note(node, f"{each.name}: {kind(node)} where a text is wanted", f"write `{_sample(each)}`")
    if len(node.text) > MAX_TEXT:
        return reader.note(node, f"{each.name}: a text of {len(node.text)} characters", f"use up to {MAX_TEXT}")
    return node.text.strip()


def _name(reader: Reader, each: Field, node: Node) -> str | Wrong:
    text = _text(reader, each, node)
    if isinstance(text, str) and not re.fullmatch(NAME, text):
        return reader.note(node, f"{each.name}: {text[:70]!r} cannot be a name", NAME_REMEDY)
    return text


def _whole(reader: Reader, each: Field, node: Node) -> int | Wrong:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, bool) or not isinstance(value, int) or not each.smallest <= value <= each.largest:
        remedy = f"write a whole number from {each.smallest} to {each.largest}"
        return reader.note(node, f"{each.name}: {kind(node)} does not fit here", remedy)
    return value


def _number(reader: Reader, each: Field, node: Node) -> float | Wrong:
    value = node.value if isinstance(node, Scalar) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not each.smallest <= value <= each.largest:  # type: ignore[operator]
        remedy = f"write a number from {each.smallest:g} to {each.largest:g}"
        return reader.note(node, f"{each.name}: {kind(node)} does not fit here", remedy)
    return float(value)  # type: ignore[arg-type]


def _yes(reader: Reader, each: Field, node: Node) -> bool | Wrong:
    value = node.value if isinstance(node, Scalar) else None
    if not isinstance(value, bool):
        return reader.note(node, f"{each.name}: {kind(node)} where true or false is wanted", "write true or false")
    return value


def _choice(reader: Reader, each: Field, node: Node) -> str | Wrong:
    if isinstance(node, Scalar) and node.text in each.choices:
        return node.text
    word = node.text if isinstance(node, Scalar) else ""
    return reader.note(node, f"{each.name}: {kind(node)} is none of its values", choose(word, each.choices))


def _moment(reader: Reader, each: Field, node: Node) -> int | Wrong:
    text = _text(reader, each, node)
    if not isinstance(text, str):
        return text
    try:
        return duration.parse(text)
    except duration.DurationError as error:
        return reader.note(node, f"{each.name}: {error}", error.remedy)


def _duration(reader: Reader, each: Field, node: Node) -> int | Wrong:
    read = _moment(reader, each, node)
    if read == 0:
        return reader.note(node, f"{each.name}: no time at all", "write a duration above zero, or leave the key out")
    return read


def _durations(reader: Reader, each: Field, node: Node) -> tuple[int, ...] | Wrong:
    """Durations, each longer than the one before it."""
    read: list[int] = []
    for item in _list(reader, node):
        bound = _duration(reader, each, item)
        if isinstance(bound, Wrong):
            continue
        if read and bound <= read[-1]:
            return reader.note(item, f"{each.name}: {duration.show(bound)} is not longer than the one before it",
                               "write them from short to long, each once")  # fmt: skip
        read.append(bound)
    if len(read) > MAX_BUCKETS:
        return reader.note(node, f"{each.name}: {len(read)} bounds", f"use up to {MAX_BUCKETS}")
    return tuple(read) if read else reader.note(node, f"{each.name}: no bounds", f"write `{_sample(each)}`")


def _window(reader: Reader, each: Field, node: Node) -> dict[str, tuple[Node, int]] | Wrong:
    """By stage name or `all`: the node of the name and the milliseconds."""
    if not isinstance(node, Mapping):
        read = _duration(reader, each, node)
        return read if isinstance(read, Wrong) else {"all": (node, read)}
    windows: dict[str, tuple[Node, int]] = {}
    for key, (key_node, value) in node.entries.items():
        read = _duration(reader, each, value)
        if not isinstance(read, Wrong):
            windows[key] = (key_node, read)
    return windows


def _path(reader: Reader, each: Field, node: Node) -> tuple[str, ...] | Wrong:
    text = _text(reader, each, node)
    return _path_of(reader, text, node) if isinstance(text, str) else text


def _path_of(reader: Reader, text: str, node: Node) -> tuple[str, ...] | Wrong:
    if len(text) <= 200 and re.fullmatch(PATH, text):
        return tuple(text.split("."))
    return reader.note(node, f"{text[:60]!r} is no place in a touchpoint", _path_remedy(text))


def _path_remedy(text: str) -> str:
    if text == "type":
        return "write `type:` beside `where`, not in it"
    bare = text.rsplit(".", maxsplit=1)[-1]
    return f"did you mean properties.{bare}?" if re.fullmatch(r"\w{1,40}", bare) else PATH_REMEDY


def _list(reader: Reader, node: Node) -> list[Node]:
    """The items of a list; a single value counts as a list of one."""
    if isinstance(node, Scalar) and node.value is None:
        reader.note(node, "nothing where a list is wanted", "write a value, or [one, two]")
        return []
    return node.items if isinstance(node, Sequence) else [node]


def _texts(reader: Reader, each: Field, node: Node) -> tuple[str, ...]:
    read = [_text(reader, each, item) for item in _list(reader, node)]
    return tuple(text for text in read if isinstance(text, str))


def _names(reader: Reader, each: Field, node: Node) -> tuple[Word, ...]:
    words = []
    for item in _list(reader, node):
        text = _text(reader, each, item)
        if isinstance(text, str):
            words.append(Word(text, item))
    return tuple(words)


def _pair(reader: Reader, each: Field, node: Node) -> tuple[Word, Word] | Wrong:
    words = _names(reader, each, node)
    if len(words) != 2:
        return reader.note(node, f"{each.name}: {len(words)} names where two stages are wanted",
                           f"write `{_sample(each)}`")  # fmt: skip
    return words[0], words[1]


def _word(reader: Reader, each: Field, node: Node) -> Word | Wrong:
    text = _text(reader, each, node)
    return Word(text, node) if isinstance(text, str) else text


def _nested(reader: Reader, each: Field, node: Node) -> Block | Wrong:
    return reader.block(node, each.of)


def _nested_or_off(reader: Reader, each: Field, node: Node) -> Block | Wrong | None:
    """None for what is switched off."""
    if isinstance(node, Scalar) and (node.value is False or node.text == OFF):
        return None
    if not isinstance(node, Mapping):
        return reader.note(node, f"{each.name}: {kind(node)} where thresholds or `{OFF}` are wanted",
                           f"write `{_sample(each)}`, or `{each.name}: {OFF}`")  # fmt: skip
    return reader.block(node, each.of)


def _blocks(reader: Reader, each: Field, node: Node) -> tuple[Block, ...]:
    read = [reader.block(item, each.of) for item in _list(reader, node)]
    return tuple(block for block in read if isinstance(block, Block))


def _named(reader: Reader, each: Field, node: Node) -> dict[str, tuple[Node, Block]] | Wrong:
    if not isinstance(node, Mapping):
        return reader.note(node, f"{each.name}: {kind(node)} where names and their keys are wanted",
                           f"write `name: {{{BLOCKS[each.of][0].name}: …}}`")  # fmt: skip
    blocks: dict[str, tuple[Node, Block]] = {}
    for key, (key_node, value) in node.entries.items():
        name, read = _name(reader, each, key_node), reader.block(value, each.of)
        if isinstance(name, str) and isinstance(read, Block):
            blocks[key] = (key_node, read)
    return blocks


def _open(reader: Reader, each: Field, node: Node) -> dict[str, Any] | Wrong:
    if not isinstance(node, Mapping):
        return reader.note(node, f"{each.name}: {kind(node)} where names and values are wanted",
                           f"write `{_sample(each)}`")  # fmt: skip
    read: dict[str, Any] = plain(node)
    return read


def _where(reader: Reader, each: Field, node: Node) -> tuple[tuple[Condition, Node], ...] | Wrong:
    if not isinstance(node, Mapping) or not node.entries:
        return reader.note(node, f"{each.name}: {kind(node)} where conditions are wanted",
                           "write `where: {properties.price: {gte: 10}}`")  # fmt: skip
    conditions: list[tuple[Condition, Node]] = []
    for key, (key_node, value) in node.entries.items():
        path = _path_of(reader, key, key_node)
        if not isinstance(path, Wrong):
            conditions += _conditions(reader, path, value)
    return tuple(conditions)


def _conditions(reader: Reader, path: tuple[str, ...], node: Node) -> list[tuple[Condition, Node]]:
    if isinstance(node, Scalar):
        pairs: list[tuple[str, Node, Node]] = [("eq", node, node)]
    elif isinstance(node, Sequence):
        pairs = [("in", node, node)]
    else:
        pairs = [(key, key_node, value) for key, (key_node, value) in node.entries.items()]
        if not pairs:
            reader.note(node, "no operator between the braces", "write an operator, such as {gte: 10}")
    read = []
    for operator, place, value in pairs:
        if operator not in OPERATORS:
            reader.note(place, f"unknown operator {operator[:40]!r}", choose(operator, OPERATORS))
            continue
        checked = OPERANDS[operator](reader, operator, value)
        if not isinstance(checked, Wrong):
            read.append((Condition(path, operator, checked), place))  # type: ignore[arg-type]
    return read


def _single(reader: Reader, operator: str, node: Node) -> Any:
    if isinstance(node, Scalar) and node.value is not None:
        return node.value
    remedy = "write {exists: false} for a missing value" if kind(node) == "nothing" else "write a text or a number"
    return reader.note(node, f"{operator}: {kind(node)} where one value is wanted", remedy)


def _several(reader: Reader, operator: str, node: Node) -> Any:
    if not isinstance(node, Sequence):
        return reader.note(node, f"{operator}: {kind(node)} where a list is wanted", f"write `{operator}: [one, two]`")
    if not node.items:
        effect = "so the rule can never match" if operator == "in" else "so it says nothing"
        return reader.note(node, f"{operator}: the list is empty, {effect}", "name the values, or remove the condition")
    if len(node.items) > MAX_VALUES:
        return reader.note(node, f"{operator}: a list of {len(node.items)} values", f"use up to {MAX_VALUES}")
    values = [_single(reader, operator, item) for item in node.items]
    return WRONG if any(isinstance(value, Wrong) for value in values) else tuple(values)


def _ordered(reader: Reader, operator: str, node: Node) -> Any:
    """A number, or a text that begins with a digit: dates and versions compare as text."""
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.match("[0-9]", value) and not _looks_like_number(value):
        return value
    remedy = f"write a number, such as {operator}: 10, or a date, such as {operator}: 2026-01-31"
    if isinstance(node, Scalar) and _looks_like_number(node.text):
        remedy = f"write it without quotes: {operator}: {node.text.strip()}"
    return reader.note(node, f"{operator}: {kind(node)} where a number or a date is wanted", remedy)


def _looks_like_number(text: str) -> bool:
    return bool(re.fullmatch(r"\s*[-+]?[0-9]{1,30}(\.[0-9]{0,30})?\s*", text))


def _truth(reader: Reader, operator: str, node: Node) -> Any:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    return reader.note(node, f"{operator}: {kind(node)} where true or false is wanted", f"write `{operator}: true`")


def _pattern(reader: Reader, operator: str, node: Node) -> Any:
    if not isinstance(node, Scalar) or not node.text:
        return reader.note(node, f"{operator}: {kind(node)} where a regular expression is wanted",
                           "write a text, such as '^/checkout'")  # fmt: skip
    if problem := pattern_problem(node.text):
        return reader.note(node, f"{operator}: {problem}", "make it simpler, or use contains for a plain text")
    return node.text


OPERANDS: Final[dict[str, Callable[[Reader, str, Node], Any]]] = {
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

READERS: Final[dict[str, Callable[[Reader, Field, Node], Any]]] = {
    "text": _text,
    "texts": _texts,
    "name": _name,
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
    "block": _nested,
    "block_or_off": _nested_or_off,
    "blocks": _blocks,
    "named": _named,
    "open": _open,
    "where": _where,
}
