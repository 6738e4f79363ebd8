"""A YAML tree read by the table of fields: groups of keys, each value with its place, and every problem on the way.

It knows which keys a group has; single values are `tracker/journey/values.py`'s, and `tracker/journey/check.py` judges
what stages mean to each other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tracker.journey.definition import Rule
from tracker.journey.fields import BLOCKS, OFF, Field
from tracker.journey.values import VALUES, NotRead, ProblemNotes, items_of, read_name, sample
from tracker.problem import choose
from tracker.yaml_tree import Mapping, Node, Scalar, kind


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


class Reader(ProblemNotes):
    """Reads nodes and gathers problems; never stops at the first."""

    def __init__(self, *, whole: bool = True) -> None:
        super().__init__()
        self.whole = whole
        """Whether the tree is all of the file: of a part, no key can be said to be missing."""

    def block(self, node: Node, name: str) -> Block | NotRead:
        """The values of a group of keys, as the table says; unknown and missing keys are noted."""
        if not isinstance(node, Mapping):
            example = next((f"{each.name}: …" for each in BLOCKS[name]), "")
            return self.note(node, f"expected a group of keys, found {kind(node)}", f"write keys such as `{example}`")
        fields = {each.name: each for each in BLOCKS[name]}
        block = Block(node)
        for key, (key_node, value) in node.entries.items():
            if key not in fields:
                self.note(key_node, f"unknown key {key[:60]!r} in {TITLES[name]}", choose(key, fields))
                continue
            block.nodes[key] = value
            read = READERS[fields[key].kind](self, fields[key], value)
            if not isinstance(read, NotRead):
                block.values[key] = read
        for each in BLOCKS[name]:
            if self.whole and each.required and each.name not in node.entries:
                self.note(node, f"{TITLES[name]} lacks the key {each.name!r}", f"add `{sample(each)}`")
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


def _nested(reader: Reader, each: Field, node: Node) -> Block | NotRead:
    return reader.block(node, each.of)


def _nested_or_off(reader: Reader, each: Field, node: Node) -> Block | NotRead | None:
    """None for what is switched off."""
    if isinstance(node, Scalar) and (node.value is False or node.text == OFF):
        return None
    if not isinstance(node, Mapping):
        return reader.note(node, f"{each.name}: expected thresholds or `{OFF}`, found {kind(node)}",
                           f"write `{sample(each)}`, or `{each.name}: {OFF}`")  # fmt: skip
    return reader.block(node, each.of)


def _blocks(reader: Reader, each: Field, node: Node) -> tuple[Block, ...]:
    read = [reader.block(item, each.of) for item in items_of(reader, node)]
    return tuple(block for block in read if isinstance(block, Block))


def _named(reader: Reader, each: Field, node: Node) -> dict[str, tuple[Node, Block]] | NotRead:
    if not isinstance(node, Mapping):
        return reader.note(node, f"{each.name}: expected names and their keys, found {kind(node)}",
                           f"write `name: {{{BLOCKS[each.of][0].name}: …}}`")  # fmt: skip
    blocks: dict[str, tuple[Node, Block]] = {}
    for key, (key_node, value) in node.entries.items():
        name, read = read_name(reader, each, key_node), reader.block(value, each.of)
        if isinstance(name, str) and isinstance(read, Block):
            blocks[key] = (key_node, read)
    return blocks


READERS: Final[dict[str, Callable[[Reader, Field, Node], Any]]] = {
    **VALUES,
    "block": _nested,
    "block_or_off": _nested_or_off,
    "blocks": _blocks,
    "named": _named,
}
