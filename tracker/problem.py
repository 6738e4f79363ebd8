"""A problem in a file that somebody wrote: where it is, what is wrong, and what to do.

It does not know the kind of file, nor how problems are shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

Severity = Literal["problem", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to correct; a file with warnings alone can be used."""

    line: int
    """From 1."""
    column: int
    """From 1."""
    message: str
    remedy: str
    severity: Severity = "problem"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; None where none is similar enough."""
    by_plain = {_plain(name): name for name in known}
    found = get_close_matches(_plain(word[:80]), by_plain, n=1, cutoff=0.6)
    return by_plain[found[0]] if found else None


def choose(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown word: the most similar known one, else the whole list."""
    names = list(known)
    near = nearest(word, names)
    return f"did you mean {near!r}?" if near else f"use one of: {', '.join(names)}"


def _plain(word: str) -> str:
    return word.casefold().replace("-", "_").replace(" ", "_")
