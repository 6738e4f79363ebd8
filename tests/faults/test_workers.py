"""Workers that die, freeze, come and go: nothing is lost and nothing counts twice."""

import random
import time

import psutil
import pytest

from streams.errors import ExitCode
from tests.faults.profile import seconds
from tests.faults.steps import Make, end
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(600)]


def test_an_undisturbed_run_is_exact(rig: Make) -> None:
    """Two workers, duplicates, disorder and poison: every figure is the truth's."""
    made = rig()
    made.crew.keep(2)
    made.feed(2000, rate=None)
    verdict = end(made, within_s=90)
    assert verdict.customers == len(made.truth.customers()) > 1900


def test_ten_kills_at_random(rig: Make) -> None:
    """Kill -9 of a worker at ten random moments."""
    made, chance = rig(), random.Random(11)
    made.crew.keep(2)
    feeder = made.feed(6000, rate=500)
    for _ in range(10):
        enough = feeder.confirmed + chance.randrange(200, 900)
        wait_until(lambda enough=enough: feeder.confirmed > enough or feeder.done, 30)
        made.crew.keep(2)
        made.crew.kill(chance.choice(made.crew.hands))
    end(made, within_s=120)


@pytest.mark.parametrize("step", [1, 3, 4, 5, 6, 7])
def test_killed_after_step(rig: Make, step: int) -> None:
    """A worker that dies right after a step leaves what docs/delivery.md says, and the next one goes on."""
    made = rig()
    made.crew.start(failpoint=f"{step}:3")
    made.feed(1000, rate=None)
    doomed = made.crew.hands[0]
    wait_until(lambda: not doomed.running, 60)
    assert doomed.process.returncode == -9
    end(made, workers=1, within_s=90)


def test_a_frozen_worker_wakes_up_too_late(rig: Make) -> None:
    """SIGSTOP past the session time-out, SIGCONT after the partitions moved: its write is refused.

    It ends, unless Kafka revokes the partition before Redis refuses a write; then it closes it and stays.
    """
    made = rig()
    frozen = made.crew.start(failpoint="5:4:STOP")
    made.feed(3000, rate=500)
    wait_until(lambda: psutil.Process(frozen.process.pid).status() == psutil.STATUS_STOPPED, 60)
    made.crew.start()
    made.until(lambda: made.feeder.done and made.is_at_rest(), 2, 120, "another worker has applied everything")
    made.crew.thaw(frozen)
    wait_until(lambda: "write refused" in frozen.log.read_text(errors="replace"), 60)
    assert frozen.running or frozen.process.returncode == ExitCode.FENCED
    end(made, within_s=120)


def test_a_rolling_restart(rig: Make) -> None:
    """SIGTERM one after the other, three workers: each exits 0, and the stream goes on."""
    made = rig()
    made.crew.keep(3)
    made.feed(4000, rate=500)
    wait_until(lambda: made.total_applied() > 300, 60)
    for hand in list(made.crew.hands):
        assert made.crew.stop(hand) == 0
        made.crew.keep(3)
        before = made.total_applied()
        made.until(lambda applied=before: made.total_applied() > applied, 3, 60, "the others go on")
    end(made, workers=3, within_s=120)


def test_joins_and_leaves(rig: Make) -> None:
    """Workers come and go every few seconds."""
    made, chance = rig(), random.Random(5)
    made.crew.keep(1)
    feeder = made.feed(4000, rate=500)
    until_s = time.monotonic() + seconds(20, 60)
    while time.monotonic() < until_s and not feeder.done:
        if len(made.crew.hands) < 2 or (len(made.crew.hands) < 4 and chance.random() < 0.5):
            made.crew.start()
        else:
            made.crew.stop(chance.choice(made.crew.hands))
        time.sleep(seconds(3, 5))
    end(made, within_s=150)
