"""The group: nothing outlives its parent, however the parent ends."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from streams.errors import ExitCode, TrackerError
from streams.servers import process_group
from streams.servers.process_group import WAIT_FOR_WORD, ProcessGroup
from streams.servers.watcher import there
from tests.servers import wait_until

PARENT = """
import sys, time, multiprocessing
from streams.servers.process_group import ProcessGroup
home = ProcessGroup()
with (home.directory / "log").open("wb") as log:
    child = home.start(["sleep", "300"], home.directory, log)
print(child.pid, home.directory, flush=True)
{then}
"""


def run_parent(then: str) -> tuple[subprocess.Popen[str], int, Path]:
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(then=then)], stdout=subprocess.PIPE, text=True)
    pid, directory = parent.stdout.readline().split()
    return parent, int(pid), Path(directory)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_signal_to_the_parent_leaves_an_orphan(number: signal.Signals) -> None:
    """Ctrl-C, kill, a closed terminal and kill -9 end the child and remove the directory."""
    parent, pid, directory = run_parent("time.sleep(300)")
    with parent:
        assert there(pid)
        parent.send_signal(number)
    wait_until(lambda: not there(pid), 15)
    wait_until(lambda: not directory.exists(), 15)


@pytest.mark.parametrize("then", ["", "sys.exit(3)", "raise ValueError", "import os; os._exit(1)"])
def test_no_end_of_the_parent_leaves_an_orphan(then: str) -> None:
    """Returning, exiting, crashing: the same."""
    parent, pid, directory = run_parent(f"sys.stderr = open('/dev/null', 'w')\n{then}")
    with parent:
        pass
    wait_until(lambda: not there(pid), 15)
    wait_until(lambda: not directory.exists(), 15)


def test_a_forked_sibling_does_not_keep_the_servers() -> None:
    """A process forked after the start holds the pipe; the watcher sees that its parent is gone all the same."""
    fork = "import os\nif os.fork() == 0: sys.stdout.close(); os.close(1); time.sleep(20); os._exit(0)\ntime.sleep(300)"
    parent, pid, directory = run_parent(fork)
    with parent:
        parent.kill()
    wait_until(lambda: not there(pid), 15)
    wait_until(lambda: not directory.exists(), 15)


def test_a_child_whose_parent_died_early_never_runs(tmp_path: Path) -> None:
    """Before the watcher knows of it, a child only waits for a word."""
    proof = tmp_path / "ran"
    subprocess.run(["/bin/sh", "-c", WAIT_FOR_WORD, "sh", "touch", proof], stdin=subprocess.DEVNULL, check=False)
    assert not proof.exists()
    subprocess.run(["/bin/sh", "-c", WAIT_FOR_WORD, "sh", "touch", proof], input=b"go\n", check=True)
    assert proof.exists()


def test_the_terminal_does_not_reach_a_child(tmp_path: Path) -> None:
    """Each child leads a session of its own."""
    with ProcessGroup() as home, (tmp_path / "log").open("wb") as log:
        child = home.start(["sleep", "300"], home.directory, log)
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
        child.kill()
        child.wait()
        home.forget(child)


def test_data_to_keep_has_one_household(tmp_path: Path) -> None:
    """A second one on the same directory is refused while the first lives, and welcome after it."""
    with ProcessGroup(tmp_path / "data"), pytest.raises(TrackerError, match="running on the data") as caught:
        ProcessGroup(tmp_path / "data")
    assert caught.value.remedy
    with ProcessGroup(tmp_path / "data") as home:
        assert home.directory == tmp_path / "data"
    assert (tmp_path / "data").exists()


def test_an_unusable_directory_is_reported_in_a_line(tmp_path: Path) -> None:
    """A file where a directory should be: one line, a remedy, a code."""
    (tmp_path / "file").touch()
    with pytest.raises(TrackerError, match="Cannot use the directory") as caught:
        ProcessGroup(tmp_path / "file" / "data")
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    assert "\n" not in str(caught.value)


def test_a_nearly_full_disk_is_reported_before_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Too little room is an error of its own, and the directory goes again."""
    monkeypatch.setattr(process_group.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=9 * 2**20))
    with pytest.raises(TrackerError, match="Only 9 MB are free") as caught:
        ProcessGroup()
    assert caught.value.exit_code is ExitCode.DISK_FULL
    assert not list(tmp_path.iterdir())


def test_no_temporary_directory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no file can be written anywhere, one line says what to do."""

    def refuse() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(process_group.tempfile, "gettempdir", refuse)
    with pytest.raises(TrackerError, match="No directory for temporary files") as told:
        ProcessGroup()
    assert told.value.exit_code is ExitCode.DISK_FULL
