"""The results: one JSON object a line in bench/results/. Every run appends, so a run may be done in pieces."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench.delivery.team import ROOT

DIRECTORY: Final = ROOT / "bench" / "results"


def path(name: str) -> Path:
    """The file of a named set of results."""
    return DIRECTORY / f"{name}.jsonl"


def keep(name: str, what: str, about: dict[str, Any], figures: dict[str, Any]) -> None:
    """Add one measurement: `about` is what was measured (size, candidate), `figures` the result."""
    file = path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    row = {"what": what, "at": time.strftime("%Y-%m-%d %H:%M:%S"), "load": os.getloadavg()[0], "commit": _commit()}
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps({**row, "about": about, "figures": figures}) + "\n")


def read(name: str) -> Iterator[dict[str, Any]]:
    """All measurements, the oldest first."""
    if path(name).exists():
        for line in path(name).read_text("utf-8").splitlines():
            yield json.loads(line)


def machine() -> str:
    """A description of this machine."""
    processor = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {processor}, {gib:.0f} GiB, Python {platform.python_version()}"


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text("utf-8").splitlines()
    except OSError:
        return []


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "?"
