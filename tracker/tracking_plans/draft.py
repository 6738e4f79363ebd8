"""A tracking plan drafted from events: for each type its properties, with the types of their values.

Properties that every event had are required. A property with values of several types may have each of them. It does not
know where events come from, and keeps no values.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MOST_TYPES: Final = 1_000
MOST_MEMBERS: Final = 200
"""An object with more names is taken for a map with arbitrary keys, and its members are left open."""
MOST_DEPTH: Final = 6
_NAMES: Final = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}


@dataclass(slots=True)
class PropertyShape:
    """The types seen in one place."""

    names: Counter[str] = field(default_factory=Counter)
    members: dict[str, "PropertyShape"] = field(default_factory=dict)
    items: "PropertyShape | None" = None
    is_open: bool = False

    def see(self, value: Any, depth: int = 0) -> None:
        """Add one value of this place."""
        name = _NAMES.get(type(value), "object")
        self.names[name] += 1
        if depth >= MOST_DEPTH:
            self.is_open = True
        elif name == "object":
            self._see_members(value, depth)
        elif name == "array" and value:
            self.items = self.items or PropertyShape()
            for item in value:
                self.items.see(item, depth + 1)

    def _see_members(self, value: Mapping[str, Any], depth: int) -> None:
        for key, each in value.items():
            if key not in self.members:
                if len(self.members) >= MOST_MEMBERS:
                    self.is_open = True
                    return
                self.members[key] = PropertyShape()
            self.members[key].see(each, depth + 1)

    def schema(self) -> dict[str, Any]:
        """The JSON Schema that accepts everything seen here."""
        names = set(self.names)
        if "number" in names:
            # JSON has one kind of number; 5 and 5.0 differ only in their spelling.
            names.discard("integer")
        made: dict[str, Any] = {"type": min(names) if len(names) == 1 else sorted(names)}
        if self.members and not self.is_open:
            made["properties"] = {key: shape.schema() for key, shape in sorted(self.members.items())}
            always = [key for key, shape in self.members.items() if shape.names.total() == self.names["object"]]
            if always:
                made["required"] = sorted(always)
        if self.items is not None:
            made["items"] = self.items.schema()
        return made


class Draft:
    """A plan that grows with each event."""

    def __init__(self) -> None:
        self._types: dict[str, PropertyShape] = {}
        self.left_out: int = 0
        """Events of types beyond the first thousand."""

    def see(self, type_: str, properties: Mapping[str, Any]) -> None:
        """Add one event."""
        if type_ not in self._types and len(self._types) >= MOST_TYPES:
            self.left_out += 1
            return
        self._types.setdefault(type_, PropertyShape()).see(properties)

    def types(self) -> dict[str, Any]:
        """By type: the schema of its properties, with how often it was seen."""
        return {
            type_: {"description": f"seen {shape.names.total()} times", **shape.schema()}
            for type_, shape in sorted(self._types.items())
        }


def document(source: str, draft: Draft, *, rejects: bool = False, closed: bool = False) -> dict[str, Any]:
    """The file of plans with the drafted one."""
    said = {"violations": "reject" if rejects else "mark", "other_types": "violate" if closed else "allow"}
    return {"sources": {source: {**said, "types": draft.types()}}}


def drafted(events: Iterable[tuple[str, Mapping[str, Any]]]) -> Draft:
    """A draft of events as (type, properties)."""
    draft = Draft()
    for type_, properties in events:
        draft.see(type_, properties)
    return draft
