"""Erasure: what remains of a name that a person had erased, which is a salted digest, and who must hear of it.

The digest stands for the name wherever it is kept out again; without the salt nobody can tell whose it is, and with it
only by trying names. It knows records and messages; the planner and the store know what is written, and where.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from schemas.routed import Adopted, Enrolled, Forget, Member, Routed, Ruling, Tie
from schemas.transition import Transition
from tracker.engine.customer import Change, CustomerFold
from tracker.identity import membership
from tracker.identity.ties import read, root
from tracker.records.state import decode

DIGEST_BYTES: Final = 16
NOBODY: Final = ""
"""No name reads like this: its digest tells one salt from another."""


class Digests:
    """What stands for erased names, under one salt."""

    def __init__(self, salt: str | None) -> None:
        self._key = blake2b(salt.encode()).digest() if salt else b""
        # As many as there are names whose home is remembered (`tracker/home.py`).
        self.digest: Final = lru_cache(maxsize=200_000)(self._digest)

    def _digest(self, name: str) -> bytes:
        return blake2b(name.encode(), digest_size=DIGEST_BYTES, key=self._key).digest()

    def entries(self, name: str) -> list[bytes]:
        """What is kept to keep the name out."""
        return [self.digest(name), self.digest(NOBODY)]

    def is_own(self, suppressed: Iterable[bytes]) -> bool:
        """Whether these were made with this salt; with another one nobody would be recognised."""
        kept = set(suppressed)
        return not kept or self.digest(NOBODY) in kept


class Farewell(NamedTuple):
    """What the end of a record changes."""

    change: Change
    messages: list[Forget | Member]


class Erasure(Digests):
    """Erases names, for some journeys."""

    def __init__(self, journeys: CustomerFold, salt: str | None) -> None:
        super().__init__(salt)
        self._journeys = journeys

    def farewell(self, name: str, before: bytes, now_ms: int) -> Farewell:
        """The record's share of the figures taken back, and a message to everybody who knows the name."""
        record = decode(before)
        ties = read(record.ties)
        told = Transition(kind="erased", customer=root(name, ties), journey="", version=0, alias=name, at_ms=now_ms)
        figures = {field: -count for field, count in self._journeys.contribution(before).items() if count}
        known = {*ties.edges, *ties.adopted, root(name, ties)} - {name}
        change = Change(before, figures, None, None, [told])
        accounts = membership.farewell(name, record)
        return Farewell(change, [*(Forget(peer, name) for peer in sorted(known)), *accounts])

    @staticmethod
    def answers(name: str, messages: Sequence[Routed]) -> list[Forget | Member]:
        """What is said to those who still speak of an erased name."""
        peers = {message.peer for message in messages if isinstance(message, Tie | Ruling)}
        peers |= {message.by for message in messages if isinstance(message, Adopted)}
        accounts = [Member(one.account, name, one.journey) for one in messages if isinstance(one, Enrolled)]
        return [*(Forget(peer, name) for peer in sorted(peers)), *accounts]
