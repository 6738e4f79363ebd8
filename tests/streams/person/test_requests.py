"""Orders about names, on their way to the names' homes."""

import msgspec
import pytest

from schemas.routed import Erase, Routed, Ruling
from schemas.topics import ROUTED
from streams.definitions.builds import FIRST
from streams.person.requests import held, rulings, send
from tracker.home import home

ANN = "anonymous_id:a1"


class Producer:
    """A kafka-python producer whose records are confirmed, or not, when they are flushed."""

    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[tuple[str, bytes, int, Routed]] = []
        self.error = error
        self.flushed = False

    def send(self, topic, *, value, key, partition):
        self.sent.append((topic, key, partition, msgspec.msgpack.decode(value, type=Routed)))
        return self

    def flush(self):
        self.flushed = True

    def get(self, timeout):
        assert self.flushed
        assert timeout > 0
        if self.error:
            raise self.error


def test_both_homes_get_a_ruling() -> None:
    """Each name of its peer, in the partition where it is at home."""
    producer = Producer()
    send(producer, [*rulings("c1", ANN, 7, linked=False), Erase("c1", 8)], 16, lambda: [FIRST])
    messages = [Ruling("c1", ANN, 7, linked=False), Ruling(ANN, "c1", 7, linked=False), Erase("c1", 8)]
    assert producer.sent == [(ROUTED, one.name.encode(), home(one.name, 16), one) for one in messages]


def test_what_the_broker_does_not_confirm_is_an_error() -> None:
    """No request is reported as under way when it is not."""
    with pytest.raises(TimeoutError):
        send(Producer(TimeoutError()), [Erase("c1", 8)], 4, lambda: [FIRST])


def test_every_build_gets_the_request() -> None:
    """A shadow that begins while a person is erased gets the request too."""
    producer, named = Producer(), iter([[FIRST], [FIRST, "b2"], [FIRST, "b2"]])
    send(producer, [Erase("c1", 8)], 4, lambda: next(named))
    assert [topic for topic, *_ in producer.sent] == [ROUTED, "journey.routed.b2"]


def test_an_effect_is_waited_for_until_its_time_is_over() -> None:
    """The first look may be enough; a condition that never holds ends with the time."""
    looks = iter([False, True])
    assert held(lambda: next(looks), 5)
    assert not held(lambda: False, 0.01)
