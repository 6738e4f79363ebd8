"""The JSON Schema (2020-12) of journey files, for editors, and the reference table of their keys.

Both are made from the table of fields, which the reader uses too.
"""

from collections.abc import Callable
from typing import Any, Final

from tracker import duration, paths
from tracker.journey.fields import (
    BLOCKS,
    MAX_BUCKETS,
    MAX_SEGMENT_VALUES,
    MAX_SEGMENTS,
    MAX_STAGES,
    OFF,
    OPERATORS,
    Field,
)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DURATION: Final = {"type": "string", "pattern": duration.SHAPE.replace("^", "^(?=.)", 1)}
TEXT: Final = {"type": ["string", "number", "boolean"]}
"""A text without quotes may look like a number to an editor; the reader takes it as text."""
VALUE: Final = {"type": ["string", "number", "boolean"]}
# Names may have letters of any script, and dialects of regular expressions have no common class for them. So the
# pattern excludes ASCII characters that are not allowed; `tracker check` judges the others.
_EDGE: Final = r"[^\x00-/:-@\[-`{-\x7f]"
NAME_HERE: Final = rf"^{_EDGE}([^\x00-\x1f!-%'-*,:-@\[-^`{{-\x7f]{{0,62}}{_EDGE})?$"

HEADINGS: Final = {
    "journey": "The journey",
    "stage": "A stage",
    "rule": "A touchpoint rule",
    "funnel": "The funnel",
    "exclusion": "An exclusion",
    "segment": "A segment",
    "accounts": "The accounts",
    "buckets": "The buckets",
    "survey": "A question of feedback",
    "alerts": "The alerts",
    "drop_off": "The alert `drop_off`",
    "conversion_fall": "The alert `conversion_fall`",
    "stalled": "The alert `stalled`",
    "example": "An example",
    "given": "A given touchpoint",
    "expect": "What is expected",
}


def document() -> dict[str, Any]:
    """The JSON Schema as it is published."""
    return {
        "$schema": DIALECT,
        "$id": "journey.schema.json",
        "title": "Journey definition",
        **_block("journey"),
        "$defs": {
            **{name: _block(name) for name in BLOCKS if name != "journey"},
            "where": _where(),
            "name": {"type": ["string", "number"], "pattern": NAME_HERE},
            "duration": DURATION,
        },
    }


def reference() -> str:
    """All keys as Markdown tables, block by block."""
    return "\n".join(_table(name) for name in BLOCKS) + "\n" + _operators()


def _block(name: str) -> dict[str, Any]:
    required = [each.name for each in BLOCKS[name] if each.required]
    return {
        "type": "object",
        "properties": {each.name: _field(each) for each in BLOCKS[name]},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _field(each: Field) -> dict[str, Any]:
    return {"description": each.meaning, **SHAPES[each.kind](each)}


def _one_or_many(item: dict[str, Any], **limits: int) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "array", "items": item, **limits}]}


def _where() -> dict[str, Any]:
    values = {"type": "array", "items": VALUE, "minItems": 1}
    operands: dict[str, Any] = {"in": values, "not_in": values, "exists": {"type": "boolean"}}
    operands |= {name: {"type": ["number", "string"]} for name in ("gt", "gte", "lt", "lte")}
    operands["matches"] = {"type": "string", "format": "regex"}
    operators = {
        "type": "object",
        "properties": {name: {"description": words, **operands.get(name, VALUE)} for name, words in OPERATORS.items()},
        "additionalProperties": False,
        "minProperties": 1,
    }
    condition = {"anyOf": [VALUE, values, operators]}
    return {
        "type": "object",
        "patternProperties": {paths.SHAPE: condition},
        "additionalProperties": False,
        "minProperties": 1,
    }


def _blocks(each: Field) -> dict[str, Any]:
    return _one_or_many(_ref(each.of), **({"maxItems": MAX_STAGES, "minItems": 1} if each.of == "stage" else {}))


