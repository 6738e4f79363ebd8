"""Paths into JSON such as `properties.card.number`: read the first of several, or remove one."""

from collections.abc import Iterable, Mapping
from typing import Any


def get(document: Any, path: str) -> Any:
    """The value at the path, else None."""
    if "." not in path and isinstance(document, dict):
        return document.get(path)
    for name in path.split("."):
        if isinstance(document, list) and name.isdigit() and int(name[:6]) < len(document):
            document = document[int(name)]
        elif isinstance(document, dict):
            document = document.get(name)
        else:
            return None
    return document


def first(document: Any, paths: Iterable[str]) -> Any:
    """The first of the paths that has a value other than null and the empty text."""
    return next((found for path in paths if (found := get(document, path)) not in (None, "")), None)


def found(document: Any, table: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """The values that a table of paths finds, by name; names without a value are left out."""
    return {kind: value for kind, paths in table.items() if (value := first(document, paths)) is not None}


def without(document: dict[str, Any], paths: Iterable[str]) -> None:
    """Remove what is at the paths."""
    for path in paths:
        *way, last = path.split(".")
        place = get(document, ".".join(way)) if way else document
        if isinstance(place, dict):
            place.pop(last, None)
