"""Whether a changed JSON Schema still accepts everything that the old one accepted, and where it does not.

For messages that come in, the new schema must accept what producers send by the old one (backward compatible). For
messages that go out, the old schema of a consumer must accept what is sent by the new one (forward compatible): call
`narrowings` with its arguments exchanged. What cannot be compared counts as a narrowing.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from tracker import paths

Schema = dict[str, Any]

ANNOTATIONS: Final = frozenset(
    {"$comment", "$defs", "$id", "$schema", "default", "deprecated", "description", "examples", "title"}
)
UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
COMPARED: Final = frozenset(
    {
        *UPPER,
        *LOWER,
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "enum",
        "items",
        "properties",
        "required",
        "type",
    }
)
NAMES: Final = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null", list: "array"}


class Narrowing(NamedTuple):
    """One place where something is refused that was accepted before."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or '$'}: {self.message}"


def narrowings(before: Schema, now: Schema) -> list[Narrowing]:
    """Every place where `now` refuses what `before` accepts; empty where `now` may replace it.

    A name that the old schema did not mention may get a schema: nobody could rely on it.
    """
    return list(_refused(_plain(before, before), _plain(now, now), "$"))


def _plain(node: Any, root: Schema, within: tuple[str, ...] = ()) -> Any:
    """The schema with its references resolved and without annotations."""
    if isinstance(node, list):
        return [_plain(item, root, within) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if reference is not None:
        if reference in within:
            raise ValueError(f"{reference} refers to itself, which is not compared")
        target = root
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _both(_plain(target, root, (*within, reference)), _plain(rest, root, within))
    plain = {key: _plain(value, root, within) for key, value in node.items() if key not in ANNOTATIONS | {"properties"}}
    if "properties" in node:
        # These are names of fields, which may equal those of annotations.
        plain["properties"] = {name: _plain(value, root, within) for name, value in node["properties"].items()}
    return plain


def _both(one: Schema, other: Schema) -> Schema:
    """Both schemas as one; where both have a keyword, the second one's is taken."""
    merged = {**one, **other}
    if "required" in one and "required" in other:
        merged["required"] = sorted({*one["required"], *other["required"]})
    if "properties" in one and "properties" in other:
        shared = one["properties"].keys() & other["properties"].keys()
        both = {name: _both(one["properties"][name], other["properties"][name]) for name in shared}
        merged["properties"] = {**one["properties"], **other["properties"], **both}
    return merged


def _alternatives(schema: Schema) -> list[Schema]:
    """The schema as alternatives of which one must hold, each with a single type."""
    if "anyOf" in schema:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return [each for branch in schema["anyOf"] for each in _alternatives(_both(rest, branch))]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": name} for name in schema["type"]]
    return [schema]


def _refused(before: Any, now: Any, path: str) -> Iterator[Narrowing]:
    before, now = ({} if each is True else each for each in (before, now))
    if before is False or now in (before, {}):
        return
    if now is False:
        yield Narrowing(path, "is no longer allowed")
        return
    choices = _alternatives(now)
    for one in _alternatives(before):
        attempts = [list(_by_rules(one, choice, path)) for choice in choices]
        if all(attempts):
            # The alternative with the fewest narrowings is the most helpful to report.
            yield from min(attempts, key=len)


def _by_rules(before: Schema, now: Schema, path: str) -> Iterator[Narrowing]:
    for rule in RULES:
        yield from rule(before, now, path)


def _types(before: Schema, now: Schema, path: str) -> Iterator[Narrowing]:
    values = before.get("enum", [before["const"]] if "const" in before else None)
    found = [before["type"]] if "type" in before else [NAMES.get(type(value), "object") for value in values or ()]
    wanted = now.get("type")
    if wanted is None:
        return
    if not found:
        yield Narrowing(path, f"could be anything and must be {wanted} now")
    for name in dict.fromkeys(found):
        if name != wanted and (name, wanted) != ("integer", "number"):
            yield Narrowing(path, f"could be {name} and must be {wanted} now")


def _values(before: Schema, now: Schema, path: str) -> Iterator[Narrowing]:
    allowed = now.get("enum", [now["const"]] if "const" in now else None)
    if allowed is None:
        return
    given = before.get("enum", [before["const"]] if "const" in before else None)
    if given is None:
        yield Narrowing(path, f"must be one of {allowed} now")
        return
    gone = [value for value in given if value not in allowed]
    if gone:
        yield Narrowing(path, f"may no longer be {', '.join(map(repr, gone))}")


def _bounds(before: Schema, now: Schema, path: str) -> Iterator[Narrowing]:
    for words, is_tighter in ((UPPER, float.__lt__), (LOWER, float.__gt__)):
        for word in words:
            if word in now and (word not in before or is_tighter(float(now[word]), float(before[word]))):
                was = before.get(word, "free")
                yield Narrowing(path, f"{word} is {now[word]} and was {was}")


def _others(before: Schema, now: Schema, path: str) -> Iterator[Narrowing]:
    """Keywords that are compared only as a whole: patterns, formats, `not`."""
    for word in now.keys() - COMPARED - {"if", "then", "else"}:
        if word not in before:
            yield Narrowing(path, f"{word} was added: {now[word]}")
        elif before[word] != now[word]:
            yield Narrowing(path, f"{word} was changed from {before[word]} to {now[word]}")


def _fields(before: Schema, now: Schema, path: str) -> Iterator[Narrowing]:
    for name in sorted({*now.get("required", ())} - {*before.get("required", ())}):
        yield Narrowing(f"{path}.{paths.show((name,))}", "is required now")
    was, rest, rest_now = (
        before.get("properties", {}),
        before.get("additionalProperties", {}),
        now.get("additionalProperties", {}),
    )
    for name, schema in now.get("properties", {}).items():
        if name in was:
            yield from _refused(was[name], schema, f"{path}.{paths.show((name,))}")
        elif rest not in ({}, True):
            yield from _refused(rest, schema, f"{path}.{paths.show((name,))}")
    for name in was.keys() - now.get("properties", {}).keys():
        yield from _refused(was[name], rest_now, f"{path}.{paths.show((name,))}")
    yield from _refused(rest, rest_now, f"{path}.*")


def _items(before: Schema, now: Schema, path: str) -> Iterator[Narrowing]:
    yield from _refused(before.get("items", {}), now.get("items", {}), f"{path}[]")


def _conditions(before: Schema, now: Schema, path: str) -> Iterator[Narrowing]:
    """`allOf`, whose parts may be conditions: those with the same `if` are compared by `then` and `else`."""
    parts = before.get("allOf", [])
    for part in now.get("allOf", []):
        if part in parts:
            continue
        if "if" not in part:
            yield from _refused(before, part, path)
            continue
        same = [each for each in parts if each.get("if") == part["if"]]
        if not same:
            yield Narrowing(path, f"a condition was added: if {part['if']}")
        for word in ("then", "else") if same else ():
            yield from _refused(same[0].get(word, {}), part.get(word, {}), path)


Rule = Callable[[Schema, Schema, str], Iterator[Narrowing]]
RULES: Final[tuple[Rule, ...]] = (_types, _values, _bounds, _others, _fields, _items, _conditions)
