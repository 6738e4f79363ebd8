import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.errors import ExitCode, name_of
from streams.process.fault_runs import FaultRuns
from streams.process.restarts import NONE, VARIABLE, Restarts, restarts
from streams.process.supervisor import Child, _look, worker_children
from tests.servers import wait_until

# Runs children of these words under a supervisor and says each one's number and process id.
SUPERVISE = """
import os, sys
from streams.process import supervisor
from streams.process import fault_runs
supervisor.FIRST_PAUSE_S = 0.1
fault_runs.TOGETHER_S = 0.0
environ = dict(os.environ)
children = [supervisor.Child([sys.executable, "-c", words], {**environ, "NUMBER": str(number)})
            for number, words in enumerate(sys.argv[1:])]
sys.exit(supervisor.supervise(children))
"""
WAIT = "import os, sys; print(os.environ['NUMBER'], os.getpid(), flush=True); sys.stdin.read()"
REPORT = "import os, sys; print(os.environ['NUMBER'], os.getpid(), flush=True)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAIT + "; import time; time.sleep(99)"


class Supervisor:
    """A supervisor as a process of its own."""

    def __init__(self, folder: Path, *children: str) -> None:
        self.out = folder / "out"
        with self.out.open("w") as out:
            words = [sys.executable, "-c", SUPERVISE, *children]
            self.process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)

    def pids(self, number: int) -> list[int]:
        """The processes that have started in this place, in order."""
        lines = [line.split() for line in self.out.read_text().splitlines()]
        return [int(line[1]) for line in lines if len(line) == 2 and line[0] == str(number)]


@pytest.fixture
def start(tmp_path: Path):
    started = []

    def one(*children: str) -> Supervisor:
        started.append(Supervisor(tmp_path, *children))
        return started[-1]

    yield one
    for supervisor in started:
        supervisor.process.kill()
        supervisor.process.wait()
        for number in range(2):
            for pid in supervisor.pids(number):
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)


def test_a_shortage_is_waited_for(monkeypatch) -> None:
    """Where the machine has no room for a further process now, the others go on and it is tried again later."""
    child = Child(["unused"], {})

    def refuse(_child: Child) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(Child, "start", refuse)
    assert _look(child, FaultRuns()) is None
    assert child.process is None
    assert child.start_at_s > time.monotonic()
    monkeypatch.setattr(Child, "start", lambda _child: (_ for _ in ()).throw(FileNotFoundError(errno.ENOENT, "python")))
    child.start_at_s = 0.0
    with pytest.raises(FileNotFoundError):
        _look(child, FaultRuns())


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, ExitCode.INTERRUPTED)])
def test_all_stop_together(start, number: signal.Signals, code: int) -> None:
    """SIGTERM and Ctrl-C reach every child, and nothing is left."""
    supervisor = start(WAIT, WAIT)
    pids = wait_until(lambda: len(found := supervisor.pids(0) + supervisor.pids(1)) == 2 and found)
    supervisor.process.send_signal(number)
    assert supervisor.process.wait(10) == code
    assert not any(map(alive, pids))


def test_a_killed_child_is_started_again(start) -> None:
    """The other one is left alone."""
    supervisor = start(WAIT, WAIT)
    [first] = wait_until(lambda: supervisor.pids(0))
    [other] = wait_until(lambda: supervisor.pids(1))
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: len(supervisor.pids(0)) == 2)
    assert supervisor.pids(1) == [other]
    assert alive(other)


@pytest.mark.parametrize("code", [ExitCode.CONFIGURATION, ExitCode.MISMATCH])
def test_what_starting_again_cannot_mend_ends_all(start, code: ExitCode) -> None:
    """The others are stopped, and the reason is the supervisor's own exit code."""
    supervisor = start(WAIT, f"import sys, time; time.sleep(1); sys.exit({int(code)})")
    [first] = wait_until(lambda: supervisor.pids(0))
    assert supervisor.process.wait(15) == code
    assert not alive(first)


def test_a_fault_that_comes_again_and_again_ends_all(start) -> None:
    """Five quick ends with one exit code end the group with it and one line; the healthy other one is stopped."""
    supervisor = start(WAIT, f"{REPORT}; sys.exit({int(ExitCode.PORT_IN_USE)})")
    [healthy] = wait_until(lambda: supervisor.pids(0))
    assert supervisor.process.wait(30) == ExitCode.PORT_IN_USE
    assert not alive(healthy)
    assert len(supervisor.pids(1)) == 5
    [line] = [line for line in supervisor.out.read_text().splitlines() if "ending all" in line]
    assert "PORT_IN_USE" in line


@pytest.mark.parametrize("ending", ["os.kill(os.getpid(), 9)", f"sys.exit({int(ExitCode.UNREACHABLE)})"])
def test_a_signal_or_a_server_that_is_away_ends_nothing(start, ending: str) -> None:
    """However often a child is killed or finds a server away, it is started again."""
    supervisor = start(f"{REPORT}; {ending}")
    wait_until(lambda: len(supervisor.pids(0)) == 7)
    assert supervisor.process.poll() is None


