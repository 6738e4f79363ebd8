"""Definitions that change while workers apply touchpoints: nothing is lost, and the figures are those of the newest."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.definitions.apply import UNSEEN, read_files, read_record
from streams.definitions.record import record_key
from streams.definitions.served import read_markers, read_served
from streams.errors import ExitCode
from streams.settings.settings import packaged_journeys
from streams.torture.rig import Rig
from tests.faults.steps import Make, begin, end
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(600)]

FIRST = (packaged_journeys() / "seven-stages.yaml").read_text().replace("version: 2", "version: 1")
SECOND = FIRST.replace("version: 1", "version: 2").replace("[web, shop, support]", "[web, shop, support, mail]")
THIRD = SECOND.replace("version: 2", "version: 3").replace("drops_after: 30d", "drops_after: 20d")


def journey_file(folder: Path, text: str, name: str = "journey.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def revisions(made: Rig) -> set[int]:
    return {marker.revision for marker in read_markers(made.client, made.settings.partitions)}


def is_done(made: Rig, revision: int) -> bool:
    markers = read_markers(made.client, made.settings.partitions)
    return all((marker.revision, marker.left, marker.looked) == (revision, 0, revision) for marker in markers)


def judged_by(made: Rig, path: Path) -> None:
    """The verdict is given by the definition in a file from now on."""
    (made.definition,) = [each.definition for each in read_files([path])]


def test_a_file_that_changes_is_followed_under_load(rig: Make, tmp_path: Path) -> None:
    """A new segment value and a shorter limit come while touchpoints do; every state and figure is of the new ones."""
    path = journey_file(tmp_path, FIRST)
    made = rig(options={"TRACKER_JOURNEYS": str(path)})
    begin(made)
    journey_file(tmp_path, SECOND)
    made.until(lambda: revisions(made) == {2}, 2, 60, "the new version is followed")
    journey_file(tmp_path, THIRD)
    for hand in made.crew.hands:
        hand.process.send_signal(signal.SIGHUP)
    made.until(lambda: revisions(made) == {3}, 2, 60, "the third version is followed")
    judged_by(made, path)
    end(made)
    made.until(lambda: is_done(made, 3), 2, 60, "every state was looked at")
    assert made.judge().holds
    assert made.crew.ends == []
    served = read_served(made.client, made.settings.partitions)
    assert served is not None
    assert (served.revision, served.outdated) == (3, {"seven_stages": 0})
    assert served.definitions == (made.definition,)


def test_a_rolling_restart_over_two_versions_is_exact(rig: Make, tmp_path: Path) -> None:
    """A worker with the new file and one with the old one write side by side; both write by the newer."""
    old, new = journey_file(tmp_path, FIRST, "old.yaml"), journey_file(tmp_path, SECOND, "new.yaml")
    made = rig(options={"TRACKER_JOURNEYS": str(old)})
    begin(made)
    made.crew.start_with({"TRACKER_JOURNEYS": str(new)})
    made.until(lambda: revisions(made) == {2}, 3, 60, "the new version is followed")
    # A worker that still has the old file comes after the new one.
    made.crew.kill(made.crew.hands[0])
    made.crew.start_with({"TRACKER_JOURNEYS": str(old)})
    judged_by(made, new)
    end(made, workers=3)
    made.until(lambda: is_done(made, 2), 3, 60, "every state was looked at")
    assert made.judge().holds
    assert read_record(made.client).newest.number == 2


def test_a_lost_record_is_written_again(rig: Make, tmp_path: Path) -> None:
    """Without the record, and after all of Redis is emptied, workers go on by the definitions that they know."""
    path = journey_file(tmp_path, FIRST)
    made = rig(options={"TRACKER_JOURNEYS": str(path)})
    begin(made)
    journey_file(tmp_path, SECOND)
    made.until(lambda: revisions(made) == {2}, 2, 60, "the new version is followed")
    # One worker may have owned all partitions so far; a restart counts as having the new version too.
    made.until(lambda: made.crew.said('{"revision": 2,') >= 2, 2, 60, "both workers have it")
    made.client.delete(record_key())
    made.until(lambda: revisions(made) == {2 + UNSEEN}, 2, 60, "the record is there again")
    made.client.flushall()
    made.until(lambda: len(revisions(made)) == 1 and 0 not in revisions(made), 2, 60, "the record is there again")
    judged_by(made, path)
    end(made, outbox_whole=False)
    assert {each.version for each in read_record(made.client).current(read_record(made.client).newest)} == {2}


def test_a_changed_file_of_the_same_version_is_refused(rig: Make, tmp_path: Path) -> None:
    """A worker that is started with it ends with one line; workers that run, or are started again, go on."""
    path = journey_file(tmp_path, FIRST)
    made = rig(options={"TRACKER_JOURNEYS": str(path)})
    begin(made, customers=1000)
    journey_file(tmp_path, FIRST.replace("drops_after: 30d", "drops_after: 20d"))
    words = [sys.executable, "-m", "streams", "worker"]
    done = subprocess.run(words, env=made.crew.environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ExitCode.USAGE
    assert "30d → 20d" in done.stderr
    assert "Raise `version` to 2" in done.stderr
    made.crew.kill(made.crew.hands[0])
    end(made)
    wait_until(lambda: made.crew.said("journey files are not applied"))
    assert revisions(made) == {1}
