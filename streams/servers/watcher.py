"""The watcher: a process that outlives its parent briefly, ends the parent's children and removes the directory.

It runs alone, as `python -I -S watcher.py PARENT new|keep DIRECTORY`, with only the standard library, and in a session
of its own, so that Ctrl-C does not reach it. Its first line of output is the directory to use (`new`: one made inside
DIRECTORY), or `! ` with the error. Then it reads `+PID` and `-PID` from a pipe. The pipe ends when the parent has
ended, however that happened. The watcher then ends the remaining processes and removes the new directory.
It knows nothing of Kafka and Redis.
"""

import contextlib
import fcntl
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

LOOK_S = 1.0
"""How often to check whether the parent has changed: a forked sibling may keep the pipe open after the parent's end."""
GRACE_S = 5.0
"""The time that a server with data to keep has to write them before it is killed."""
GONE_S = 10.0


def main(arguments: list[str]) -> None:
    """Take the directory, wait for the parent's end, clean up."""
    parent, kind, place = arguments
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    keep = kind == "keep"
    try:
        directory = take(Path(place)) if keep else Path(tempfile.mkdtemp(prefix="journey-tracker-", dir=place))
    except OSError as problem:
        say(f"! {problem.errno} {problem.strerror}")
        return
    say(str(directory))
    pids = listen(int(parent))
    (end if keep else kill)(pids)
    wait_for_end(pids, GONE_S)
    if not keep:
        remove(directory)


def say(line: str) -> None:
    """Write a line to the parent, if it still runs."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, f"{line}\n".encode())


def take(directory: Path) -> Path:
    """A directory to keep, locked until this process ends, so that no other one runs servers on the same data."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return directory


def listen(parent: int) -> set[int]:
    """The ids of the processes that are left when the parent has ended."""
    pids: set[int] = set()
    rest = b""
    orphaned = False
    while True:
        if not select.select([0], [], [], 0 if orphaned else LOOK_S)[0]:
            if orphaned:
                return pids
            # The pipe is read once more after the parent's end, since its last lines may still be in it.
            orphaned = os.getppid() != parent
            continue
        received = os.read(0, 4096)
        if not received:
            return pids
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            (pids.add if line.startswith(b"+") else pids.discard)(int(line[1:]))


def kill(pids: set[int]) -> None:
    """End the processes at once; the files that they would still write are about to be removed."""
    send(pids, signal.SIGKILL)


def end(pids: set[int]) -> None:
    """Ask the processes to end, so that they write their data; kill those that do not end in time."""
    send(pids, signal.SIGTERM)
    send(pids, signal.SIGCONT)
    wait_for_end(pids, GRACE_S)
    kill(pids)


def send(pids: set[int], number: signal.Signals) -> None:
    """Send a signal to those processes that still run."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def wait_for_end(pids: set[int], deadline_s: float) -> None:
    """Return when all of the processes have ended, or at the deadline."""
    until = time.monotonic() + deadline_s
    while any(map(there, pids)) and time.monotonic() < until:
        time.sleep(0.02)


def there(pid: int) -> bool:
    """Whether a process with this id runs; one that has ended and was not yet reaped does not."""
    try:
        os.kill(pid, 0)
        # Linux. In a container, the init process may reap late or never.
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except (ProcessLookupError, PermissionError):
        return False
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()
    return not status.rpartition(b")")[2].lstrip().startswith((b"Z", b"X"))


def remove(directory: Path) -> None:
    """Remove the directory; a process in its last moment may still add a file, so try a few times."""
    for _ in range(50):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1:])
