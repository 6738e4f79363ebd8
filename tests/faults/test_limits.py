"""A machine that gives no more: no further open file, no room for a log line or a temporary file."""

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from streams.errors import ExitCode
from streams.process.open_files import LEAST
from streams.torture.crew import ROOT
from streams.torture.rig import Rig
from tests.faults.profile import LONG, seconds
from tests.faults.steps import Make, begin, end, keep_for
from tests.servers import PrivateServers, wait_until
from tests.streams.collector.serving import Served

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(900)]


def limited(limit: str, *words: str, environ: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """What a command does under a limit of the shell."""
    return subprocess.run(
        ["/bin/sh", "-c", f'ulimit {limit}; exec "$@"', "sh", sys.executable, "-m", "streams", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["worker", "collector"])
def test_too_few_open_files(command: str) -> None:
    """A process that may open too few files says so at its start, in one line with its remedy."""
    told = limited(f"-n {LEAST - 1}", command, environ={"KAFKA_BOOTSTRAP": "localhost:1", "REDIS_URL": "redis://x:1"})
    assert told.returncode == ExitCode.UNSUPPORTED
    assert f"may open {LEAST - 1} files, and needs {LEAST}" in told.stderr
    assert "remedy: Raise the limit" in told.stderr
    assert len(told.stderr.splitlines()) == 2


def test_open_files_run_out(rig: Make) -> None:
    """Workers work with the least, wait while nothing more can be opened, and go on when it can."""
    made = rig()
    begin(made)
    limit(made, resource.RLIMIT_NOFILE, LEAST)
    made.until(lambda: made.feeder.confirmed > 1500, 2, 60, "the stream goes on")
    # Every open file stays, and no further one can be opened, not even for a connection that is lost.
    limit(made, resource.RLIMIT_NOFILE, 3)
    made.client.client_kill_filter(_type="normal", skipme=True)
    wait_until(lambda: made.crew.said("Too many open files") > 0, 30)
    before = made.total_applied()
    keep_for(made, seconds(3, 60))
    assert made.total_applied() == before
    # Now every connection to Kafka must be made anew, too.
    made.kafka.restart()
    keep_for(made, seconds(1, 30))
    limit(made, resource.RLIMIT_NOFILE, LEAST)
    assert end(made).customers > 2500


def test_no_room_for_the_log(rig: Make) -> None:
    """A worker writes nothing but its log: where no file may grow it works without log lines, and ends in order."""
    made = rig()
    made.crew.keep(2)
    limit(made, resource.RLIMIT_FSIZE, 0)
    made.feed(12_000 if LONG else 2000, rate=600)
    assert end(made).customers > 1500
    assert [hand.log.read_bytes() for hand in made.crew.hands] == [b"", b""]
    assert [made.crew.stop(hand) for hand in list(made.crew.hands)] == [0, 0]


def test_no_room_for_the_log_of_the_collector(private_servers: PrivateServers, tmp_path: Path) -> None:
    """A collector writes nothing but its log either: it accepts what comes, and ends in order."""
    # Empty: what is printed to a file waits in a buffer, as everywhere outside of images.
    served = Served(tmp_path, private_servers.kafka().bootstrap, TRACKER_LOG_LEVEL="debug", PYTHONUNBUFFERED="")
    try:
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (0, 0))
        written = served.log.stat().st_size
        event = {"event_id": "e", "type": "page", "channel": "web", "occurred_at": 1_790_000_000_000}
        assert served.status("/v1/touchpoints", event | {"ids": {"customer_id": "c1"}}) == 200
        assert served.stop() == ExitCode.OK
        assert served.log.stat().st_size == written
    finally:
        served.kill9()


def test_no_room_for_the_demo() -> None:
    """The demo, which keeps its servers' data in a temporary directory, says what is full."""
    told = limited("-f 0", "demo")
    assert told.returncode == ExitCode.DISK_FULL
    assert "error: No directory for temporary files can be written to" in told.stderr
    assert "remedy: Make room in /tmp, or set TMPDIR" in told.stderr


def limit(made: Rig, what: int, most: int) -> None:
    """Set a limit of all workers; that which they may raise it to stays."""
    for hand in made.crew.hands:
        _, hard = resource.prlimit(hand.process.pid, what)
        resource.prlimit(hand.process.pid, what, (most, hard))
