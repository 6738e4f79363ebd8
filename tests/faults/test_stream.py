"""Streams that are not as they should be: doubled, disordered, poisoned, read again from the beginning."""

import time

import pytest

from streams.simulator.deviations import CALM, Deviations
from streams.stores.keys import keys
from streams.torture.rig import Rig
from tests.faults.profile import seconds
from tests.faults.steps import Make, end
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_duplicates(rig: Make, share: float) -> None:
    """Touchpoints that are sent again count once."""
    made = rig(deviations=Deviations(duplicates=share, disorder=0.05, wrong_clocks=0, poison=0))
    made.crew.keep(2)
    made.feed(1500, None)
    end(made)
    assert made.truth.copies > 0


def test_disorder_and_wrong_clocks(rig: Make) -> None:
    """A third of the stream arrives out of order, a fifth of the devices has a wrong clock."""
    made = rig(deviations=Deviations(disorder=0.3, late=0.1, wrong_clocks=0.2, poison=0))
    made.crew.keep(2)
    made.feed(1500, None)
    end(made)


def test_a_thousand_poison_messages(rig: Make) -> None:
    """Poison of every kind, nine in ten messages: each is rejected with its reason, and the rest is applied."""
    made = rig(deviations=Deviations(poison=0.9))
    made.crew.keep(2)
    made.feed(150, None)
    end(made)
    assert made.truth.poison.total() > 1000
    assert len(made.truth.poison) > 5


def test_replay_into_an_empty_redis(rig: Make) -> None:
    """Everything is read again from the beginning, into nothing."""
    made = rig()
    made.crew.keep(2)
    made.feed(1500, None)
    made.settle(2, 120)
    made.crew.close()
    made.client.flushall()
    end(made, outbox_whole=False)


def test_replay_into_a_full_redis(rig: Make) -> None:
    """Everything is read again from the beginning, and changes no figure."""
    made = rig()
    made.crew.keep(2)
    made.feed(1500, None)
    made.settle(2, 120)
    made.crew.close()
    before = counted(made)
    for partition in range(made.settings.partitions):
        # Without the sizes nothing says that offsets are missing, which would be damage and have the partition rebuilt.
        made.client.delete(keys(partition).offsets, keys(partition).sizes)
    end(made, outbox_whole=False)
    after = counted(made)
    # Corrections count what was reported and taken back. In which order ids turn out to be one person's is another one
    # each time, since partitions are read side by side; so reading again may report and take back once more.
    corrections = [name for name in before.keys() | after.keys() if name[1].endswith(b"|corrections")]
    assert all(after.pop(name, 0) >= before.pop(name, 0) for name in corrections)
    assert after == before


def counted(made: Rig) -> dict[tuple[int, bytes], int]:
    """The aggregates by partition and name."""
    return {
        (partition, name): int(count)
        for partition in range(made.settings.partitions)
        for name, count in made.client.hgetall(keys(partition).aggregates).items()
    }


def test_a_slow_worker(rig: Make) -> None:
    """A worker that gets a tenth of the time falls behind, loses nothing and catches up."""
    made = rig(deviations=CALM)
    slow = made.crew.start()
    wait_until(lambda: made.redis_server and made.client.exists(keys(0).epoch), 60)
    feeder = made.feed(3000, None)
    until_s = time.monotonic() + seconds(8, 60)
    while time.monotonic() < until_s and slow.running:
        made.crew.freeze(slow)
        time.sleep(0.45)
        made.crew.thaw(slow)
        time.sleep(0.05)
    assert feeder.confirmed > 0
    end(made, workers=1, within_s=120)


def test_the_verdict_can_fail(rig: Make) -> None:
    """A state that is gone, one aggregate too many, and a message that never came out are all seen."""
    made = rig(deviations=CALM)
    made.crew.keep(1)
    made.feed(300, None)
    made.settle(1, 90)
    assert made.judge().holds
    client, names = made.client, keys(0)
    victim = next(iter(client.hkeys(names.states)))
    client.hdel(names.states, victim)
    verdict = made.judge()
    assert verdict.lost == 1
    assert any("the states say" in line for line in verdict.wrong)
