import asyncio

from streams.simulator.event import Event
from streams.simulator.load import load, partition_of


class Batch:
    """Takes three messages."""

    def __init__(self) -> None:
        self.messages: list[tuple] = []

    def append(self, *, key, value, timestamp):
        if len(self.messages) == 3:
            return None
        self.messages.append((key, value))
        return self

    def close(self) -> None:
        """Nothing more comes."""


class Producer:
    """Remembers what was sent where, and confirms it a moment later."""

    def __init__(self) -> None:
        self.sent: list[tuple] = []

    create_batch = staticmethod(Batch)

    async def send_batch(self, batch, topic, *, partition):
        self.sent.extend((topic, partition, *message) for message in batch.messages)
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, None)
        return future


def test_every_event_goes_home_in_order() -> None:
    """Each event is in the partition of its key, and the events of a key keep their order over full batches."""
    events = [Event("web", f"c-{number % 5}".encode(), str(number).encode()) for number in range(400)]
    producer = Producer()
    assert asyncio.run(load(events, producer, 4)) == 400
    assert len(producer.sent) == 400
    assert all(partition == partition_of(key, 4) for _, partition, key, _ in producer.sent)
    for wanted in {event.key for event in events}:
        assert [int(value) for _, _, key, value in producer.sent if key == wanted] == [
            int(event.value) for event in events if event.key == wanted
        ]
