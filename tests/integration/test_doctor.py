"""The doctor and the exporter on a running installation: real Kafka, Redis, workers, exporter and canary."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from streams.errors import ExitCode
from streams.servers import ports
from streams.simulator.deviations import Deviations
from streams.stores.restarted import noted
from streams.torture.crew import Crew
from streams.torture.rig import Rig
from tests.servers import start_private_servers, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(240)]
PARTITIONS = 4
# Time-out of the session, and what is added to it (`streams/stores/attendance.py`).
NEGLECTED_AFTER_S = 26


class Installation:
    """Topics, an exporter and a canary on servers of their own; each test has the workers that it wants."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.exporter, self.canary = ports.free_port(), ports.free_port()
        self.environ = {
            "KAFKA_BOOTSTRAP": rig.kafka.bootstrap, "REDIS_URL": rig.redis_server.url,
            "TRACKER_PARTITIONS": str(PARTITIONS), "TRACKER_SESSION_TIMEOUT_S": "6", "TRACKER_ID_SALT": "salt",
            "EXPORTER_PORT": str(self.exporter), "CANARY_PORT": str(self.canary), "TRACKER_LOG_FORMAT": "json",
        }  # fmt: skip
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        assert self.tracker("topics", "create").returncode == 0

    def tracker(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """A command's end."""
        return subprocess.run(
            [sys.executable, "-m", "streams", *words], env=os.environ | self.environ | environ,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def start(self, *words: str, **environ: str) -> subprocess.Popen[bytes]:
        """A command that stays."""
        with (self.folder / f"{words[0]}-{len(self.processes)}.log").open("wb") as log:
            command, whole = [sys.executable, "-m", "streams", *words], os.environ | self.environ | environ
            self.processes.append(subprocess.Popen(command, env=whole, stdout=log, stderr=subprocess.STDOUT))
        return self.processes[-1]

    def doctor(self, *words: str, **environ: str) -> tuple[int, dict[str, list[tuple[str, str]]]]:
        """The exit code and by area what is said."""
        done = self.tracker("doctor", "--json", *words, **environ)
        found = json.loads(done.stdout)
        assert found["exit_code"] == done.returncode, done.stderr
        said: dict[str, list[tuple[str, str]]] = {}
        for each in found["findings"]:
            said.setdefault(each["area"], []).append((each["state"], each["message"]))
        return done.returncode, said

    def page(self, path: str, port: int | None = None) -> tuple[int, str]:
        """A page of the exporter; 0 where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.exporter}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def complete(self) -> float:
        """What the exporter says of its figures."""
        lines = self.page("/metrics")[1].splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("tracker_figures_complete "))

    def has_workers(self, count: int) -> None:
        """So many workers run, and every partition has been looked after."""
        self.rig.crew.keep(count)
        wait_until(lambda: self.doctor("--look", "0.5")[1].get("workers", [("", "")])[0][0] == "ok", 60)

    def kill_workers(self) -> None:
        """SIGKILL for all."""
        for hand in list(self.rig.crew.hands):
            self.rig.crew.kill(hand)

    def end(self) -> None:
        """All processes."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(15)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("doctor")
    with start_private_servers() as servers, ExitStack() as stack:
        rig = Rig(
            servers.kafka(), servers.redis(), folder, partitions=PARTITIONS,
            deviations=Deviations(), options={"TRACKER_BATCH_RECORDS": "5"},
        )  # fmt: skip
        stack.callback(rig.close)
        made = Installation(rig, folder)
        stack.callback(made.end)
        made.start("exporter")
        made.start("canary", "--every", "1s")
        yield made


def states(said: dict[str, list[tuple[str, str]]]) -> set[str]:
    return {state for findings in said.values() for state, _ in findings}


def test_before_the_first_worker(installation: Installation) -> None:
    """Nobody has ever run: a warning with its remedy, no problem of the group; the figures raise no alarm yet."""
    wait_until(lambda: installation.page("/health")[0] == 200, 20)
    _, said = installation.doctor()
    assert said["workers"][0][0] == "warning" and "ever run" in said["workers"][0][1]
    assert said["exporter"][0][0] == "ok"


def test_a_fresh_installation_is_well(installation: Installation) -> None:
    """Workers live and nobody has sent anything but the canary: all is well, ready and complete."""
    installation.has_workers(2)
    wait_until(lambda: installation.doctor()[0] == 0, 30)
    code, said = installation.doctor()
    assert (code, states(said)) == (ExitCode.OK, {"ok"}), said
    assert "2 workers own all 4 partitions" in said["workers"][0][1]
    assert "complete" in said["exporter"][0][1] and "from producer to state" in said["canary"][0][1]
    text = installation.tracker("doctor").stdout
    assert text.startswith("All is well.") and "\033" not in text and "TRACKER_PARTITIONS" not in text
    status, health = installation.page("/health")
    assert status == 200 and installation.complete() == 1.0
    assert [each["neglected"] for each in json.loads(health)["partitions"].values()] == [False] * PARTITIONS


def test_idle_workers_are_well(installation: Installation) -> None:
    """Without the canary nothing at all is to be applied for longer than it takes to call a partition neglected."""
    installation.processes[1].send_signal(signal.SIGSTOP)
    try:
        seen = installation.rig.total_applied()
        with pytest.raises(pytest.fail.Exception):
            wait_until(lambda: installation.page("/health/ready")[0] != 200, NEGLECTED_AFTER_S + 4, 0.5)
        assert installation.rig.total_applied() == seen
        _, said = installation.doctor(CANARY_PORT="")
        assert {area for area, found in said.items() if found[0][0] != "ok"} == {"canary"}
    finally:
        installation.processes[1].send_signal(signal.SIGCONT)


def test_a_lag_that_grows_and_then_shrinks(installation: Installation) -> None:
    """Slower workers than senders are a warning; once nobody sends, a remark says when they have caught up."""
    installation.rig.feed(60_000, 4000)
    wait_until(lambda: "grows" in str(installation.doctor("--look", "2")[1]["lag"]), 60)
    feeder = installation.rig.feeder
    feeder.stop()
    feeder.join(20)

    def shrinks() -> bool:
        # What was sent last may still be on its way through journey.routed, or all of it may be applied by now.
        code, said = installation.doctor()
        states = {state for state, _ in said["lag"]}
        return code == ExitCode.OK and (states == {"ok"} or "caught up in about" in str(said["lag"]))

    wait_until(shrinks, 60)


def test_half_of_the_partitions_stand_still(installation: Installation) -> None:
    """One of two workers was killed; Kafka still counts it as a member, and the lag of its partitions tells."""
    installation.kill_workers()
    slow = {"TRACKER_SESSION_TIMEOUT_S": "120", "TRACKER_GROUP": "halves", "TRACKER_BATCH_RECORDS": "5"}
    halves = Crew({**installation.environ, **slow}, installation.folder)
    try:
        halves.keep(2)
        wait_until(
            lambda: "2 workers own all 4" in str(installation.doctor("--look", "0.5", **slow)[1]["workers"]), 180
        )
        halves.kill(halves.hands[0])

        def is_half() -> bool:
            # On a busy machine the other worker may apply nothing of one of its own partitions during a look.
            code, said = installation.doctor(**slow)
            (state, message), *_ = said["lag"]
            assert (code, state) == (ExitCode.STALLED, "problem"), said
            stuck = message.splitlines()[0].partition("partitions ")[2].rstrip(":")
            return len(stuck.replace("-", ",").split(",")) == 2

        wait_until(is_half, 60)
    finally:
        halves.close()


def test_nobody_applies(installation: Installation) -> None:
    """All workers are killed while touchpoints arrive: the doctor's first finding, its exit code, and the exporter."""
    installation.kill_workers()
    installation.rig.feed(3000, 60)
    wait_until(lambda: "partitions 0-3, for" in installation.page("/health/ready")[1], NEGLECTED_AFTER_S + 20)
    assert installation.page("/health/ready")[0] == 503
    assert installation.complete() == 0.0
    done = installation.tracker("doctor")
    assert done.returncode == ExitCode.STALLED
    headline, _, first, remedy, *_ = done.stdout.splitlines()
    assert "problems" in headline and first.startswith("problem  workers      No worker is in the group")
    assert "tracker worker" in remedy
    assert "Records wait, and none was applied" in done.stdout and "is not ready" in done.stdout
    installation.rig.feeder.stop()


def test_workers_that_come_back(installation: Installation) -> None:
    """The exporter is ready again as soon as every partition has its worker; what ended often is told."""
    supervisor = installation.start("worker")
    wait_until(lambda: installation.page("/health/ready")[0] == 200, 60)
    assert installation.complete() == 1.0
    for count in range(1, 4):
        [child] = wait_until(lambda: psutil.Process(supervisor.pid).children())
        child.kill()
        wait_until(lambda count=count: len(list(noted(installation.rig.client))) == count, 30)
    state, message = installation.doctor("--look", "0.5")[1]["restarts"][0]
    assert state == "warning" and "SIGKILL (3)" in message
    supervisor.terminate()
    supervisor.wait(20)


def test_an_exporter_that_is_down(installation: Installation) -> None:
    """Where its address is set, its silence is a problem; at the default address it is not known, never in order."""
    installation.processes[0].terminate()
    installation.processes[0].wait(15)
    _, said = installation.doctor()
    assert said["exporter"][0][0] == "problem"
    _, said = installation.doctor(EXPORTER_PORT="")
    assert said["exporter"][0][0] == "unknown"
