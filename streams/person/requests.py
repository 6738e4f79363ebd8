"""Requests about names: to link, cut or erase them. They are sent to the homes of the names and awaited.

The workers carry them out; this file knows the messages and how to wait for their effect.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from time import monotonic, sleep
from typing import Any, Final

from schemas.routed import Erase, Ruling
from schemas.topics import ROUTED
from streams.clients.clients import kafka_arguments, probe_kafka
from streams.clients.failures import door
from streams.settings.settings import Settings
from tracker.home import home
from tracker.planning.message import encode_routed

# Idempotent, so that a lost answer does not double a request. The time-outs are what a person will wait.
PRODUCER: Final[Mapping[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "request_timeout_ms": 10_000,
    "delivery_timeout_ms": 30_000,
    "max_block_ms": 10_000,
    "allow_auto_create_topics": False,
}
CONFIRM_WITHIN_S: Final = 30.0
LOOK_EVERY_S: Final = 0.1

Request = Ruling | Erase


@contextmanager
def producer(settings: Settings) -> Iterator[Any]:
    """A kafka-python producer that confirms or fails, errors translated."""
    from kafka import KafkaProducer

    probe_kafka(settings)
    with door(settings), closing(KafkaProducer(**kafka_arguments(settings), **PRODUCER)) as opened:
        yield opened


def send(to: Any, requests: Sequence[Request], partitions: int) -> None:
    """Send each request to the home of its name, confirmed by the broker on return. Raises kafka-python's errors."""
    under_way = [
        to.send(ROUTED, value=encode_routed(one), key=one.name.encode(), partition=home(one.name, partitions))
        for one in requests
    ]
    to.flush()
    for future in under_way:
        future.get(timeout=CONFIRM_WITHIN_S)


def rulings(one: str, other: str, at_ms: int, *, linked: bool) -> list[Request]:
    """The rulings for a pair of names: one for each, about the other."""
    return [Ruling(name, peer, at_ms, linked) for name, peer in ((one, other), (other, one))]


def held(shows: Callable[[], bool], within_s: float) -> bool:
    """Whether an effect is visible before the time is over."""
    until_s = monotonic() + within_s
    while not shows():
        if monotonic() > until_s:
            return False
        sleep(LOOK_EVERY_S)
    return True
