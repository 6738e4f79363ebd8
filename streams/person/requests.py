"""Orders of a person about names: links, cuts, erasures; sent to the homes of the names, and watched until they hold.

The workers carry them out; it knows the message and where in Redis its effect shows.
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

# A lost answer must not make two of one order; the rest is patience of a person.
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

Order = Ruling | Erase


@contextmanager
def producer(settings: Settings) -> Iterator[Any]:
    """A kafka-python producer that confirms or fails, errors translated."""
    from kafka import KafkaProducer

    probe_kafka(settings)
    with door(settings), closing(KafkaProducer(**kafka_arguments(settings), **PRODUCER)) as opened:
        yield opened


def send(to: Any, orders: Sequence[Order], partitions: int) -> None:
    """Each order to the home of its name, confirmed by the broker on return. Raises what kafka-python raises."""
    under_way = [
        to.send(ROUTED, value=encode_routed(one), key=one.name.encode(), partition=home(one.name, partitions))
        for one in orders
    ]
    to.flush()
    for future in under_way:
        future.get(timeout=CONFIRM_WITHIN_S)


def rulings(one: str, other: str, at_ms: int, *, linked: bool) -> list[Order]:
    """What two names are told of each other."""
    return [Ruling(name, peer, at_ms, linked) for name, peer in ((one, other), (other, one))]


def held(shows: Callable[[], bool], within_s: float) -> bool:
    """Whether an effect shows before the time is over."""
    until_s = monotonic() + within_s
    while not shows():
        if monotonic() > until_s:
            return False
        sleep(LOOK_EVERY_S)
    return True
