"""The locks of the image: every package that it is built with and runs on, with version and hashes.

    python -m deploy.lock            # after a change of pyproject.toml: what still fits keeps its version
    python -m deploy.lock --upgrade  # the newest versions of all

`deploy/runtime.lock` follows from the dependencies in pyproject.toml, `deploy/build.lock` from `deploy/build.in`. They
hold for Python 3.11 and newer on every platform, and for wheels alone. pip checks the hashes when the image is built.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
LOCKS: Final = {"pyproject.toml": "deploy/runtime.lock", "deploy/build.in": "deploy/build.lock"}
OPTIONS: Final = (
    "--universal", "--python-version=3.11", "--generate-hashes", "--only-binary=:all:",
    "--custom-compile-command=python -m deploy.lock", "--quiet",
)  # fmt: skip


class Pin(NamedTuple):
    """One package of a lock."""

    name: str
    version: str
    marker: str
    """Where it is installed; empty: everywhere."""
    hashes: tuple[str, ...]
    """SHA-256 of each wheel that may be installed, in hex."""


def pins(text: str) -> list[Pin]:
    """The packages of a lock. Raises ValueError for a line that is no package with hashes."""
    joined = text.replace("\\\n", " ")
    return [_pin(line) for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _pin(line: str) -> Pin:
    found = re.fullmatch(r"([a-z0-9-]+)==(\S+)(?: ; (.+?))?((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*", line)
    if found is None:
        raise ValueError(f"{line.strip()[:80]!r} is no package with version and hashes: run `python -m deploy.lock`.")
    name, version, marker, hashes = found.groups()
    return Pin(name, version, marker or "", tuple(re.findall(r"[0-9a-f]{64}", hashes)))


def lock(source: str, target: str, more: Sequence[str]) -> int:
    """Write one lock; the exit code is uv's."""
    words = [sys.executable, "-m", "uv", "pip", "compile", source, *OPTIONS, *more, f"--output-file={target}"]
    return subprocess.run(words, cwd=ROOT, check=False).returncode


def main(words: Sequence[str]) -> int:
    """Write both locks."""
    if words not in ([], ["--upgrade"]):
        print(f"error: {' '.join(words)} is not understood.\nremedy: --upgrade is the only option.", file=sys.stderr)
        return 2
    return max(lock(source, target, words) for source, target in LOCKS.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
