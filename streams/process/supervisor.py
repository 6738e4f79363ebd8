"""The supervisor: it starts worker processes side by side, restarts those that end, and stops them together.

A fault that a restart cannot repair ends them all with its exit code: at once where the code is in FINAL, else when the
same fault comes again and again (`streams/process/fault_runs.py`). A process that is started again learns how often
that has happened (`streams/process/restarts.py`), since the supervisor has no page of its own.
"""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import structlog

from streams.errors import ExitCode, name_of
from streams.process.fault_runs import HEALTHY_S, FaultRuns
from streams.process.restarts import NONE, VARIABLE, Restarts

log = structlog.get_logger()

# Longer than the 8 s after which a worker cuts off its own stop, and shorter than the 10 s after which Docker kills.
STOP_WITHIN_S: Final = 9.5
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 10.0
LOOK_EVERY_S: Final = 0.1
# Exit codes of faults that a restart cannot repair.
FINAL: Final = frozenset({ExitCode.USAGE, ExitCode.CONFIGURATION, ExitCode.DENIED, ExitCode.MISMATCH})
_HAD_TERMINAL: Final = bool(sys.stdin and sys.stdin.isatty())
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# What may pass by itself when a process cannot be started. The others must not be ended for it.
SHORTAGES: Final = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


@dataclass(slots=True)
class Child:
    """One worker process and its successors."""

    command: Sequence[str]
    environ: Mapping[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    started_s: float = 0.0
    start_at_s: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    is_vital: bool = True
    """Whether a fault that no restart repairs ends the others too; else this one alone stays away."""
    given_up: bool = False
    restarts: Restarts = NONE

    def start(self) -> None:
        """Start the process. It ends by itself when its standard input closes, as when the supervisor is killed.

        In a session of its own, so that Ctrl-C reaches only the supervisor, which stops the workers in order.
        """
        environ = {**self.environ, VARIABLE: self.restarts.told()}
        self.process = subprocess.Popen(self.command, env=environ, stdin=subprocess.PIPE, start_new_session=True)
        self.started_s = time.monotonic()

    def let_go(self) -> None:
        """Forget a process that has ended."""
        if self.process is not None and self.process.stdin:
            self.process.stdin.close()
        self.process = None

    def ended(self) -> int | None:
        """Its exit code, once it has ended."""
        return self.process.poll() if self.process else None


def supervise(children: Sequence[Child], wanted: Callable[[], Sequence[Child] | None] = lambda: None) -> int:
    """Run until SIGTERM, SIGINT or an exit code in FINAL; returns the exit code.

    `wanted` is asked again and again for other children; None: these. Those that are wanted no longer end first, since
    the new ones may take their ports.
    """
    stop = _Stop()
    # What happens to children that are not vital is no reason to end the others.
    faults, leaving = {True: FaultRuns(), False: FaultRuns()}, _Leaving()
    children = list(children)
    code: int = ExitCode.OK
    try:
        while not stop.asked:
            if stop.reload:
                stop.reload = False
                _send(children, signal.SIGHUP)
            if (others := wanted()) is not None:
                children = leaving.replaced(children, others)
            if leaving.are_gone():
                for child in children:
                    if (final := _look(child, faults[child.is_vital])) is not None:
                        return final
            time.sleep(LOOK_EVERY_S)
        code = stop.exit_code
    finally:
        _end([*children, *leaving.children])
        stop.restore()
    return code


class _Leaving:
    """Children that are wanted no longer."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self._until_s = 0.0

    def replaced(self, children: Sequence[Child], wanted: Sequence[Child]) -> list[Child]:
        """The wanted children; those that run already stay as they are, and the others are asked to end."""
        left = list(children)
        stay = []
        for one in wanted:
            same = next((each for each in left if (each.command, each.environ) == (one.command, one.environ)), None)
            stay.append(same or one)
            if same is not None:
                left.remove(same)
        if left:
            log.info("worker processes are replaced", ending=len(left), processes=len(stay))
            _send(left, signal.SIGTERM)
            self.children += left
            self._until_s = time.monotonic() + STOP_WITHIN_S
        return stay

    def are_gone(self) -> bool:
        """Whether all have ended; those that take too long are killed."""
        for each in self.children:
            if each.ended() is not None:
                each.let_go()
        self.children = [each for each in self.children if each.process is not None]
        if self.children and time.monotonic() > self._until_s:
            _send(self.children, signal.SIGKILL)
        return not self.children


class _Stop:
    """Notes SIGTERM, SIGINT and SIGHUP instead of raising, so that children are always waited for."""

    def __init__(self) -> None:
        self.asked = False
        self.reload = False
        """SIGHUP came: the processes read their files again."""
        self.exit_code: int = ExitCode.OK
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and not _has_lost_terminal():
            self.reload = True
            return
        self.asked = True
        self.exit_code = ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.OK

    def restore(self) -> None:
        """Restore the former handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _has_lost_terminal() -> bool:
    """Whether the terminal in which this process ran was closed, which sends SIGHUP too and means the end."""
    if not _HAD_TERMINAL:
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return True
    return False


def _send(children: Sequence[Child], number: int) -> None:
    for child in children:
        if child.process and child.process.poll() is None:
            child.process.send_signal(number)


def _look(child: Child, faults: FaultRuns) -> int | None:
    """Start a child whose pause is over; returns the exit code of a child that must not be restarted, else None."""
    now_s = time.monotonic()
    if child.process is None:
        if now_s >= child.start_at_s and not child.given_up:
            _start(child, now_s)
        return None
    code = child.ended()
    if code is None:
        return None
    if code in FINAL or faults.goes_on(code, now_s - child.started_s, now_s):
        fault = name_of(code)
        if not child.is_vital:
            log.error("no restart helps this process; it stays away", command=child.command[-4:], fault=fault)
            child.let_go()
            child.given_up = True
            return None
        if code not in FINAL:
            log.error(
                "the same fault ends the processes again and again; ending all of them", fault=fault, exit_code=code
            )
        return code
    # After a healthy run the pauses begin again with the first.
    if now_s - child.started_s > HEALTHY_S:
        child.pause_s = FIRST_PAUSE_S
    child.restarts = Restarts(child.restarts.times + 1, code)
    log.warning(
        "worker process ended; starting it again",
        pid=child.process.pid, exit_code=code, restarts=child.restarts.times, pause_s=child.pause_s,
    )  # fmt: skip
    child.let_go()
    child.start_at_s = now_s + child.pause_s
    child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)
    return None


