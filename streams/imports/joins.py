"""Whether the customers of several groups of touchpoints meet: what an import says when nothing joins.

It keeps hashes of ids, up to a bound, and knows nothing of journeys; `tracker/identity/who.py` decides who is who.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import combinations
from typing import Any, Final

from tracker.identity.kinds import ACCOUNT, CUSTOMER, KINDS, AliasTooLong, Kinds
from tracker.identity.lookalikes import plain

MAX_NAMES: Final = 200_000
"""About 60 MB; of larger files the first ids are looked at."""
MAX_GROUPS: Final = 20
"""Of more groups only the first are compared: a column of channels may have one for each row."""
FEW: Final = 5
"""With fewer customers in a group, that none is in the other says nothing."""
SHOWN: Final = 3
_HASHED: Final = {
    "email_sha256": ("address", "addresses"),
    "phone_sha256": ("phone number", "phone numbers"),
}


@dataclass
class Joins:
    """Customers as sets of ids, and the groups (channels, or files) that they were seen in."""

    kinds: Kinds = KINDS
    most: int = MAX_NAMES
    _parents: list[int] = field(default_factory=list)
    _groups: list[int] = field(default_factory=list)
    """By customer: one bit for each group."""
    _unique: dict[int, dict[str, int]] = field(default_factory=dict)
    """By customer: its ids of the kinds of which it can have one."""
    _names: dict[bytes, int] = field(default_factory=dict)
    _bits: dict[str, int] = field(default_factory=dict)
    _claimed: dict[str, set[int]] = field(default_factory=dict)
    """By kind: ids that two numbers claim."""
    _plain: dict[bytes, bytes] = field(default_factory=dict)
    _alike: dict[str, dict[bytes, tuple[str, str]]] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether further ids are not looked at."""
        return len(self._names) >= self.most

    def see(self, group: str, ids: dict[str, Any]) -> None:
        """Take in the ids of a touchpoint."""
        names = []
        for kind, given in ids.items():
            value = self._value(given)
            if kind == ACCOUNT or value is None:
                continue
            number = self._number(kind, value)
            if number is not None:
                names.append((self.kinds.strength(f"{kind}:"), kind, number))
        if not names:
            return
        names.sort()
        _, _, strongest = names[0]
        for _, kind, other in names[1:]:
            self._join(strongest, other, kind)
        if len(self._bits) < MAX_GROUPS or group in self._bits:
            self._groups[self._root(strongest)] |= self._bits.setdefault(group, 1 << len(self._bits))

    def _value(self, given: Any) -> str | None:
        try:
            return self.kinds.normalise(given) if isinstance(given, str | int) else None
        except AliasTooLong:
            return None

    def _number(self, kind: str, value: str) -> int | None:
        name = _digest(f"{kind}:{value}")
        number = self._names.get(name)
        if number is None and not self.is_full:
            number = self._names[name] = len(self._parents)
            self._parents.append(number)
            self._groups.append(0)
            if _is_unique(kind):
                self._unique[number] = {kind: number}
            if kind not in _HASHED:
                self._compare(kind, value)
        return number

    def _compare(self, kind: str, value: str) -> None:
        """Remember an id, and note one that differs from it by blanks, case or `.0` alone."""
        key = _digest(plain(f"{kind}:{value}", self.kinds))
        first = self._plain.setdefault(key, value.encode())
        if first != value.encode():
            self._alike.setdefault(kind, {}).setdefault(key, (first.decode(), value))

    def _root(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def _join(self, strongest: int, other: int, kind: str) -> None:
        one, two = self._root(strongest), self._root(other)
        if one == two:
            return
        mine, theirs = self._unique.get(one, {}), self._unique.get(two, {})
        if any(mine[each] != theirs[each] for each in mine.keys() & theirs.keys()):
            self._claimed.setdefault(kind, set()).add(other)
            return
        self._parents[two] = one
        self._groups[one] |= self._groups[two]
        if theirs:
            self._unique[one] = mine | theirs

    def sentences(self) -> Iterator[str]:
        """What does not join, each with its remedy."""
        counts: Counter[int] = Counter()
        for number, parent in enumerate(self._parents):
            if number == parent and self._groups[number]:
                counts[self._groups[number]] += 1
        for (one, bit), (other, bit2) in combinations(self._bits.items(), 2):
            yield from self._apart(one, bit, other, bit2, counts)
        for kind, claimed in self._claimed.items():
            one, several = _HASHED.get(kind, (f"id of `{kind}`", f"ids of `{kind}`"))
            what = f"1 {one} is" if len(claimed) == 1 else f"{len(claimed):,} {several} are"
            yield (
                f"{what} claimed by two numbers; the older claim counts. Is one of the numbers another system's? Then "
                "write it as a kind of its source: `shop_customer@`, with `source: NAME`. One person may have both."
            )
        for kind, alike in self._alike.items():
            shown = ", ".join(f"{one!r} and {two!r}" for one, two in list(alike.values())[:SHOWN])
            what = f"1 id of `{kind}` is" if len(alike) == 1 else f"{len(alike):,} ids of `{kind}` are"
            yield (
                f"{what} written in two ways ({shown}), which count as different customers. Export the column as text, "
                "in one spelling."
            )
        if self.is_full:
            yield f"Only the first {self.most:,} ids were looked at."

    def _apart(self, one: str, bit: int, other: str, bit2: int, counts: Counter[int]) -> Iterator[str]:
        sizes = [sum(count for groups, count in counts.items() if groups & each) for each in (bit, bit2)]
        both = sum(count for groups, count in counts.items() if groups & bit and groups & bit2)
        if both or min(sizes) < FEW:
            return
        few, name, far = min((sizes[0], one, other), (sizes[1], other, one))
        yield (
            f"Of {few:,} customers of `{name}` none was ever seen on `{far}`. Add an id under `ids` that both have: "
            "the customer number after a sign-in, or an address (`email_sha256`)."
        )


def _is_unique(kind: str) -> bool:
    return kind == CUSTOMER or "@" in kind


def _digest(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
