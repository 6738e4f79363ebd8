"""Delivery: sends the messages of many requests to Kafka together; each request waits for its own confirmation.

The messages that wait are bounded in number and bytes. While Kafka does not confirm, one round at a time is sent as a
probe. All other requests are answered 503 at once instead of waiting for a time-out.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import structlog

from streams.clients.outbox import OutboxBatch
from streams.clients.publisher import KafkaPublisher, Publisher, Unpublished
from streams.collector.problems import unavailable
from tracker.planning.message import Message

log = structlog.get_logger()

ROUND_MESSAGES: Final = 5_000
ROUND_BYTES: Final = 1024 * 1024
ROUNDS: Final = 8
"""Rounds in flight. With one, the broker's round trip would pace all requests; with many, all would fail together."""
PROBE_AFTER_S: Final = 1.0


class PlainPublisher(KafkaPublisher):
    """Publishes without the headers that mark repeats: a touchpoint has its own event_id."""

    def __init__(self, options: Mapping[str, Any], *, timeout_s: float) -> None:
        # The client must not wait longer for a silent broker than the request waits for its confirmation.
        waits = {"request_timeout_ms": max(1000, int(timeout_s * 1000)), "retry_backoff_ms": 50}
        super().__init__({**options, **waits}, timeout_s=timeout_s)

    def _headers(self, mark: list[tuple[str, bytes]], sequence: int) -> list[tuple[str, bytes]]:  # noqa: ARG002
        return []


@dataclass(slots=True)
class _Load:
    """The messages of one request."""

    messages: Sequence[Message]
    size: int
    confirmed: asyncio.Future[None]


class Delivery:
    """Takes the messages of requests and confirms them."""

    def __init__(
        self, publisher: Publisher, *, max_messages: int, max_bytes: int, clock_s: Callable[[], float] = monotonic
    ) -> None:
        self._publisher = publisher
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._clock_s = clock_s
        self._waiting: deque[_Load] = deque()
        self._woken = asyncio.Event()
        self._rounds: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._probe_at_s = 0.0
        self.away = False
        """Whether the last round failed."""
        self.held = 0
        """Messages that wait or are on their way."""
        self.held_bytes = 0

    def start(self) -> None:
        """Start to send; must be called in the event loop."""
        self._task = asyncio.create_task(self._run())

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Return when the broker has every message. Raises `Refused` (503) where it has not confirmed."""
        if not messages:
            return
        self._admit(size := sum(len(message.value) for message in messages), len(messages))
        load = _Load(messages, size, asyncio.get_running_loop().create_future())
        self.held += len(messages)
        self.held_bytes += size
        self._waiting.append(load)
        self._woken.set()
        await load.confirmed

    def _admit(self, size: int, count: int) -> None:
        if self.away:
            # One request may pass as the probe: when none is on its way and the last failure is a second old.
            if self._rounds or self._waiting or self._clock_s() < self._probe_at_s:
                raise unavailable("Kafka does not confirm at the moment; nothing was kept.")
        elif self.held + count > self._max_messages or self.held_bytes + size > self._max_bytes:
            raise unavailable("Too many events wait for Kafka; nothing was kept.")

    async def close(self) -> None:
        """Wait for the rounds in flight, then close the publisher."""
        while self._waiting or self._rounds:
            if self._rounds:
                await asyncio.wait(self._rounds)
            await asyncio.sleep(0)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._publisher.close()

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                if len(self._rounds) >= ROUNDS:
                    await asyncio.wait(self._rounds, return_when=asyncio.FIRST_COMPLETED)
                    continue
                task = asyncio.create_task(self._round(self._next()))
                self._rounds.add(task)
                task.add_done_callback(self._rounds.discard)
                # Requests that arrive in the same moment join the next round.
                await asyncio.sleep(0)

    def _next(self) -> list[_Load]:
        loads = [self._waiting.popleft()]
        count, size = len(loads[0].messages), loads[0].size
        while self._waiting and count < ROUND_MESSAGES and size < ROUND_BYTES:
            loads.append(load := self._waiting.popleft())
            count += len(load.messages)
            size += load.size
        return loads

    async def _round(self, loads: list[_Load]) -> None:
        messages = [message for load in loads for message in load.messages]
        trouble = ""
        try:
            await self._publisher.publish(OutboxBatch(0, 0, 0, messages))
        except Unpublished as error:
            trouble = "Kafka has not confirmed in time; send the events again with the same ids."
            if not self.away:
                log.warning("kafka does not confirm; answering 503", reason=str(error))
        except Exception:
            trouble = "It is unknown whether Kafka has the events; send them again with the same ids."
            log.exception("a round of messages failed")
        if self.away and not trouble:
            log.info("kafka confirms again")
        self.away = bool(trouble)
        self._probe_at_s = self._clock_s() + PROBE_AFTER_S
        self._settle(loads, trouble)
        if trouble and self._waiting:
            # What waits behind a failed round would only fail after a time-out of its own.
            waiting, self._waiting = list(self._waiting), deque()
            self._settle(waiting, "Kafka does not confirm at the moment; nothing was kept.")

    def _settle(self, loads: list[_Load], trouble: str) -> None:
        for load in loads:
            self.held -= len(load.messages)
            self.held_bytes -= load.size
            if load.confirmed.done():
                continue
            if trouble:
                load.confirmed.set_exception(unavailable(trouble))
            else:
                load.confirmed.set_result(None)