def _start(child: Child, now_s: float) -> None:
    """Start a child, or leave it for later where the machine has no room for a further process now."""
    try:
        child.start()
    except OSError as error:
        if error.errno not in SHORTAGES:
            raise
        log.warning("no worker process can be started now; trying again", reason=str(error), pause_s=child.pause_s)
        child.start_at_s = now_s + child.pause_s
        child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)


def _end(children: Sequence[Child]) -> None:
    """Send SIGTERM to all, and after `STOP_WITHIN_S` SIGKILL to those that still run."""
    running = [child.process for child in children if child.process and child.process.poll() is None]
    for process in running:
        process.send_signal(signal.SIGTERM)
    deadline_s = time.monotonic() + STOP_WITHIN_S
    for process in running:
        try:
            process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("worker process does not end; killing it", pid=process.pid)
            process.kill()
            process.wait()


def worker_children(
    count: int, http_port: int, environ: Mapping[str, str], *options: str, is_vital: bool = True
) -> list[Child]:
    """Children for `count` worker processes: the same settings, each with a port of its own from `http_port` on.

    0: any free port.
    """
    command = [sys.executable, "-m", "streams", "worker", "--supervised", *options]
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (root, environ.get("PYTHONPATH", "")) if part)
    return [
        Child(
            command,
            {**environ, "PYTHONPATH": path, "TRACKER_HTTP_PORT": str(http_port + index if http_port else 0)},
            is_vital=is_vital,
        )
        for index in range(count)
    ]
