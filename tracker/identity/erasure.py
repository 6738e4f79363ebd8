"""Erasure: an erased name leaves only a salted digest, and everybody who knows the name gets a message.

The digest keeps the name out when it comes again. Without the salt nobody can find whose it is; with the salt only by
trying names. It knows records and messages; the planner and the store decide what is written, and where.
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
"""No name is empty, so the digest of this one identifies the salt."""


class Digests:
    """The digests of names under one salt."""

    def __init__(self, salt: str | None) -> None:
        self._key = blake2b(salt.encode()).digest() if salt else b""
        # The same bound as for remembered homes (`tracker/home.py`).
        self.digest: Final = lru_cache(maxsize=200_000)(self._digest)

    def _digest(self, name: str) -> bytes:
        return blake2b(name.encode(), digest_size=DIGEST_BYTES, key=self._key).digest()

    def entries(self, name: str) -> list[bytes]:
        """The digests that are stored to keep the name out."""
        return [self.digest(name), self.digest(NOBODY)]

    def is_own(self, suppressed: Iterable[bytes]) -> bool:
        """Whether these digests were made with this salt; under another one no erased name would be recognised."""
        kept = set(suppressed)
        return not kept or self.digest(NOBODY) in kept


class Removal(NamedTuple):
    """What the removal of a record changes."""

    change: Change
    messages: list[Forget | Member]


class Erasure(Digests):
    """Erases names from the states of some journeys."""

    def __init__(self, journeys: CustomerFold, salt: str | None) -> None:
        super().__init__(salt)
        self._journeys = journeys

    def farewell(self, name: str, before: bytes, now_ms: int) -> Removal:
        """The change that takes the record out of the figures, and messages to everybody who knows the name."""
        record = decode(before)
        ties = read(record.ties)
        erased = Transition(kind="erased", customer=root(name, ties), journey="", version=0, alias=name, at_ms=now_ms)
        figures = {field: -count for field, count in self._journeys.contribution(before).items() if count}
        known = {*ties.edges, *ties.adopted, root(name, ties)} - {name}
        change = Change(before, figures, None, None, [erased])
        accounts = membership.farewell(name, record)
        return Removal(change, [*(Forget(peer, name) for peer in sorted(known)), *accounts])

    @staticmethod
    def answers(name: str, messages: Sequence[Routed]) -> list[Forget | Member]:
        """The answers to messages that still mention an erased name."""
        peers = {message.peer for message in messages if isinstance(message, Tie | Ruling)}
        peers |= {message.by for message in messages if isinstance(message, Adopted)}
        accounts = [Member(one.account, name, one.journey) for one in messages if isinstance(one, Enrolled)]
        return [*(Forget(peer, name) for peer in sorted(peers)), *accounts]
