"""Paths into JSON such as `properties.card.number`: read the first of several, or remove one."""

from collections.abc import Iterable, Mapping
from typing import Any


def get(document: Any, path: str) -> Any:
    """The value at the path, else None."""
    for name in path.split(".") if "." in path else (path,):
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isdigit() and int(name[:6]) < len(document):
            document = document[int(name)]
        else:
            return None
    return document


def first(document: Any, paths: Iterable[str]) -> Any:
    """The first of the paths that has a value other than null and the empty text."""
    for path in paths:
        value = get(document, path)
        if value is not None and value != "":
            return value
    return None


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