def test_a_process_learns_of_its_restarts(start) -> None:
    """How many there were, and how the last one ended; the first has had none."""
    supervisor = start("import os, sys; print('told', os.environ['TRACKER_RESTARTS'], flush=True); sys.exit(12)")
    told = wait_until(lambda: len(found := re.findall("told (.*)", supervisor.out.read_text())) > 2 and found)
    assert told[:3] == ["0 0", "1 12", "2 12"]
    assert [restarts({VARIABLE: each}) for each in ("0 0", "2 -9", "", "x")] == [NONE, Restarts(2, -9), NONE, NONE]


def test_ends_have_names() -> None:
    """An exit code by its name, a signal by its own, and whatever else comes is unknown."""
    assert [name_of(code) for code in (12, -9, -99, 200)] == ["STALLED", "SIGKILL", "signal 99", "unknown"]


def test_children_end_when_the_supervisor_is_killed(start) -> None:
    """Their standard input closes; they need no signal to notice."""
    supervisor = start(WAIT)
    [child] = wait_until(lambda: supervisor.pids(0))
    supervisor.process.kill()
    wait_until(lambda: not alive(child), 10)


REPLACE = """
import os, sys
from streams.process import supervisor
environ = dict(os.environ)
children = [supervisor.Child([sys.executable, "-c", words], {**environ, "NUMBER": str(number)})
            for number, words in enumerate(sys.argv[1:])]
asked = iter([None, None, [supervisor.Child(children[0].command, children[0].environ), children[2]]])
sys.exit(supervisor.supervise(children[:2], lambda: next(asked, None)))
"""


def test_other_children_take_the_place_of_those_that_are_wanted_no_longer(tmp_path: Path) -> None:
    """Who is wanted still goes on; who comes starts when those who go have ended, whose ports it may take."""
    out = tmp_path / "out"
    leaving = WAIT.replace("sys.stdin.read()", "import time; time.sleep(9)")
    with out.open("w") as file:
        words = [sys.executable, "-c", REPLACE, WAIT, leaving, WAIT]
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT)

    def pids(number: int) -> list[int]:
        lines = [line.split() for line in out.read_text().splitlines()]
        return [int(line[1]) for line in lines if len(line) == 2 and line[0] == str(number)]

    try:
        [newcomer] = wait_until(lambda: pids(2))
        assert [alive(pid) for pid in pids(0)] == [True]
        assert not any(map(alive, pids(1)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert not alive(newcomer)
    finally:
        process.kill()
        process.wait()


def test_a_child_that_is_not_vital_ends_nobody_else() -> None:
    """Its fault is not repaired by a restart, so it stays away."""
    child = Child(
        [sys.executable, "-c", f"raise SystemExit({int(ExitCode.MISMATCH)})"], dict(os.environ), is_vital=False
    )
    faults = FaultRuns()
    assert _look(child, faults) is None
    child.process.wait(20)
    assert _look(child, faults) is None
    assert (child.process, child.given_up) == (None, True)
    assert _look(child, faults) is None
    assert child.process is None


@pytest.mark.slow
def test_a_child_that_will_not_end_is_killed(start) -> None:
    """Its time is bounded, so that the whole stop is."""
    supervisor = start(STUBBORN)
    [child] = wait_until(lambda: supervisor.pids(0))
    began = time.monotonic()
    supervisor.process.send_signal(signal.SIGTERM)
    assert supervisor.process.wait(15) == 0
    assert time.monotonic() - began < 14
    assert not alive(child)


def test_pauses_grow_and_are_bounded() -> None:
    """A child that dies at once is not started in a hot loop."""
    child = Child([sys.executable, "-c", "raise SystemExit(70)"], dict(os.environ))
    pauses = []
    while len(pauses) < 7:
        child.start_at_s = 0.0
        _look(child, FaultRuns())
        child.process.wait(20)
        pauses.append(child.pause_s)
        child.process.stdin.close()
        _look(child, FaultRuns())
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_each_process_has_a_port_of_its_own() -> None:
    """Counted up from the first; none is asked for where any free one will do."""
    ports = [child.environ["TRACKER_HTTP_PORT"] for child in worker_children(3, 9100, {"A": "b"})]
    assert ports == ["9100", "9101", "9102"]
    assert {child.environ["TRACKER_HTTP_PORT"] for child in worker_children(2, 0, {})} == {"0"}


def test_children_find_the_code_from_anywhere(tmp_path: Path) -> None:
    """They run in whatever folder the supervisor was started in."""
    [child] = worker_children(1, 0, {"PYTHONPATH": "/elsewhere", "PATH": os.environ["PATH"]})
    words = [sys.executable, "-c", "import streams, sys; print(sys.path)"]
    ended = subprocess.run(words, env=child.environ, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "/elsewhere" in ended.stdout
