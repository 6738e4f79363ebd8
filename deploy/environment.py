"""The environment of a checkout: created when it is missing, updated when dependencies change, then run.

`run` calls it with any Python from 3.11 on; it knows pip and nothing of the tracker. The file `stamp` in the
environment says what was installed. The file `unfinished` exists while pip works, so that an interrupted installation
starts again from nothing. One process installs at a time; the others wait.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

# All tests run in one more process than a small machine has cores, since many wait for servers that were killed. Named
# tests run in one process, which is easier to debug. The tests of a file stay together, since they share servers.
SIDE_BY_SIDE = ("-n", "3", "--dist", "loadfile")
HOME = Path(__file__).resolve().parents[1]
FAILED, UNREACHABLE, DISK_FULL, UNSUPPORTED, INTERRUPTED, TERMINATED = 1, 4, 7, 9, 130, 143
NO_ANSWER = (
    "Failed to establish|Connection refused|Name or service not known|Temporary failure in name|Read timed out"
    "|Connection (reset|broken|aborted)|Network is unreachable|ProxyError|Max retries|[45]\\d\\d (Client|Server) Error"
)
# Texts of pip's output, what each means, the remedy, and the exit code (as in streams/errors.py).
TROUBLES = (
    ("No space left on device", "The disk is full.", "Make room and run it again.", DISK_FULL),
    ("CERTIFICATE_VERIFY_FAILED", "The package index's certificate is not trusted.",
     "Set PIP_CERT or SSL_CERT_FILE to the file of trusted certificates.", UNREACHABLE),
    ("Permission denied", "The environment cannot be written to.",
     "Check its owner, or set TRACKER_VENV to another place.", FAILED),
    (NO_ANSWER, "The dependencies cannot be downloaded.",
     "Check the network, the proxy (HTTPS_PROXY) and the index (PIP_INDEX_URL), and run it again.", UNREACHABLE),
    ("No matching distribution found.*", "A dependency has no ready-made package for this Python on this machine.",
     "Use CPython 3.11 or 3.12 (PYTHON chooses it), and check PIP_INDEX_URL; nothing is compiled.", UNSUPPORTED),
)  # fmt: skip


class Trouble(Exception):  # noqa: N818  # the state of the machine, not an error of this code
    """The environment cannot be made; it carries the reason, the remedy and the exit code."""

    def __init__(self, message: str, remedy: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.message, self.remedy, self.code = message, remedy, code


def main(words: Sequence[str]) -> NoReturn:
    """Replace this process by the tracker, or by pytest where the first word is `test`."""
    testing = words[:1] == ["test"]
    venv = Path(os.environ.get("TRACKER_VENV") or HOME / ".venv").absolute()
    # The exec below resets the handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        ensure(venv, extra="dev" if testing else "")
    except Trouble as trouble:
        say(f"error: {trouble.message}\nremedy: {trouble.remedy}")
        sys.exit(trouble.code)
    except KeyboardInterrupt:
        say("Interrupted; the next run begins the installation again.")
        sys.exit(INTERRUPTED)
    if testing:
        os.chdir(HOME)
        command = [str(venv / "bin/python"), "-m", "pytest", *(words[1:] or _all_tests())]
    else:
        command = [str(venv / "bin/tracker"), *words]
    os.execv(command[0], command)  # noqa: S606


def _all_tests() -> Sequence[str]:
    """The options for all tests: in one process when the environment names servers, which all tests would share."""
    return () if {"KAFKA_BOOTSTRAP", "REDIS_URL"} & os.environ.keys() else SIDE_BY_SIDE


def ensure(venv: Path, extra: str) -> None:
    """Make the environment complete; does nothing when it is already."""
    wanted = fingerprint(venv)
    if complete(venv, wanted, extra):
        return
    with locked(venv):
        if complete(venv, wanted, extra):  # another process has made it while this one waited
            return
        begun = time.monotonic()
        if not usable(venv, wanted):
            create(venv)
        install(venv, wanted, extra)
        say(f"The environment is ready ({time.monotonic() - begun:.0f} s).")


def fingerprint(venv: Path) -> dict[str, str]:
    """The Python, place and dependencies that the environment must have been made from."""
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [project["build-system"], project["project"]]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return {"python": sys.version, "home": str(HOME), "venv": str(venv), "dependencies": digest}


def stamp(venv: Path) -> dict[str, str]:
    """The stamp of the environment; empty where there is none that can be read."""
    try:
        found = json.loads((venv / "stamp").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def complete(venv: Path, wanted: dict[str, str], extra: str) -> bool:
    """Whether everything that is wanted has been installed completely."""
    found = stamp(venv)
    extras = found.pop("extra", "")
    return found == wanted and extra in {"", extras} and (venv / "bin/python").exists()


def usable(venv: Path, wanted: dict[str, str]) -> bool:
    """Whether an existing environment can be updated: same Python, same place, never interrupted."""
    if (venv / "unfinished").exists() or not (venv / "bin/python").exists():
        return False
    found = stamp(venv)
    if any(found.get(name, wanted[name]) != wanted[name] for name in ("python", "home", "venv")):
        return False
    asked = [str(venv / "bin/python"), "-I", "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def create(venv: Path) -> None:
    """Create an empty environment; replaces an earlier environment, but no other folder."""
    if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        raise Trouble(f"{venv} is no virtual environment.", "Set TRACKER_VENV to a folder that may be replaced.")
    say("Making an environment (once; later runs begin at once) ...")
    shutil.rmtree(venv, ignore_errors=True)
    made = subprocess.run([sys.executable, "-I", "-m", "venv", str(venv)], capture_output=True, text=True, check=False)
    if made.returncode:
        raise explained(made.stdout + made.stderr)


def install(venv: Path, wanted: dict[str, str], extra: str) -> None:
    """Install the project and its dependencies, then write the stamp."""
    unfinished = venv / "unfinished"
    unfinished.touch()
    extra = extra or stamp(venv).get("extra", "")
    (venv / "stamp").unlink(missing_ok=True)
    log = venv / "install.log"
    flags = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--only-binary=:all:"]
    project = ["--editable", f"{HOME}[{extra}]" if extra else str(HOME)]
    words = [str(venv / "bin/python"), "-I", "-m", "pip", "install", *flags, *project]
    # pip starts another pip to build the project. They share a process group, so that both can be ended.
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(words, env=pip_environ(), process_group=0, **pipes) as pip:
        try:
            said = follow(pip.stdout or [])
        except BaseException:
            end(pip)
            raise
    log.write_text("".join(said), encoding="utf-8")
    if pip.returncode:
        raise explained("".join(said))
    (venv / "stamp").write_text(json.dumps({**wanted, "extra": extra}), encoding="utf-8")
    unfinished.unlink()


def end(process: subprocess.Popen[str]) -> None:
    """End the process and its children."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)


