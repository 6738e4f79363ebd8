"""Requests about names: to link, cut, clear or erase them. They are sent to the homes of the names and awaited.

The workers carry them out; this file knows the messages and how to wait for their effect.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from time import monotonic, sleep
from typing import Any, Final

from schemas.routed import Clearance, Erase, Ruling
from streams.clients.clients import kafka_arguments, probe_kafka
from streams.clients.failures import door
from streams.definitions.builds import builds_of, routed_of
from streams.definitions.record import read_newest
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

Request = Ruling | Clearance | Erase


@contextmanager
def producer(settings: Settings) -> Iterator[Any]:
    """A kafka-python producer that confirms or fails, errors translated."""
    from kafka import KafkaProducer

    probe_kafka(settings)
    with door(settings), closing(KafkaProducer(**kafka_arguments(settings), **PRODUCER)) as opened:
        yield opened


def send(to: Any, requests: Sequence[Request], partitions: int, builds: Callable[[], Sequence[str]]) -> None:
    """Send each request to the home of its name in every build, confirmed by the broker on return.

    `builds` gives those that the store's record names. It is asked until it names no other ones: a shadow that begins
    while requests are sent gets them too. Raises kafka-python's errors.
    """
    told: set[str] = set()
    while new := [build for build in builds() if build not in told]:
        under_way = [
            to.send(
                routed_of(build), value=encode_routed(one), key=one.name.encode(), partition=home(one.name, partitions)
            )
            for build in new
            for one in requests
        ]
        to.flush()
        for future in under_way:
            future.get(timeout=CONFIRM_WITHIN_S)
        told.update(new)


def kept_builds(client: Any) -> Callable[[], Sequence[str]]:
    """For `send`: the builds that the store's record names at the moment of asking."""
    return lambda: builds_of(read_newest(client))


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
