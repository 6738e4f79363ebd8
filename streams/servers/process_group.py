"""A directory and the processes in it: none of them outlives this process, however it ends.

`watcher.py` ends them after a kill -9 or a crash; this side starts the watcher and sends it the process ids.
It knows nothing of Kafka and Redis.
"""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from streams.errors import ExitCode, TrackerError

WATCHER = Path(__file__).with_name("watcher.py")
FREE_MB = 256
"""Several times what an hour of the demo writes."""
CLOSE_S = 30.0

# A child waits for one line from its parent before it becomes the server. If the parent dies before the watcher has
# the child's id, the child reads the end of the pipe instead and ends.
WAIT_FOR_WORD = 'read -r _ && exec "$@" </dev/null'


class ProcessGroup:
    """A private directory that is removed when this process ends, or `data`, which stays; and the processes in it."""

    def __init__(self, data: Path | None = None) -> None:
        self.keeps = data is not None
        self._lock = threading.Lock()
        base = _temporary() if data is None else data.absolute()
        self._watcher = _start_watcher("keep" if self.keeps else "new", base)
        assert self._watcher.stdout is not None
        answer = self._watcher.stdout.readline().strip()
        if not answer or answer.startswith("!"):
            self.close()
            raise _cannot_use(base, answer)
        self.directory = Path(answer)
        try:
            _check_space(self.directory)
        except BaseException:
            self.close()
            raise

    def start(
        self, command: Sequence[str], directory: Path, log: IO[bytes], environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A process that writes to `log`, in a session of its own, so that Ctrl-C reaches only this process."""
        process = subprocess.Popen(
            ["/bin/sh", "-c", WAIT_FOR_WORD, "sh", *command],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**(os.environ if environ is None else environ), "LC_ALL": "C"},
        )
        assert process.stdin is not None
        try:
            # The watcher first, then the word to start: no server ever runs that the watcher does not know.
            self._send(f"+{process.pid}\n")
            process.stdin.write(b"go\n")
            process.stdin.close()
        except BrokenPipeError:
            self._end(process)
            raise TrackerError("The process that guards the servers was killed.", "Start again.") from None
        except BaseException:
            self._end(process)
            raise
        return process

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """Remove a process that has ended and was waited for: the system may give its id to another process."""
        with contextlib.suppress(BrokenPipeError):
            self._send(f"-{process.pid}\n")

    def close(self) -> None:
        """End the processes that are left, and remove the directory unless it is one to keep."""
        with self._lock, contextlib.suppress(BrokenPipeError):
            if self._watcher.stdin is not None:
                self._watcher.stdin.close()
        self._watcher.wait(CLOSE_S)
        if self._watcher.stdout is not None:
            self._watcher.stdout.close()

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()

    def _send(self, line: str) -> None:
        """Send the watcher a line; the lock keeps the lines of several threads apart."""
        with self._lock:
            assert self._watcher.stdin is not None
            self._watcher.stdin.write(line)
            self._watcher.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _start_watcher(kind: str, base: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(WATCHER), str(os.getpid()), kind, str(base)],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )


def _temporary() -> Path:
    """The directory for temporary files: the first of those that Python tries in which a file can be written."""
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        raise TrackerError(
            "No directory for temporary files can be written to: all are full, or closed to this user.",
            "Make room in /tmp, or set TMPDIR to a directory with room.",
            ExitCode.DISK_FULL,
        ) from None


def _check_space(directory: Path) -> None:
    free_mb = shutil.disk_usage(directory).free // 2**20
    if free_mb < FREE_MB:
        raise TrackerError(
            f"Only {free_mb} MB are free in {directory.parent}; the servers need {FREE_MB} MB.",
            "Make room, or set TMPDIR to a directory with more.",
            ExitCode.DISK_FULL,
        )


def _cannot_use(base: Path, answer: str) -> TrackerError:
    number, _, words = answer.removeprefix("! ").partition(" ")
    code = int(number) if number.isdigit() else 0
    if code == errno.ENOSPC:
        return TrackerError(f"The disk of {base} is full.", "Make room, or set TMPDIR.", ExitCode.DISK_FULL)
    if code == errno.EWOULDBLOCK:
        return TrackerError(
            f"Servers are running on the data in {base} already.", "Stop them, or choose another --data directory."
        )
    return TrackerError(
        f"Cannot use the directory {base} for the servers: {words.lower() or 'the watcher did not start'}.",
        "Choose a directory that you may write to (TMPDIR, or --data).",
        ExitCode.CONFIGURATION,
    )
