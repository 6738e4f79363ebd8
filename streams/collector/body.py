"""A request's body: read within limits of size and time; gzip is counted while it is inflated."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Final, Self

from streams.collector.problems import Refused, unavailable

MAX_BYTES: Final = 512_000
"""500 kB, Segment's limit of a batch; it holds for the body as sent and as inflated."""
DEADLINE_S: Final = 10.0
"""How long a sender may take: 500 kB in ten seconds is a slow mobile connection."""
GZIP: Final = 16 + zlib.MAX_WBITS
GZIP_MAGIC: Final = b"\x1f\x8b\x08"
"""The first bytes of gzip, by which it is known where no header tells."""


class Budget:
    """Limits the bytes of all bodies that are read or processed at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    def take(self, count: int) -> None:
        """Reserve the bytes. Raises `Refused` (503) where there is no room."""
        if self.held + count > self._limit:
            raise unavailable("Too many requests are being read; try again.")
        self.held += count

    def give_back(self, count: int) -> None:
        """Release the bytes."""
        self.held -= count


class Body:
    """One body; `async with` gives its bytes back to the budget at the end."""

    def __init__(self, budget: Budget, deadline_s: float = DEADLINE_S, limit: int = MAX_BYTES) -> None:
        self._budget = budget
        self._limit = limit
        self._deadline_s = deadline_s
        self._taken = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._budget.give_back(self._taken)

    async def read(self, chunks: AsyncIterator[bytes], encoding: str, announced: str | None) -> bytes:
        """The bytes of the body, inflated. Raises `Refused`."""
        if announced is not None and not (announced.isascii() and announced.isdigit()):
            raise Refused("bad_request", "Content-Length is not a number.", close=True)
        if announced is not None and int(announced[:20]) > self._limit:
            raise _too_large(self._limit)
        if encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise Refused("wrong_type", "Content-Encoding must be gzip or left out.", close=True)
        inflate = zlib.decompressobj(GZIP) if "gzip" in encoding else None
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._collect(chunks, inflate)
        except TimeoutError:
            raise Refused("slow", f"The body did not arrive within {self._deadline_s:g} s.", close=True) from None

    def inflated(self, raw: bytes) -> bytes:
        """The content of bytes in gzip that no header told of. Raises `Refused`."""
        inflate = zlib.decompressobj(GZIP)
        part = _inflated(inflate, raw, self._limit + 1, self._limit)
        if len(part) > self._limit:
            raise _too_large(self._limit)
        if not inflate.eof or inflate.unused_data:
            raise Refused("bad_encoding", "The body is not one complete gzip stream.")
        self._budget.take(len(part))
        self._taken += len(part)
        return part

    async def _collect(self, chunks: AsyncIterator[bytes], inflate: "zlib._Decompress | None") -> bytes:
        parts: list[bytes] = []
        arrived = size = 0
        async for chunk in chunks:
            arrived += len(chunk)
            part = _inflated(inflate, chunk, self._limit - size + 1, self._limit) if inflate else chunk
            size += len(part)
            if max(arrived, size) > self._limit:
                raise _too_large(self._limit)
            self._budget.take(len(part))
            self._taken += len(part)
            parts.append(part)
        if inflate and (not inflate.eof or inflate.unused_data):
            raise Refused("bad_encoding", "The body is not one complete gzip stream.")
        return b"".join(parts)


def _inflated(inflate: "zlib._Decompress", chunk: bytes, room: int, limit: int) -> bytes:
    """The inflated chunk, at most `room` bytes: a gzip bomb is not unpacked to be measured."""
    try:
        part = inflate.decompress(chunk, room)
    except zlib.error as error:
        raise Refused("bad_encoding", "The body is not a gzip stream.", close=True) from error
    if inflate.unconsumed_tail and len(part) >= room:
        raise _too_large(limit)
    return part


def _too_large(limit: int) -> Refused:
    return Refused("too_large", f"A body may have at most {limit} bytes, also when inflated.", close=True)
