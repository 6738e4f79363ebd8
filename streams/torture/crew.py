"""The crew: worker processes that can be killed, paused and restarted, each with a log file."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from streams.servers.process import freeze
from streams.worker.failpoint import VARIABLE

ROOT = Path(__file__).parents[2]
STOP_WITHIN_S = 12.0


@dataclass(slots=True)
class WorkerHandle:
    """One worker process."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None


class Crew:
    """Starts worker processes with the same settings; `close` ends all of them."""

    def __init__(self, environ: Mapping[str, str], directory: Path) -> None:
        self.hands: list[WorkerHandle] = []
        self.ends: list[int] = []
        """Exit codes of the processes that have ended, in the order in which that was noticed."""
        self.environ = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
        """Of the processes that are started from now on."""
        self.root = ROOT
        """Where the version of the program lies that is started from now on."""
        self._directory = directory
        self._count = 0

    def start(self, failpoint: str = "", *, options: Mapping[str, str] | None = None) -> WorkerHandle:
        """Another worker process; `failpoint` as in `streams/worker/failpoint.py`, `options` are its own settings."""
        self._count += 1
        log = self._directory / f"worker-{self._count}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker", "--supervised"],
                # `-m` looks in the working directory before it looks in PYTHONPATH.
                cwd=None if self.root == ROOT else self.root,
                env={**self.environ, "PYTHONPATH": str(self.root), VARIABLE: failpoint, **(options or {})},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        hand = WorkerHandle(process, log)
        self.hands.append(hand)
        return hand

    def start_with(self, environ: Mapping[str, str]) -> WorkerHandle:
        """Another worker process with other settings, which those started later have too."""
        self.environ |= environ
        return self.start()

    def keep(self, count: int) -> None:
        """Replace processes that have ended, as the supervisor does, until `count` run."""
        for hand in [hand for hand in self.hands if not hand.running]:
            self._bury(hand)
        while len(self.hands) < count:
            self.start()

    def kill(self, hand: WorkerHandle) -> None:
        """SIGKILL."""
        hand.process.kill()
        hand.process.wait()

    def stop(self, hand: WorkerHandle) -> int:
        """Send SIGTERM; returns the exit code. A process that does not end in time is killed."""
        hand.process.terminate()
        try:
            code = hand.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill(hand)
            code = -signal.SIGKILL
        self._bury(hand)
        return code

    def freeze(self, hand: WorkerHandle) -> None:
        """SIGSTOP."""
        freeze(hand.process)

    def thaw(self, hand: WorkerHandle) -> None:
        """SIGCONT."""
        hand.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End all of them."""
        for hand in self.hands:
            if hand.running:
                hand.process.kill()
        while self.hands:
            self._bury(self.hands[0])

    def _bury(self, hand: WorkerHandle) -> None:
        self.ends.append(hand.process.wait())
        if hand.process.stdin:
            hand.process.stdin.close()
        self.hands.remove(hand)

    def said(self, word: str) -> int:
        """How many lines of all logs contain a word."""
        return sum(
            line.count(word) > 0
            for log in self._directory.glob("worker-*.log")
            for line in log.read_text(errors="replace").splitlines()
        )

    def tail(self, lines: int = 15) -> str:
        """The end of every log, for an error message."""
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
            for log in sorted(self._directory.glob("worker-*.log"))
        )
