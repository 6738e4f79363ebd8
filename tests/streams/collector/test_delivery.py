"""Messages of many requests go to Kafka together, and each request waits for its own."""

import asyncio

import pytest

from streams.clients.outbox import OutboxBatch
from streams.clients.publisher import MemoryPublisher, Unpublished
from streams.collector.delivery import Delivery
from streams.collector.problems import Refused
from tracker.planning.message import Message


class Gate(MemoryPublisher):
    """Confirms once it is open, and fails while it is `broken`."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.broken = False
        self.calls = 0

    async def publish(self, batch: OutboxBatch) -> None:
        self.calls += 1
        await self.open.wait()
        if self.broken:
            raise Unpublished("broken")
        await super().publish(batch)


def message(number: int, size: int = 1) -> Message:
    return Message("touchpoints.web", 0, b"%d" % number, b"x" * size)


async def outcomes(*tasks: asyncio.Task) -> list[bool]:
    return [not isinstance(each, Refused) for each in await asyncio.gather(*tasks, return_exceptions=True)]


def delivery(gate: Gate, clock_s=lambda: 0.0) -> Delivery:
    made = Delivery(gate, max_messages=10, max_bytes=1_000, clock_s=clock_s)
    made.start()
    return made


def test_no_request_ends_before_its_confirmation() -> None:
    """A request waits until its messages are confirmed; those of one moment go together."""

    async def scenario() -> None:
        gate = Gate()
        made = delivery(gate)
        tasks = [asyncio.create_task(made.deliver([message(number)])) for number in range(5)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks)
        assert made.held == 5
        gate.open.set()
        assert await outcomes(*tasks) == [True] * 5
        assert made.held == made.held_bytes == 0
        assert gate.calls <= 2
        await made.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("load", [[message(0)] * 11, [message(0, 1_001)]])
def test_what_waits_is_bounded(load) -> None:
    """Messages beyond the limit in number or bytes are refused at once."""

    async def scenario() -> None:
        made = delivery(Gate())
        with pytest.raises(Refused) as caught:
            await made.deliver(load)
        assert (caught.value.status, caught.value.headers["retry-after"]) == (503, "2")

    asyncio.run(scenario())


def test_while_kafka_is_away_one_request_is_the_probe() -> None:
    """Other requests are refused at once; when the probe is confirmed, all are accepted again."""

    async def scenario() -> None:
        gate, now_s = Gate(), [0.0]
        made = delivery(gate, lambda: now_s[0])
        gate.open.set()
        gate.broken = True
        assert await outcomes(asyncio.create_task(made.deliver([message(0)]))) == [False]
        assert made.away
        assert await outcomes(asyncio.create_task(made.deliver([message(1)]))) == [False]
        assert gate.calls == 1, "too early for a probe"
        now_s[0], gate.broken = 2.0, False
        gate.open.clear()
        probe = asyncio.create_task(made.deliver([message(2)]))
        await asyncio.sleep(0.01)
        assert await outcomes(asyncio.create_task(made.deliver([message(3)]))) == [False]
        gate.open.set()
        assert await outcomes(probe) == [True]
        assert await outcomes(asyncio.create_task(made.deliver([message(4)]))) == [True]
        await made.close()

    asyncio.run(scenario())


def test_the_end_waits_for_what_is_on_its_way() -> None:
    """`close` returns when every request has its outcome."""

    async def scenario() -> None:
        gate = Gate()
        made = delivery(gate)
        task = asyncio.create_task(made.deliver([message(0)]))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.02, gate.open.set)
        await made.close()
        assert task.done() or await outcomes(task) == [True]
        assert len(gate.batches) == 1

    asyncio.run(scenario())
