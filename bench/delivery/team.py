"""The team: the processes of one candidate, their progress, and their CPU time and memory from /proc."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).resolve().parents[2]
STOP_WITHIN_S: Final = 15.0
PROGRESS: Final = re.compile(r"^(\d+\.\d+) (\d+)\n", re.MULTILINE)
TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used; 0 when it has gone."""
    try:
        # The name in brackets may hold spaces.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def memory_bytes(pid: int, field: str = "VmRSS") -> int:
    """Memory of a process; VmHWM is the most that it ever had."""
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


class Team:
    """Processes that are all ended when the `with` ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.members: list[subprocess.Popen[bytes]] = []
        self._started = 0

    def start(self, command: Sequence[str], environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Start a process that writes to files; its standard input closes when this process ends."""
        self._started += 1
        path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
        inherited = {name: word for name, word in os.environ.items() if not name.startswith(("TRACKER_", "KAFKA_"))}
        with (self.directory / f"{self._started}.out").open("wb") as output:
            member = subprocess.Popen(
                command,
                env={**inherited, "PYTHONPATH": path, **environ},
                cwd=self.directory,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=(self.directory / f"{self._started}.err").open("wb"),
                start_new_session=True,
            )
        self.members.append(member)
        return member

    def check(self) -> None:
        """Raise RuntimeError with the end of the output when a process has ended by itself."""
        for member in self.members:
            if member.poll() is not None:
                raise RuntimeError(f"a process ended with {member.returncode}:\n{self.words()}")

    def words(self, lines: int = 12) -> str:
        """The end of the output of each process."""
        return "\n".join(
            f"--- {file.name}\n" + "\n".join(file.read_text("utf-8", "replace").splitlines()[-lines:])
            for file in sorted(self.directory.glob("*.err")) + sorted(self.directory.glob("*.out"))
        )

    def progress(self) -> tuple[float, int]:
        """(unix seconds, events) of the newest lines of all peers."""
        at_s, events = 0.0, 0
        for file in self.directory.glob("*.out"):
            # Faust prints a greeting to the same file; it is skipped.
            if lines := PROGRESS.findall(_tail(file)):
                at_s, events = max(at_s, float(lines[-1][0])), events + int(lines[-1][1])
        return at_s, events

    def cpu_s(self) -> float:
        """Processor seconds of all of them."""
        return sum(cpu_s(member.pid) for member in self.members)

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL to processes that do not end in time."""
        for member in self.members:
            if member.poll() is None:
                member.terminate()
        for member in self.members:
            try:
                member.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                member.kill()
                member.wait()
            if member.stdin:
                member.stdin.close()

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _tail(file: Path, size: int = 4096) -> str:
    with file.open("rb") as content:
        content.seek(max(0, file.stat().st_size - size))
        return content.read().decode("utf-8", "replace")
