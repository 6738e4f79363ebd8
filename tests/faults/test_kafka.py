"""Kafka that dies, restarts or freezes: the tracker waits, and ends exact."""

import resource
import time

import pytest

from tests.faults.profile import seconds
from tests.faults.steps import Make, begin, end, keep_for

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(900)]


def test_killed(rig: Make) -> None:
    """Kill -9 of the broker, and a while without it."""
    made = rig()
    begin(made)
    made.kafka.kill9()
    keep_for(made, seconds(6, 20))
    made.kafka.restart()
    end(made, within_s=240)


def test_graceful_restarts(rig: Make) -> None:
    """The broker is restarted again and again."""
    made = rig()
    begin(made, customers=4000)
    for _ in range(int(seconds(2, 5))):
        made.kafka.restart()
        keep_for(made, seconds(3, 8))
    end(made, within_s=240)


def test_frozen(rig: Make) -> None:
    """SIGSTOP of the broker past every time-out."""
    made = rig()
    begin(made)
    made.kafka.pause()
    keep_for(made, seconds(8, 30))
    made.kafka.resume()
    end(made, within_s=240)


def test_a_disk_that_takes_no_more(rig: Make) -> None:
    """Kafka cannot write and ends itself; with room again, and started again, nothing is missing."""
    made = rig()
    begin(made)
    # What the kernel says beyond this size is what it says of a full disk: the write fails.
    resource.prlimit(made.kafka.pid, resource.RLIMIT_FSIZE, (4096, 4096))
    made.until(lambda: not made.kafka.runs, 2, 60, "the broker has ended itself")
    keep_for(made, seconds(2, 20))
    made.kafka.restart()
    end(made, within_s=240)


def test_a_new_crew_goes_on_where_redis_stands(rig: Make) -> None:
    """Kafka's own offsets are advisory: a group that forgot them changes nothing."""
    made = rig()
    begin(made, customers=1500)
    made.settle(2, 120)
    made.crew.close()
    time.sleep(0.1)
    made.crew.keep(2)
    made.feed(500, None)
    end(made, within_s=120)
