"""A collector on a real port in a thread of this process, whose Kafka is a list."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import uvloop

from schemas.rejection import Rejection
from schemas.topics import REJECTED
from streams.collector import server
from streams.collector.app import wire
from tests.streams.collector.asking import Collector
from tracker.identity.kinds import strongest
from tracker.planning.decode import decode
from tracker.touch import Touch


@contextmanager
def living(collector: Collector) -> Iterator[str]:
    """Its address; at the end it has answered all requests and has stopped."""
    listening = server.bind("127.0.0.1", 0, alone=True)
    port = listening.getsockname()[1]
    running: dict[str, Any] = {}
    up = threading.Event()
    thread = threading.Thread(target=lambda: _run(collector, listening, running, up.set))
    thread.start()
    assert up.wait(30)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running["loop"].call_soon_threadsafe(lambda: setattr(running["server"], "should_exit", True))
        thread.join(15)
        assert not thread.is_alive()


def _run(collector: Collector, listening: socket.socket, running: dict[str, Any], up: Callable[[], None]) -> None:
    async def serve() -> None:
        wired = collector.wired = wire(collector.settings, lambda: None, collector.publisher)
        wired.delivery.start()
        running.update(loop=asyncio.get_running_loop(), server=server._server(collector.settings, wired))
        asyncio.get_running_loop().call_later(0.1, up)
        await running["server"].serve([listening])
        await wired.delivery.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


def require_readable(collector: Collector) -> int:
    """How many messages Kafka has, each of which a worker or `tracker rejected` reads; they are forgotten then."""
    messages = collector.messages
    for message in messages:
        if message.topic == REJECTED:
            msgspec.json.decode(message.value, type=Rejection)
            continue
        touch = decode(message.value, None)
        assert isinstance(touch, Touch), touch
        assert message.topic == f"touchpoints.{touch.channel}"
        assert message.key.decode() == touch.customer == strongest(msgspec.json.decode(message.value)["ids"])
    collector.publisher.batches.clear()
    return len(messages)
