"""The canary's process: what it sends, when it sees it again, what it says while it does not."""

import asyncio
import time

import pytest

from streams.canary import MOST_WAITING, Canary
from streams.errors import TrackerError
from tests.servers import wait_until
from tests.tracker.making import START_MS, journey
from tracker.engine.canaries import newest_sent_ms
from tracker.engine.customer import CustomerFold
from tracker.touch import Touch


class Pipeline:
    """Takes touchpoints, and applies those of the channels that are open, when it is asked to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.records: dict[str, bytes] = {}
        self.down = False
        self.now_s = 0.0

    def send(self, *touchpoint: str) -> None:
        if self.down:
            raise TrackerError("Kafka does not answer.", "")
        self.sent.append(touchpoint)

    def apply(self, *open_channels: str) -> None:
        journeys = CustomerFold([journey("a")])
        for channel, customer, event_id in [one for one in self.sent if one[0] in open_channels]:
            touch = Touch(customer, START_MS, "Canary", channel, event_id, {}, {})
            self.records[customer] = journeys.fold(customer, self.records.get(customer), [touch], START_MS).after
            self.sent.remove((channel, customer, event_id))

    def fetch(self, asked) -> list[bytes | None]:
        return [self.records.get(name) for _, name in asked]

    def canary(self, *channels: str) -> Canary:
        return Canary(2, channels or ("web",), self.send, self.fetch, lambda: self.now_s)


def value(canary: Canary, name: str, **labels: str) -> float | None:
    return canary.registry.get_sample_value(name, labels)


def test_the_delay_is_from_sending_to_the_state() -> None:
    """Each partition's touchpoint is one observation, once it is in its record."""
    world = Pipeline()
    canary = world.canary()
    canary.beat()
    world.now_s = 3.0
    canary.look()
    assert value(canary, "tracker_canary_waiting_seconds", partition="1") == canary.longest_s == 3.0
    world.apply("web")
    canary.look()
    assert value(canary, "tracker_canary_delay_seconds_count") == 2
    assert value(canary, "tracker_canary_delay_seconds_sum") == 6.0
    assert value(canary, "tracker_canary_waiting_seconds", partition="1") == canary.longest_s == 0.0
    world.now_s = 4.0
    assert canary.summary() == {
        "longest_waiting_seconds": 0.0, "last_delay_seconds": 3.0, "last_arrival_seconds_ago": 1.0, "lost": 0,
    }  # fmt: skip
    sent_ms = [newest_sent_ms(record) for record in world.records.values()]
    assert len(sent_ms) == 2 and all(abs(moment / 1000 - time.time()) < 60 for moment in sent_ms)
    assert newest_sent_ms(None) is None


def test_channels_take_turns_and_a_slow_one_is_not_lost() -> None:
    """What waits in one topic is not overtaken by another topic's; by its own it is."""
    world = Pipeline()
    canary = world.canary("web", "shop")
    for beat in range(3):
        world.now_s = float(beat)
        canary.beat()
    assert [channel for channel, _, _ in world.sent] == ["web", "web", "shop", "shop", "web", "web"]
    del world.sent[:2]
    world.apply("web")
    canary.look()
    assert value(canary, "tracker_canary_lost_total") == 2, "the first two through web"
    assert value(canary, "tracker_canary_waiting_seconds", partition="0") == 1.0, "the one through shop"


def test_what_cannot_be_sent_waits() -> None:
    """While Kafka is away the canary's age grows; nothing is said to have been sent."""
    world = Pipeline()
    world.down = True
    canary = world.canary()
    with pytest.raises(TrackerError):
        canary.beat()
    world.now_s = 9.0
    assert canary.longest_s == 9.0
    assert value(canary, "tracker_canary_sent_total", channel="web") == 0


def test_it_goes_on_after_a_fault() -> None:
    """While Kafka is away it says so and tries again; then its trouble is over."""
    world = Pipeline()
    canary = Canary(2, ("web",), world.send, world.fetch)

    async def scenario() -> None:
        living = asyncio.create_task(canary.live(0.05))
        await asyncio.to_thread(wait_until, lambda: len(world.sent) >= 6)
        world.down = True
        await asyncio.to_thread(wait_until, lambda: canary.trouble)
        world.down = False
        await asyncio.to_thread(wait_until, lambda: not canary.trouble)
        living.cancel()

    asyncio.run(scenario())
    assert value(canary, "tracker_canary_sent_total", channel="web") == len(world.sent)


def test_no_more_wait_than_a_record_remembers() -> None:
    """What is further behind is lost: memory is bounded, however long the pipeline stands still."""
    world = Pipeline()
    canary = world.canary()
    for _ in range(MOST_WAITING + 3):
        canary.beat()
    assert value(canary, "tracker_canary_lost_total") == 6
