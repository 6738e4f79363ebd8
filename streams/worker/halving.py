"""Halving: the records with which a batch cannot be planned, found by planning parts of it again.

Planning is pure: it reads records and states and writes nothing, so parts may be planned as often as is needed. A batch
without a fault pays nothing. It knows neither the planner nor the store; what planning is, the caller says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from pathlib import PurePath
from traceback import extract_tb
from typing import Final, Generic, NamedTuple, TypeVar

from tracker.planning.plan import KafkaRecord, PartitionBatch

T = TypeVar("T")
INNERMOST: Final = 3
"""Frames of a traceback that tell one fault from another; the outer ones are the same for all."""
PRECISE: Final = 32
"""How many times the records of a batch are planned to tell apart those that only fail together; a full batch takes a
second. After that the smallest part known to fail is set aside, so that no batch is searched for hours."""


class Unforeseen(Exception):  # noqa: N818  # says what was not foreseen, its cause
    """Planning has raised what nobody foresaw; the cause says what."""


class Culprit(NamedTuple):
    """A record that is set aside, and what it made planning raise."""

    batch: PartitionBatch
    record: KafkaRecord
    error: BaseException


Suspect = tuple[PartitionBatch, KafkaRecord]
Attempt = Callable[[Sequence[PartitionBatch]], Awaitable[T]]
"""Plans batches; raises `Unforeseen` where that fails."""


def frames(error: BaseException) -> list[str]:
    """The innermost places of an exception's traceback, without any value."""
    innermost = extract_tb(error.__traceback__)[-INNERMOST:]
    return [f"{PurePath(frame.filename).name}:{frame.name}:{frame.lineno}" for frame in innermost]


def describe(error: BaseException) -> str:
    """An exception by its class and a digest of its place: alike for one fault, and without any value."""
    name = type(error).__name__
    digest = blake2b("|".join([name, *frames(error)]).encode(), digest_size=4).hexdigest()
    return f"{name}, traceback {digest}"


async def without_culprits(batches: Sequence[PartitionBatch], attempt: Attempt[T]) -> tuple[T, list[Culprit]]:
    """What planning the batches gives without the records with which it fails, and these.

    Raises `Unforeseen` where planning fails without any record.
    """
    return await _Search(attempt).run([(batch, record) for batch in batches for record in batch.records])


async def failing(names: Sequence[str], attempt: Callable[[Sequence[str]], object]) -> dict[str, BaseException]:
    """The customers with whom an attempt fails, each by itself, and what it raises.

    Raises `Unforeseen` where it fails with nobody, or only with several together.
    """
    # Small parts are tried without a pause; whoever shares the core has a turn between them.
    await asyncio.sleep(0)
    try:
        attempt(names)
    except Unforeseen as fault:
        if len(names) == 1:
            return {names[0]: fault.__cause__ or fault}
        middle = len(names) // 2
        halves = [names[:middle], names[middle:]] if names else []
        found = {name: error for half in halves for name, error in (await failing(half, attempt)).items()}
        if not found:
            raise
        return found
    return {}


class _Search(Generic[T]):
    """One search, and how many records it may still plan for those that only fail together."""

    def __init__(self, attempt: Attempt[T]) -> None:
        self._attempt = attempt
        self._budget = 0

    async def run(self, left: list[Suspect]) -> tuple[T, list[Culprit]]:
        """Each round sets at least one record aside, so the rounds end."""
        found: list[Culprit] = []
        self._budget = PRECISE * len(left)
        while True:
            try:
                return await self._planned(left), found
            except Unforeseen as fault:
                if not left:
                    raise
                culprits = await self._culprits(left, fault)
            found += culprits
            gone = {id(culprit.record) for culprit in culprits}
            left = [suspect for suspect in left if id(suspect[1]) not in gone]

    async def _planned(self, suspects: Sequence[Suspect]) -> T:
        # Small parts are planned without a pause; whoever shares the core has a turn between them.
        await asyncio.sleep(0)
        return await self._attempt(_batches(suspects))

    async def _fault(self, suspects: Sequence[Suspect]) -> Unforeseen | None:
        try:
            await self._planned(suspects)
        except Unforeseen as fault:
            return fault
        return None

    async def _culprits(self, suspects: list[Suspect], fault: Unforeseen) -> list[Culprit]:
        """Some of the records that make these fail, which they do by `fault`: all that fail alone, else together."""
        if len(suspects) == 1:
            return [_culprit(suspects[0], fault)]
        middle = len(suspects) // 2
        found: list[Culprit] = []
        for half in (suspects[:middle], suspects[middle:]):
            if (why := await self._fault(half)) is not None:
                found += await self._culprits(half, why)
        return found or await self._together(suspects, fault)

    async def _together(self, suspects: list[Suspect], fault: Unforeseen) -> list[Culprit]:
        """The record with which these begin to fail when they come one after the other: both halves alone are fine.

        The ones before it stay, so of two records that only fail together the later one is set aside.
        """
        fine, fails = len(suspects) // 2, len(suspects)
        while fails - fine > 1 and self._budget > 0:
            middle = (fine + fails) // 2
            self._budget -= middle
            why = await self._fault(suspects[:middle])
            if why is None:
                fine = middle
            else:
                fails, fault = middle, why
        return [_culprit(suspect, fault) for suspect in suspects[fine:fails]]


def _culprit(suspect: Suspect, fault: Unforeseen) -> Culprit:
    return Culprit(*suspect, fault.__cause__ or fault)


def _batches(suspects: Sequence[Suspect]) -> list[PartitionBatch]:
    """The suspects as batches of their topics, in the same order."""
    records: dict[int, tuple[PartitionBatch, list[KafkaRecord]]] = {}
    for batch, record in suspects:
        records.setdefault(id(batch), (batch, []))[1].append(record)
    return [PartitionBatch(batch.topic, batch.partition, some) for batch, some in records.values()]
