"""YAML text as a small tree in which every node knows its line and column.

It reads what a hand-written file needs: one document, text keys, YAML 1.2 values (`NO` is a word, not false).
Size, depth and the expansion of aliases are bounded, so no text takes long.
It knows nothing of journeys.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from tracker.problem import Problem

MAX_BYTES: Final = 256 * 1024
"""The longest template has 10 kB; a file this size takes about a second."""
MAX_DEPTH: Final = 20
MAX_NODES: Final = 50_000

NULL: Final = re.compile(r"null|Null|NULL|~|")
TRUE: Final = re.compile(r"true|True|TRUE")
FALSE: Final = re.compile(r"false|False|FALSE")
WHOLE: Final = re.compile(r"[-+]?[0-9]+")
DECIMAL: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
WORDS_OF_YAML: Final = ("tag:yaml.org,2002:str", "!")


@dataclass(slots=True, eq=False)
class Scalar:
    """A single value as written."""

    line: int
    column: int
    text: str
    quoted: bool

    @property
    def value(self) -> Any:
        """What the text means in YAML 1.2: None, a truth value, a number or the text itself."""
        return self.text if self.quoted else plain_value(self.text)


@dataclass(slots=True, eq=False)
class Sequence:
    """A list."""

    line: int
    column: int
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Mapping:
    """Keys and their values, in the order written; of a key written twice only the first is kept."""

    line: int
    column: int
    entries: dict[str, tuple[Scalar, "Node"]] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


class YamlError(Exception):
    """A text that is not YAML to its end; `problem` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.root: Node | None = None
        """The tree of the text before that place."""
        self.problems: list[Problem] = []
        """Problems before that place."""


def plain_value(text: str) -> Any:
    """The value of an unquoted word by the YAML 1.2 core schema; dates stay text."""
    if NULL.fullmatch(text):
        return None
    if TRUE.fullmatch(text) or FALSE.fullmatch(text):
        return bool(TRUE.fullmatch(text))
    if len(text) <= 40 and WHOLE.fullmatch(text):
        return int(text)
    if len(text) <= 40 and DECIMAL.fullmatch(text):
        return float(text)
    return text