def _named(each: Field) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": {"pattern": NAME_HERE},
        "additionalProperties": _ref(each.of),
        "maxProperties": MAX_SEGMENTS,
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _window(_: Field) -> dict[str, Any]:
    return {"anyOf": [_ref("duration"), {"type": "object", "additionalProperties": _ref("duration")}]}


def _whole(each: Field) -> dict[str, Any]:
    return {"type": "integer", "minimum": each.smallest, "maximum": each.largest}


def _number(each: Field) -> dict[str, Any]:
    return {"type": "number", "minimum": each.smallest, "maximum": each.largest}


def _always(shape: dict[str, Any]) -> Callable[[Field], dict[str, Any]]:
    return lambda _: shape


SHAPES: Final[dict[str, Callable[[Field], dict[str, Any]]]] = {
    "text": _always(TEXT),
    "texts": _always(_one_or_many(TEXT)),
    "name": _always(_ref("name")),
    "names": _always(_one_or_many(TEXT, maxItems=MAX_SEGMENT_VALUES)),
    "count": _whole,
    "whole": _whole,
    "number": _number,
    "yes": _always({"type": "boolean"}),
    "choice": lambda each: {"enum": list(each.choices)},
    "moment": _always(_ref("duration")),
    "duration": _always(_ref("duration")),
    "durations": _always(_one_or_many(_ref("duration"), maxItems=MAX_BUCKETS, minItems=1)),
    "window": _window,
    "path": _always({"type": "string", "pattern": paths.SHAPE}),
    "pair": _always({"type": "array", "items": _ref("name"), "minItems": 2, "maxItems": 2}),
    "attribution": _always(_ref("name")),
    "stage_name": _always(_ref("name")),
    "stage_names": _always(_one_or_many(_ref("name"))),
    "block": lambda each: _ref(each.of),
    "block_or_off": lambda each: {"anyOf": [_ref(each.of), {"enum": [False, OFF]}]},
    "blocks": _blocks,
    "named": _named,
    "open": _always({"type": "object"}),
    "where": _always(_ref("where")),
}


def _table(name: str) -> str:
    rows = [
        f"| `{each.name}`{' (needed)' if each.required else ''} | {_shape_in_words(each)} | {_cell(each)} |"
        for each in BLOCKS[name]
    ]
    return "\n".join([f"### {HEADINGS[name]}", "", "| key | value | meaning |", "|---|---|---|", *rows, ""])


def _cell(each: Field) -> str:
    parts = [each.meaning]
    if each.default:
        parts.append(f"left out: {each.default}")
    if each.example:
        parts.append(f"for example `{each.example}`")
    return "; ".join(parts).replace("|", "\\|")


def _shape_in_words(each: Field) -> str:
    if each.kind == "choice":
        return " or ".join(f"`{choice}`" for choice in each.choices)
    if each.kind in ("whole", "count"):
        return f"a whole number, {each.smallest} to {each.largest}"
    if each.kind == "number":
        return f"a number, {each.smallest:g} to {each.largest:g}"
    return WORDS[each.kind].format(of=HEADINGS.get(each.of, "").split(" ", 1)[-1])


WORDS: Final = {
    "text": "a text",
    "texts": "a text or a list of texts",
    "name": "a name",
    "names": "a list of names",
    "yes": "`true` or `false`",
    "moment": "a duration",
    "duration": "a duration",
    "durations": "durations, from short to long",
    "window": "a duration, or one for each stage",
    "path": "a place in the touchpoint",
    "pair": "two stages",
    "attribution": "`first`, `last` or a stage",
    "stage_name": "a stage",
    "stage_names": "a list of stages",
    "block": "keys, see {of}",
    "block_or_off": "keys, see {of}; or `off`",
    "blocks": "a list, see {of}",
    "named": "a name for each, see {of}",
    "open": "any names and values",
    "where": "conditions, see operators",
}


def _operators() -> str:
    rows = [f"| `{name}` | the value {words} |" for name, words in OPERATORS.items()]
    return "\n".join(["### Operators in `where`", "", "| operator | holds when |", "|---|---|", *rows, ""])
