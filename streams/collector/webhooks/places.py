"""Paths of tables of webhooks: `customer.id`, `items.0.name`, `contacts[role=user].email`.

`[name=value]` asks an object for the value, and finds in a list the only element that has it. Where several have it,
there is none: which of several people is meant cannot be known.
"""

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

MAX_PATH_LENGTH: Final = 256
_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[([^\[\]=]+)=([^\[\]]*)\]")


class PathStep(NamedTuple):
    """One step of a path: a name, or a condition on an object or on the elements of a list."""

    name: str
    where: tuple[str, ...] = ()
    wanted: str = ""


@lru_cache(4_096)
def steps(path: str) -> tuple[PathStep, ...]:
    """The steps of a path. Raises ValueError."""
    found: list[PathStep] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or (match[1] and bool(found) != (path[at] == ".")):
            raise ValueError(f"{path!r} is no path at character {at + 1}")
        found.append(PathStep(match[1]) if match[1] else PathStep("", tuple(match[2].split(".")), match[3]))
        at = match.end()
    if not found or len(path) > MAX_PATH_LENGTH:
        raise ValueError(f"{path!r} is no path")
    return tuple(found)


def walk(document: Any, path: str) -> Any:
    """The value at the path, else None."""
    for step in steps(path):
        document = _named(document, step.name) if step.name else _only(document, step)
        if document is None:
            return None
    return document


def text(value: Any) -> str:
    """A value as conditions and words compare it; empty for what is no single value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip().casefold() if isinstance(value, str | int | float) else ""


def _named(document: Any, name: str) -> Any:
    if isinstance(document, dict):
        return document.get(name)
    if isinstance(document, list) and name.isascii() and name.isdigit() and int(name[:6]) < len(document):
        return document[int(name)]
    return None


def _only(document: Any, step: PathStep) -> Any:
    candidates = document if isinstance(document, list) else [document]
    found = [each for each in candidates if _has(each, step)]
    return found[0] if len(found) == 1 else None


def _has(candidate: Any, step: PathStep) -> bool:
    for name in step.where:
        candidate = _named(candidate, name)
    return candidate is not None and text(candidate) == step.wanted.casefold()
