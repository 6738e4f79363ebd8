"""Builds the compiled wheel and runs the laws and the engine's tests on it: `python -m tests.compiled [WORDS…]`.

The words go to pytest. It needs a C compiler, and a package index for what the build needs (docs/engine.md).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = (
    "tests/laws",
    "tests/tracker",
    "tests/streams/worker/test_commit.py",
    "tests/streams/worker/test_partition.py",
    "tests/streams/clients/test_outbox.py",
)


def main(words: list[str]) -> int:
    """The exit code of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(ROOT)]
        subprocess.run(wheel, env=os.environ | {"TRACKER_COMPILE": "1"}, check=True)
        installed = place / "installed"
        (built,) = place.glob("*.whl")
        with zipfile.ZipFile(built) as opened:
            opened.extractall(installed)
        for name in ("tests", "examples", "docs", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, installed / name)
        # What is tested is what was compiled, not the sources beside it.
        look = "from tracker.engine import customer; raise SystemExit(not customer.__file__.endswith('.so'))"
        subprocess.run([sys.executable, "-c", look], cwd=installed, check=True)
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(words or TESTS)]
        return subprocess.run(pytest, cwd=installed, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
