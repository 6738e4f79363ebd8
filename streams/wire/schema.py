"""The published JSON Schemas (2020-12) of all messages, made from the classes that decode them.

Types, names and required fields come from the classes, descriptions from their docstrings. The decoder's checks beyond
types are added: ids that stand for no id, times outside of the calendar. tests/house/pages.py writes the files.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from schemas.properties import BY_CHANNEL
from schemas.rejection import Rejection
from schemas.topics import CHANNELS
from schemas.touchpoint import ALIAS_KINDS, MAX_ID_BYTES, Touchpoint
from schemas.transition import Transition
from tracker.identity.kinds import SCOPED
from tracker.identity.placeholders import FORMS
from tracker.journey.schema import DIALECT
from tracker.planning.decode import EARLIEST_MS, LATEST_MS

Schema = dict[str, Any]

# From 1980 on, and with an offset: without one, the time is another moment in each time zone.
MOMENT: Final = (
    r"^(19[89][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])$"
)
EXAMPLE: Final = {
    "schema": "touchpoint/1",
    "event_id": "order/1001/paid",
    "type": "Order Completed",
    "channel": "shop",
    "occurred_at": "2026-11-22T10:00:00Z",
    "ids": {"customer_id": "c-17"},
    "properties": {"order_id": "1001", "status": "paid", "amount": 49.9, "currency": "EUR"},
    "context": {"campaign": "spring"},
}


class MessageSchema(NamedTuple):
    """One kind of message, and the additions to the schema of its class."""

    kind: type
    amend: Callable[[Schema], None]
    comes_in: bool
    """Whether other programs send it to the tracker (True) or read it: this decides which changes are compatible."""


def document(name: str) -> Schema:
    """The JSON Schema as it is published, by the name in MESSAGES."""
    message = MESSAGES[name]
    (reference,), components = msgspec.json.schema_components([message.kind], ref_template="#/$defs/{name}")
    defs = {title: _described(title, schema) for title, schema in components.items()}
    body = defs.pop(reference["$ref"].rpartition("/")[2])
    schema: Schema = {"$schema": DIALECT, "$id": f"{name}.schema.json", **body}
    if defs:
        schema["$defs"] = defs
    # An empty list of required fields is left out.
    schema = {key: value for key, value in schema.items() if key != "required" or value}
    message.amend(schema)
    # Defaults are Python values, such as tuples; the round trip makes them JSON.
    return msgspec.json.decode(msgspec.json.encode(schema), type=dict)


def components(*names: str) -> Schema:
    """These schemas and all that they refer to, side by side, with references from the root of the document."""
    found: Schema = {}
    for name in names:
        schema = document(name)
        inner = schema.pop("$defs", {})
        for each in ("$schema", "$id"):
            del schema[each]
        found |= {name: schema, **inner}
    return {name: _moved(schema) for name, schema in found.items()}


def _moved(node: Any) -> Any:
    if isinstance(node, list):
        return [_moved(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _moved(value)
        for key, value in node.items()
    }


def _described(title: str, schema: Schema) -> Schema:
    """The schema of a class with the docstrings of the class and its fields as descriptions."""
    kind = next(each for each in _classes() if each.__name__ == title)
    described = dict(field_docs(kind))
    schema["description"] = " ".join((inspect.getdoc(kind) or "").split())
    schema["properties"] = {
        name: {**({"description": described[name]} if name in described else {}), **field}
        for name, field in schema["properties"].items()
    }
    return schema


def field_docs(kind: type) -> Iterator[tuple[str, str]]:
    """Each field with the docstring below it, read from the source, since the class does not keep it."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    name = ""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            yield name, " ".join(str(node.value.value).split())
            name = ""


def _of_touchpoint(schema: Schema) -> None:
    fields = schema["properties"]
    fields["schema"] |= {"pattern": r"^touchpoint/1(\.|$)"}
    fields["channel"]["examples"] = list(CHANNELS)
    moment = {
        "anyOf": [
            {"type": "string", "format": "date-time", "pattern": MOMENT},
            {"type": "integer", "minimum": EARLIEST_MS, "maximum": LATEST_MS},
        ]
    }
    for name in ("occurred_at", "sent_at", "received_at"):
        fields[name]["anyOf"] = [{"$ref": "#/$defs/moment"}, *fields[name]["anyOf"][2:]]
    fields["occurred_at"] = {"description": fields["occurred_at"]["description"], "$ref": "#/$defs/moment"}
    fields["ids"] |= _ids()
    schema["$defs"] = {"moment": moment, "id": _id()}
    schema["allOf"] = list(_by_channel(schema["$defs"]))
    schema["examples"] = [EXAMPLE]


def _ids() -> Schema:
    one = {"type": ["string", "integer", "null"]}
    scoped = f"^{SCOPED.pattern}$"
    # A scoped key counts where not every scoped key has a value that is no id.
    no_scoped_id = {"patternProperties": {scoped: {"not": {"$ref": "#/$defs/id"}}}}
    return {
        "properties": {kind: {**one, "maxLength": MAX_ID_BYTES} for kind in ALIAS_KINDS},
        "patternProperties": {scoped: {**one, "maxLength": MAX_ID_BYTES}},
        "additionalProperties": one,
        "anyOf": [
            *({"required": [kind], "properties": {kind: {"$ref": "#/$defs/id"}}} for kind in ALIAS_KINDS),
            {"not": no_scoped_id},
        ],
    }


def _id() -> Schema:
    # What producers send when they have no id, in upper or lower case. The hashes of such texts are too many to list.
    forms = "|".join(_either_case(form) for form in FORMS)
    return {
        "anyOf": [
            {"type": "string", "maxLength": MAX_ID_BYTES, "not": {"pattern": rf"^\s*(?:{forms})\s*$"}},
            {"type": "integer", "not": {"enum": [0, -1]}},
        ]
    }


def _either_case(pattern: str) -> str:
    """The pattern for capital letters too: a schema's patterns have no flags."""

    def either(found: re.Match[str]) -> str:
        part = found[0]
        if part[0] == "[":
            return part.replace("a-z", "a-zA-Z")
        return part if part[0] == "\\" else f"[{part}{part.upper()}]"

    return re.sub(r"\\.|\[(?:\\.|[^\]])*\]|[a-z]", either, pattern)


def _by_channel(defs: Schema) -> Iterator[Schema]:
    for channel, kind in BY_CHANNEL.items():
        _, components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
        defs |= {title: _described(title, schema) for title, schema in components.items()}
        for schema in components.values():
            schema.pop("required", None)
        wanted = {"properties": {"channel": {"const": channel}}, "required": ["channel"]}
        properties = {"anyOf": [{"$ref": f"#/$defs/{kind.__name__}"}, {"type": "null"}]}
        yield {"if": wanted, "then": {"properties": {"properties": properties}}}


def _of_output(schema: Schema) -> None:
    """Nothing beyond the class."""


MESSAGES: Final[dict[str, MessageSchema]] = {
    "touchpoint": MessageSchema(Touchpoint, _of_touchpoint, comes_in=True),
    "rejection": MessageSchema(Rejection, _of_output, comes_in=False),
    "transition": MessageSchema(Transition, _of_output, comes_in=False),
}


def _classes() -> Iterator[type]:
    for kind in (*(message.kind for message in MESSAGES.values()), *BY_CHANNEL.values()):
        yield kind
        yield from (each for each in inspect.getmodule(kind).__dict__.values() if _is_structure(each))


def _is_structure(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, msgspec.Struct)