def plain(node: Node) -> Any:
    """A node as plain Python: dict, list, str, int, float, bool, None."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, (_, value) in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def kind(node: Node) -> str:
    """A node in words, for a message."""
    if isinstance(node, Mapping):
        return "a group of keys"
    if isinstance(node, Sequence):
        return "a list"
    value = node.value
    if value is None:
        return "nothing"
    return f"{node.text[:40]!r}" if isinstance(value, str) else node.text[:40]


def grow(text: str) -> tuple[Node | None, list[Problem]]:
    """The tree of a text, and its problems (keys written twice); None where there are only comments.

    Raises YamlError where the text is not YAML.
    """
    grower = _TreeBuilder()
    try:
        _feed(grower, text)
    except YamlError as error:
        error.root, error.problems = grower.root, grower.problems
        raise
    return grower.root, grower.problems


def _feed(grower: "_TreeBuilder", text: str) -> None:
    try:
        for event in yaml.parse(text.removeprefix("\ufeff"), Loader=yaml.SafeLoader):
            grower.take(event)
    except yaml.MarkedYAMLError as error:
        raise YamlError(_syntax_problem(error)) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"a character that YAML does not allow: U+{ord(text[error.position]):04X}"
        raise YamlError(Problem(line, column, message, "remove the invisible character")) from None


@dataclass(slots=True)
class _Open:
    """A list or group that has begun and not yet ended."""

    node: Sequence | Mapping
    anchor: str | None
    nodes_before: int
    key: Scalar | None = None
    """The key that waits for its value."""


class _TreeBuilder:
    """Turns the parser's events into nodes, without recursion."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        """By name: the node of an anchor, and how many nodes it has."""
        self.count = 0
        self.documents = 0

    def take(self, event: yaml.Event) -> None:
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise _stop(line, column, "a second document begins here", "keep one journey per file; remove the ---")
        elif isinstance(event, yaml.ScalarEvent):
            _refuse_tag(event.tag, line, column)
            quoted = event.style is not None or event.tag in WORDS_OF_YAML
            self._anchored(Scalar(line, column, event.value, quoted), event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor or "", line, column)
        elif isinstance(event, yaml.SequenceStartEvent):
            _refuse_tag(event.tag, line, column)
            self._enter(Sequence(line, column), event.anchor)
        elif isinstance(event, yaml.MappingStartEvent):
            _refuse_tag(event.tag, line, column)
            self._enter(Mapping(line, column), event.anchor)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            self._leave()

    def _anchored(self, scalar: Scalar, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = (scalar, 1)
        self._place(scalar)

    def _enter(self, node: Sequence | Mapping, anchor: str | None) -> None:
        if len(self.open) >= MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
            raise _stop(node.line, node.column, message, "close the brackets; a journey needs no more than eight")
        self._place(node)
        self.open.append(_Open(node, anchor, self.count))
        # An anchor is known only when its node is complete, so no node can contain itself.
        self.anchors.pop(anchor or "", None)

    def _leave(self) -> None:
        closed = self.open.pop()
        if closed.anchor:
            self.anchors[closed.anchor] = (closed.node, self.count - closed.nodes_before + 1)

    def _alias(self, name: str, line: int, column: int) -> None:
        if name not in self.anchors:
            raise _stop(line, column, f"*{name[:40]} refers to nothing", f"put &{name[:40]} before what is meant")
        node, size = self.anchors[name]
        self.count += size - 1
        self._place(node)

    def _place(self, node: Node) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            raise _stop(node.line, node.column, f"more than {MAX_NODES} values", "split the journey into several files")
        if not self.open:
            self.root = node
            return
        inner = self.open[-1]
        if isinstance(inner.node, Sequence):
            inner.node.items.append(node)
        elif inner.key is None:
            inner.key = _key(node)
        else:
            self._entry(inner.node, inner.key, node)
            inner.key = None

    def _entry(self, parent: Mapping, key: Scalar, node: Node) -> None:
        if key.text not in parent.entries:
            parent.entries[key.text] = (key, node)
            return
        first = parent.entries[key.text][0].line
        message = f"the key {key.text[:80]!r} is here twice; the first is on line {first}"
        self.problems.append(Problem(key.line, key.column, message, "keep one of the two"))


def _key(node: Node) -> Scalar:
    if isinstance(node, Scalar):
        return node
    raise _stop(node.line, node.column, "a key must be a single word", "put the key before the colon in plain text")


def _refuse_tag(tag: str | None, line: int, column: int) -> None:
    if tag is not None and tag not in WORDS_OF_YAML:
        raise _stop(line, column, f"the tag {tag[:60]!r} is not used here", "remove the word with the !")


def _stop(line: int, column: int, message: str, remedy: str) -> YamlError:
    return YamlError(Problem(line, column, message, remedy))


# By message of the parser: the problem and remedy for the author of the file. The first match is taken.
SYNTAX: Final = (
    (r"character '\\t'", "a tab where YAML wants spaces", "indent with spaces only"),
    (r"mapping values are not allowed", "a colon where no key can be",
     "put quotes around a text that contains ': ', and begin each key on a line of its own"),
    (r"expected <block end>", "the indentation does not fit the lines above",
     "begin the keys of one group in the same column"),
    (r"could not find expected ':'", "a key without a colon", "write `key: value`"),
    (r"while scanning a quoted scalar|unexpected end of stream", "a text in quotes does not end",
     "close the quotes"),
    (r"expected ',' or '[\]}]'", "a list or group in brackets is not closed, or lacks a comma",
     "separate with commas and close the bracket"),
    (r"character '@'|character '`'|character '%'", "a text begins with a character that YAML keeps for itself",
     "put the text in quotes"),
    (r"undefined alias", "a * refers to nothing", "put the text in quotes, or name the part with &"),
    (r"alphabetic or numeric character", "a * or & without a name", "put the text in quotes"),
)  # fmt: skip


def _syntax_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = f"{error.context or ''} {error.problem or ''}".strip()
    for pattern, message, remedy in SYNTAX:
        if re.search(pattern, said):
            return Problem(line, column, message, remedy)
    return Problem(line, column, f"no YAML: {said}", "see the lines around this place")
