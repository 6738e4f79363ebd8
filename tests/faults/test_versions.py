"""A rolling upgrade over a changed format, with two real versions of the program on one installation."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.topics import REJECTED
from streams.errors import ExitCode
from streams.stores.keys import keys
from streams.torture.rig import Rig
from tests.faults.linked import begin, compare
from tests.faults.newer_version import as_before, newer_version
from tests.faults.profile import LONG, seconds
from tests.faults.steps import Make
from tests.servers import wait_until
from tracker.records.state import VERSION

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(900)]


def test_a_rolling_upgrade_over_a_changed_state(rig: Make, tmp_path: Path) -> None:
    """Messages of the newer version wait for it, its states end an older worker, and no customer is lost or doubled."""
    made, newer = begin(rig), newer_version(tmp_path / "newer")
    old = made.crew.start()
    wait_until(lambda: made.crew.said("partition taken") == made.settings.partitions, 60)
    feeder = made.feed(15_000 if LONG else 2000, rate=400 if LONG else 250)
    made.crew.root = newer
    first = made.crew.start()
    wait_until(lambda: set_aside(made) > 0 and versions(made) == {VERSION, VERSION + 1}, 60)
    wait_until(lambda: feeder.confirmed > seconds(1000, 15_000), 180)
    # Its partitions go to the older worker, which cannot read what it finds there.
    made.crew.kill(first)
    wait_until(lambda: not old.running, 60)
    assert old.process.returncode == ExitCode.MISMATCH
    assert "Upgrade this program" in old.log.read_text()
    made.settle(2, 180)
    sent = send_again(made)
    assert sent > 0
    made.settle(2, 60)
    made.crew.close()
    for partition in range(made.settings.partitions):
        states = made.client.hgetall(keys(partition).states)
        made.client.hset(keys(partition).states, mapping={name: as_before(record) for name, record in states.items()})
    compare(made, outbox_whole=False, sent_again=sent)


def set_aside(made: Rig) -> int:
    """How many messages wait for a newer worker."""
    return sum(made.view.reason(record.value) == "newer_version" for record in made.view.messages(REJECTED))


def versions(made: Rig) -> set[int]:
    """Of which versions there are states."""
    records = (record for p in range(made.settings.partitions) for record in made.client.hvals(keys(p).states))
    return {record[1] for record in records}


def send_again(made: Rig) -> int:
    """How many messages the newer version sends again of those that were set aside: all of them."""
    command = [sys.executable, "-m", "streams", "rejected", "retry", "--reason", "newer_version", "--json"]
    environ = {**made.crew.environ, "PYTHONPATH": str(made.crew.root)}
    told = subprocess.run(command, cwd=made.crew.root, env=environ, capture_output=True, check=True)
    sent = json.loads(told.stdout)["sent"]
    assert sent == set_aside(made)
    return sent