def pip_environ() -> dict[str, str]:
    """The environment variables for pip: those of this process, with fewer retries and with its certificates."""
    environ = {"PIP_RETRIES": "2", **os.environ}
    # pip before 24.2 does not look at SSL_CERT_FILE.
    if "SSL_CERT_FILE" in environ and not environ.keys() & {"PIP_CERT", "REQUESTS_CA_BUNDLE"}:
        environ["PIP_CERT"] = environ["SSL_CERT_FILE"]
    return environ


def follow(lines: Sequence[str] | Iterator[str]) -> list[str]:
    """The whole output of pip; meanwhile one line of progress is shown."""
    said, seen = [], 0
    for line in lines:
        said.append(line)
        if found := re.match(r"\s*(?:Downloading|Using cached) (\S+?)-\d", line):
            seen += 1
            show(f"  package {seen}: {Path(found[1]).name}")
        elif line.startswith("Installing collected packages"):
            show(f"  installing {line.count(',') + 1} packages")
        elif "Retrying" in line:
            show("  no answer; trying again")
    show("")
    return said


def show(text: str) -> None:
    """Show a line that the next one replaces; without a terminal, print every tenth line of progress."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:78]}", end="", file=sys.stderr, flush=True)
    elif text and not re.match(r"  package \d*[1-9]:", text):
        say(text)


def say(text: str) -> None:
    """Print a line to stderr."""
    print(text, file=sys.stderr, flush=True)


def explained(said: str) -> Trouble:
    """The Trouble that pip's output stands for."""
    for pattern, message, remedy, code in TROUBLES:
        if found := list(re.finditer(pattern, said)):
            return Trouble(f"{message} ({found[-1][0][:200].strip()})", remedy, code)
    return Trouble(f"pip failed: {said.strip()[-300:]}", "install.log in the environment has all its words.")


@contextlib.contextmanager
def locked(venv: Path) -> Iterator[None]:
    """Keep other processes from changing the environment inside the `with`."""
    path = venv.with_name(venv.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        remedy = "Set TRACKER_VENV to a place that can be written to."
        raise Trouble(f"{path.parent} cannot be written to: {error.strerror}.", remedy) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another run is making the environment; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main(sys.argv[1:])
