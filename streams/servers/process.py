"""One server as a child process: it can be started, awaited, paused, killed and restarted on the same port and data.

The classes of Kafka and Redis say what each needs; this one knows processes, ports and logs.
"""

import contextlib
import errno
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from streams.errors import ExitCode, TrackerError
from streams.servers import ports
from streams.servers.process_group import ProcessGroup

READY_S = 60.0
"""A start takes 0.1 s (Redis) to 3 s (Kafka); this allows for a machine that is twenty times slower."""
STOP_S = 15.0
LOOK_S = 0.03
ATTEMPTS = 5
"""How many ports to try when one that was found free is taken before the server binds it."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says of a disk that takes no more: no room, no quota, no larger file."""

# Texts in the last lines of a server's log, what each means, what to do, and the exit code.
LAST_WORDS: tuple[tuple[str, str, str, ExitCode], ...] = (
    ("Address already in use", "its port is in use", "Stop what listens there.", ExitCode.PORT_IN_USE),
    ("No space left on device", "the disk is full", "Make room, or set TMPDIR.", ExitCode.DISK_FULL),
    ("Failed to acquire lock", "its data are in use", "Stop the other server on them.", ExitCode.FAILED),
    ("UnsupportedClassVersionError", "Java is too old", "Put Java 17 or newer on the PATH.", ExitCode.UNSUPPORTED),
    ("insufficient memory", "memory is short", "Free some, or give Kafka less heap.", ExitCode.FAILED),
    ("Permission denied", "it may not write its data", "Choose a directory that you may write to.", ExitCode.DENIED),
)


class ServerProcess(ABC):
    """A server in a process group; with `port` None it takes a free port and keeps it over restarts."""

    name: ClassVar[str]

    def __init__(self, group: ProcessGroup, *, port: int | None = None, directory: Path | None = None) -> None:
        self.group = group
        self.directory = directory or group.directory / self.name.lower()
        self.log_path = self.directory / f"{self.name.lower()}.log"
        self.port = port or 0
        self._port_is_fixed = port is not None
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._was_ready = False

    @abstractmethod
    def prepare(self) -> list[str]:
        """The command that runs the server on `port` in `directory`; what it needs is made first."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the server answers as it should now."""

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id; that of the last process if it has ended."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether there is a process (a paused one counts)."""
        return self._process is not None and self._process.poll() is None

    def start(self, deadline_s: float = READY_S) -> None:
        """Start and return when the server is ready, on the same port and data if it ran before."""
        self.launch()
        self.wait_until_ready(deadline_s)

    def launch(self) -> None:
        """Start the process without waiting for it, so that two servers can start side by side."""
        if self.runs:
            return
        if self._port_is_fixed and not ports.is_free(self.port):
            raise ports.in_use(self.name, self.port)
        if not self._port_is_fixed:
            self.port = ports.free_port()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.run(self.prepare())
        except OSError as problem:
            raise self._cannot_write(problem) from None

    def run(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Run a command as this server's process, with its output in the log."""
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._was_ready = False
            self._process = self.group.start(command, self.directory, log)
        return self._process

    def wait_until_ready(self, deadline_s: float = READY_S) -> None:
        """Return when the server is ready. Raises TrackerError with the end of its log when it ends or is too slow."""
        until = time.monotonic() + deadline_s
        attempts = 1
        while not (self.runs and self.is_ready()):
            if not self.runs:
                self._reap()
                if not self._lost_its_port() or attempts == ATTEMPTS:
                    raise self.failure()
                attempts += 1
                self.launch()  # on another port; where the port is fixed, this raises that it is in use
            if time.monotonic() > until:
                last = self.last_words()
                self.kill9()
                raise TrackerError(
                    f"{self.name} was not ready within {deadline_s:g} s; it said: {last}",
                    "Try again when the machine is less busy.",
                    ExitCode.UNREACHABLE,
                )
            time.sleep(LOOK_S)
        self._port_is_fixed = self._was_ready = True

    def stop(self, grace_s: float = STOP_S) -> None:
        """Ask the server to end and wait for it; kill it after `grace_s`."""
        if not self.runs:
            self._reap()
            return
        assert self._process is not None
        self._process.terminate()
        # A paused process handles SIGTERM only when it runs again.
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reap()

    def kill9(self) -> None:
        """End the server as a power cut would end it."""
        if self._process is not None:
            self._process.kill()
        self._reap()

    def pause(self) -> None:
        """Freeze the server: connections stay open and nothing answers."""
        assert self._process is not None
        freeze(self._process)

    def resume(self) -> None:
        """Let a paused server run again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def restart(self, deadline_s: float = READY_S) -> None:
        """Stop the server and start it on the same port and data."""
        self.stop()
        self.start(deadline_s)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of what the server wrote."""
        try:
            return "\n".join(self.log_path.read_text("utf-8", "replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def last_words(self) -> str:
        """The last line of the log that is no frame of a stack trace."""
        return self._last_lines().splitlines()[-1]

    def _last_lines(self) -> str:
        """The last lines of this process, without the frames of stack traces."""
        lines = [line.strip() for line in self._said().splitlines()]
        return "\n".join([line for line in lines if line and not line.startswith(("at ", "..."))][-8:]) or "nothing"

    def _reap(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.wait()
        if self._process is not None:
            self.group.forget(self._process)

    def _lost_its_port(self) -> bool:
        return "Address already in use" in self._said()

    def _said(self) -> str:
        """What this process wrote to the log, without the output of earlier ones."""
        return self.log_path.read_bytes()[self._log_start :].decode("utf-8", "replace")

    def failure(self) -> TrackerError:
        """The error for a server that ended without being asked to."""
        assert self._process is not None
        fate = "ended by itself" if self._was_ready else "did not start"
        for words, meaning, remedy, code in LAST_WORDS:
            if words in self._said():
                return TrackerError(f"{self.name} {fate}: {meaning}.", remedy, code)
        status = self._process.returncode
        return TrackerError(f"{self.name} {fate} (status {status}). It said:\n{self._last_lines()}")

    def _cannot_write(self, problem: OSError) -> TrackerError:
        code = ExitCode.DISK_FULL if problem.errno in FULL else ExitCode.FAILED
        reason = (problem.strerror or str(problem)).lower()
        return TrackerError(f"{self.name} cannot use {self.directory}: {reason}.", "Choose another directory.", code)


Report = Callable[[str], None]
"""Takes a line about the progress of a start."""


def silence(_line: str) -> None:
    """A report that prints nothing."""


def freeze(process: "subprocess.Popen[Any]") -> None:
    """Send SIGSTOP to a child and wait until every thread of it stands still; one that has ended stays as it is.

    A thread that runs on another core ends what it is at before it sees the signal, and may answer meanwhile.
    """
    process.send_signal(signal.SIGSTOP)
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
