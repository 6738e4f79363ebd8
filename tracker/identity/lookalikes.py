"""Lookalikes: ids that are two names and were probably meant as one.

Ids are compared as exact texts, so `C-17` beside `c-17`, `A 17` beside `A17`, and the `12345.0` that a spreadsheet made
of `12345` are strangers to each other. Nobody but their senders knows whether they are one person: they are told, and
not joined.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from tracker.identity.kinds import KINDS, Kinds

Difference = Literal["blanks", "case", "decimals"]
"""What two ids differ by: blanks, upper and lower case, or a `.0` behind a number."""
_DECIMALS: Final = re.compile(r"([0-9]+)\.0+")


class Lookalike(NamedTuple):
    """Two names of one kind that differ by their spelling alone."""

    one: str
    """The one that was met first."""
    other: str
    differ: Difference


def lookalikes(names: Iterable[str], kinds: Kinds = KINDS) -> Iterator[Lookalike]:
    """Each name that is spelt almost like an earlier one of its kind. It keeps one name for each spelling."""
    first: dict[str, str] = {}
    told: set[str] = set()
    for name in names:
        earlier = first.setdefault(plain(name, kinds), name)
        if earlier != name and name not in told:
            told.add(name)
            yield Lookalike(earlier, name, _difference(earlier, name))


def plain(name: str, kinds: Kinds) -> str:
    """The name without what a spelling may add; equal for names that look alike."""
    kind = kinds.kind_of(name)
    value = "".join(name.removeprefix(f"{kind}:").split()).casefold()
    number = _DECIMALS.fullmatch(value)
    return f"{kind}:{number[1] if number else value}"


def _difference(one: str, other: str) -> Difference:
    one, other = ("".join(name.split()) for name in (one, other))
    if one == other:
        return "blanks"
    return "case" if one.casefold() == other.casefold() else "decimals"
