"""The reference of all messages as Markdown tables, made from the published schemas, so that they agree."""

from collections.abc import Iterator
from typing import Any, Final

from schemas.properties import BY_CHANNEL
from schemas.topics import topics
from streams.wire import schema as wire_schema

Schema = dict[str, Any]

WORDS: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "any names and values",
    "array": "a list of texts",
    "null": "null",
}
REFERENCES: Final = {
    "moment": "RFC 3339 with an offset, or milliseconds since 1970",
    "Place": "see Place",
    "Why": "see Why",
}


def reference() -> str:
    """All messages with their fields, then the topics."""
    parts: list[str] = []
    for name in wire_schema.MESSAGES:
        schema = wire_schema.document(name)
        parts.append(_table(schema["title"], schema))
        inner = [each for each in schema.get("$defs", {}).values() if each.get("title")]
        parts += [_table(_heading(each["title"]), each) for each in inner]
    return "\n".join([*parts, *_topics()])


def _heading(title: str) -> str:
    channel = next((name for name, kind in BY_CHANNEL.items() if kind.__name__ == title), None)
    return f"Properties of `{channel}`" if channel else title


def _table(heading: str, schema: Schema) -> str:
    needed = set(schema.get("required", ()))
    rows = [
        f"| `{name}`{' (needed)' if name in needed else ''} | {_shape(field)} | {field.get('description', '')} |"
        for name, field in schema["properties"].items()
    ]
    head = [f"### {heading}", "", schema["description"], ""]
    return "\n".join([*head, "| field | value | meaning |", "|---|---|---|", *rows, ""])


def _shape(field: Schema) -> str:
    if "$ref" in field:
        return REFERENCES[field["$ref"].rpartition("/")[2]]
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    branches = field.get("anyOf", [])
    if branches and "type" not in field:
        return " or ".join(_shape(branch) for branch in branches if branch != {"type": "null"})
    words = WORDS[field["type"]]
    limits = {"maxLength": "of at most {} characters", "contentEncoding": "in {}"}
    return " ".join([words, *(text.format(field[key]) for key, text in limits.items() if key in field)])


def _topics() -> Iterator[str]:
    yield from ("### Topics", "", "| topic | key | content | kept |", "|---|---|---|---|")
    for topic in topics():
        yield f"| `{topic.name}` | {topic.key} | {topic.content} | {topic.retention_days} days |"
    yield ""
