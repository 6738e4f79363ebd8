import signal
import subprocess
import sys

import psutil
import pytest

from streams.worker.failpoint import after_step
from tests.servers import wait_until


def test_without_a_failpoint_nothing_happens() -> None:
    """The empty setting, which is the default, lets every step pass."""
    reached = after_step("")
    for step in range(1, 9):
        reached(step)


@pytest.mark.parametrize(("text", "passed"), [("6", 0), ("6:1", 0), ("6:3", 2)])
def test_it_kills_after_the_step_of_that_batch(text: str, passed: int) -> None:
    """`6:3` is the third time that step 6 is reached; the process is gone without a last word."""
    words = (
        "import sys; from streams.worker.failpoint import after_step; reached = after_step(sys.argv[1])\n"
        "for number in range(9):\n"
        "    reached(5); reached(7)\n"
        "    reached(6)\n"
        "    print(number, flush=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", words, text], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == [str(number) for number in range(passed)]


def test_it_can_freeze_the_process_instead() -> None:
    """`5:1:STOP` leaves a process that can be woken, and then goes on where it was."""
    words = "from streams.worker.failpoint import after_step; after_step('5:1:STOP')(5); print('awake')"
    process = subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE, text=True)
    wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=30) == ("awake\n", None)
