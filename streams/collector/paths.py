"""Paths into JSON, `properties.card.number`: reading the first of several, and taking one out."""

from collections.abc import Iterable, Mapping
from typing import Any


def get(document: Any, path: str) -> Any:
    """What is at the path; None where nothing is."""
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
    """What a table of paths finds, by name."""
    return {kind: value for kind, paths in table.items() if (value := first(document, paths)) is not None}


def without(document: dict[str, Any], paths: Iterable[str]) -> None:
    """Take out what is at the paths."""
    for path in paths:
        *way, last = path.split(".")
        place = get(document, ".".join(way)) if way else document
        if isinstance(place, dict):
            place.pop(last, None)
