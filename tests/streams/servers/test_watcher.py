"""The watcher: when its pipe ends, so do the processes and the directory."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from streams.servers.process_group import WATCHER
from tests.servers import wait_until

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes that end with the test."""
    with ExitStack() as stack:

        def start(*command: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def watch(start: Start, tmp_path: Path) -> Callable[[str], tuple[subprocess.Popen[str], Path]]:
    """Starts a watcher, this process being the parent; its directory."""

    def watch(kind: str) -> tuple[subprocess.Popen[str], Path]:
        watcher = start(sys.executable, "-I", "-S", str(WATCHER), str(os.getpid()), kind, str(tmp_path))
        return watcher, Path(watcher.stdout.readline().strip())

    return watch


def send(watcher: subprocess.Popen[str], *lines: str) -> None:
    watcher.stdin.write("".join(f"{line}\n" for line in lines))
    watcher.stdin.flush()


def test_a_new_directory_and_its_processes_go(watch, start) -> None:
    """The pipe's end is the end of what was started."""
    watcher, directory = watch("new")
    child = start("sleep", "300")
    (directory / "file").write_text("data")
    send(watcher, f"+{child.pid}")
    watcher.stdin.close()
    assert child.wait(10) == -signal.SIGKILL
    assert watcher.wait(20) == 0
    assert not directory.exists()


def test_a_kept_directory_stays_and_its_processes_may_finish(watch, start) -> None:
    """Servers with data to keep are asked, not killed."""
    watcher, directory = watch("keep")
    child = start("sleep", "300")
    send(watcher, f"+{child.pid}")
    watcher.stdin.close()
    assert child.wait(10) == -signal.SIGTERM
    assert watcher.wait(20) == 0
    assert directory.exists()


def test_who_does_not_finish_is_killed(watch, start) -> None:
    """A paused process with data to keep is woken to finish; one that refuses is killed."""
    watcher, _ = watch("keep")
    child = start("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done")
    child.stdout.readline()
    send(watcher, f"+{child.pid}")
    watcher.stdin.close()
    assert child.wait(20) == -signal.SIGKILL


def test_a_forgotten_process_is_left_alone(watch, start) -> None:
    """A number that was taken back may be another's by now."""
    watcher, _ = watch("new")
    child = start("sleep", "300")
    send(watcher, f"+{child.pid}", f"-{child.pid}")
    watcher.stdin.close()
    watcher.wait(10)
    assert child.poll() is None


def test_signals_of_the_terminal_do_not_end_it(watch) -> None:
    """Ctrl-C and a stopping service leave the watcher at its post."""
    watcher, directory = watch("new")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        watcher.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        watcher.wait(0.3)
    watcher.stdin.close()
    watcher.wait(10)
    assert not directory.exists()


def test_a_directory_that_cannot_be_made_is_reported(start) -> None:
    """What went wrong is the first line."""
    watcher = start(sys.executable, "-I", "-S", str(WATCHER), str(os.getpid()), "new", "/dev/null")
    assert watcher.stdout.readline().startswith("! 20 ")


def test_another_parent_is_none(start, tmp_path: Path) -> None:
    """A pipe that somebody else still holds open does not keep it."""
    watcher = start(sys.executable, "-I", "-S", str(WATCHER), "1", "new", str(tmp_path))
    assert watcher.wait(10) == 0
    assert wait_until(lambda: not list(tmp_path.iterdir()), 5)
