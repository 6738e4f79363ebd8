import copy

import pytest

from tracker.tracking_plans.compatibility import narrowings

BEFORE = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "maxLength": 128},
        "amount": {"type": "integer", "minimum": 0},
        "at": {"anyOf": [{"$ref": "#/$defs/moment"}, {"type": "integer"}]},
        "note": {"type": ["string", "null"], "description": "free"},
        "kind": {"enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "ids": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
    },
    "required": ["id", "at"],
    "allOf": [{"if": {"properties": {"id": {"const": "x"}}}, "then": {"properties": {"amount": {"maximum": 9}}}}],
    "$defs": {"moment": {"type": "string", "format": "date-time"}},
}


def changed(path: str, **words) -> dict:
    """BEFORE with some words put in place of others; a word of None is taken out."""
    now = copy.deepcopy(BEFORE)
    node = now
    for part in filter(None, path.split(".")):
        node = node[int(part)] if isinstance(node, list) else node[part]
    node.update(words)
    for word in [word for word, value in words.items() if value is None]:
        del node[word]
    return now


@pytest.mark.parametrize(
    "now",
    [
        BEFORE,
        {},
        True,
        changed("", required=["id"]),
        changed("properties.id", maxLength=256),
        changed("properties.id", maxLength=None, description="of the event"),
        changed("properties.amount", type="number"),
        changed("properties.amount", type=["integer", "string"]),
        changed("properties.kind", enum=["b", "c", "a"]),
        changed("properties.at", anyOf=[{"type": "integer"}, {"type": "null"}, {"$ref": "#/$defs/moment"}]),
        changed("$defs.moment", format=None),
        changed("properties", colour={"type": "string"}),
        changed("properties", note=None),
        changed("properties.ids", properties={"customer": {"type": ["string", "integer", "null"]}}),
        changed("allOf.0.then.properties.amount", maximum=10),
        changed("", allOf=[]),
    ],
)
def test_what_only_widens_may_take_its_place(now) -> None:
    """Fewer needed fields, wider types and bounds, more values, new optional fields: all that was sent is read."""
    assert narrowings(BEFORE, now) == []


@pytest.mark.parametrize(
    ("now", "narrowing"),
    [
        (changed("", required=["id", "at", "kind"]), "$.kind: is required now"),
        (changed("properties.id", type="integer", maxLength=None), "$.id: could be string and must be integer now"),
        (changed("properties.id", maxLength=64), "$.id: maxLength is 64 and was 128"),
        (changed("properties.id", pattern="^e"), "$.id: pattern was added: ^e"),
        (changed("properties.amount", minimum=1), "$.amount: minimum is 1 and was 0"),
        (changed("properties.note", type="string"), "$.note: could be null and must be string now"),
        (changed("properties.kind", enum=["a"]), "$.kind: may no longer be 'b'"),
        (changed("properties.kind", enum=None, type="integer"), "$.kind: could be string and must be integer now"),
        (changed("properties.kind", enum=None, const="a"), "$.kind: may no longer be 'b'"),
        (changed("properties.id", enum=["a"]), "$.id: must be one of ['a'] now"),
        (changed("properties.at", anyOf=[{"$ref": "#/$defs/moment"}]), "$.at: could be integer and must be string now"),
        (changed("$defs.moment", format="date"), "$.at: format was changed from date-time to date"),
        (changed("properties.tags", items={"type": "integer"}), "$.tags[]: could be string and must be integer now"),
        (changed("", additionalProperties=False), "$.*: is no longer allowed"),
        (changed("properties.ids", additionalProperties={"type": "string"}), "$.ids.*: could be integer"),
        (changed("properties.ids", properties={"customer": {"type": "string"}}), "$.ids.customer: could be integer"),
        (changed("allOf.0.then.properties.amount", maximum=8), "$.amount: maximum is 8 and was 9"),
        (changed("allOf.0", **{"if": {"properties": {"id": {"const": "y"}}}}), "a condition was added"),
    ],
)  # fmt: skip
def test_what_narrows_is_reported_with_its_place(now, narrowing) -> None:
    """Whatever a producer may send by the old schema and could not be read by the new one is named."""
    found = narrowings(BEFORE, now)
    assert any(narrowing in str(each) for each in found), found


def test_a_field_may_not_be_taken_from_a_closed_structure() -> None:
    """Where other names are not allowed, leaving a field out forbids it."""
    closed = changed("", additionalProperties=False)
    now = copy.deepcopy(closed)
    del now["properties"]["note"]
    assert [str(each) for each in narrowings(closed, now)] == ["$.note: is no longer allowed"]


def test_a_schema_within_itself_is_not_compared() -> None:
    """Rather than an answer that may be wrong there is none."""
    with pytest.raises(ValueError, match="refers to itself"):
        narrowings({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}, {})
