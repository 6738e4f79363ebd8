"""Kafka's jars: fetched once from a Maven repository, checked against `jars.lock`, kept in the user's cache.

The lock lists every file with its checksum. So a fetch resolves no dependencies (which takes 14 s of reading POMs),
gets the same files everywhere, and rejects files that were changed on the way. After a change of the coordinates
below, `python -c 'from streams.servers.jars import write_lock; write_lock()'` writes the lock again.
It knows nothing of running Kafka.
"""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from streams.errors import ExitCode, TrackerError
from streams.servers.process import Report, silence

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA = "4.1.0"
COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA}",
    # Named too: without it the resolver picks 3.8.0, and the broker fails with NoSuchMethodError.
    f"org.apache.kafka:kafka-clients:{KAFKA}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1",
)
LOCK = Path(__file__).with_name("jars.lock")
AT_ONCE = 8
TRIES = 3
TIMEOUT_S = 10
STALE_S = 3600
REMEDY = (
    "Check the network and the proxy (HTTPS_PROXY, REQUESTS_CA_BUNDLE), name your company's Maven mirror in "
    "~/.config/jgo.conf, or set KAFKA_BOOTSTRAP to a Kafka that runs."
)


class Jar(NamedTuple):
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """What it is called on disk."""
        return f"{self.artifact}-{self.version}.jar"


def locked() -> list[Jar]:
    """The jars that Kafka runs with."""
    lines = [line for line in LOCK.read_text("ascii").splitlines() if line and not line.startswith("#")]
    return [Jar(*line.replace(":", " ").split(" ", 3)) for line in lines]


def cached() -> Path:
    """The directory of the jars, which may not exist yet; its name changes with the lock."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "journey-tracker"
    return base / f"kafka-{KAFKA}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def fetch(report: Report = silence) -> Path:
    """The directory with Kafka's jars, filled from the network the first time. Raises TrackerError."""
    directory, jars = cached(), locked()
    if _is_whole(directory, jars):
        return directory
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        _fetch_into(directory, jars, report)
    except OSError as problem:
        # The exceptions of `requests` are OSErrors too; only the disk's have an errno.
        if problem.errno is not None:
            raise TrackerError(
                f"Cannot keep Kafka in {directory.parent}: {(problem.strerror or str(problem)).lower()}.",
                "Make room there, or set XDG_CACHE_HOME to a directory that you may write to.",
                ExitCode.CONFIGURATION,
            ) from None
        raise TrackerError(f"Could not fetch Kafka: {_cause(problem)}.", REMEDY, ExitCode.UNREACHABLE) from None
    return directory


def _fetch_into(directory: Path, jars: list[Jar], report: Report) -> None:
    """Fetch into a directory beside and rename it, so that an interrupted fetch or two at once leave no partial one."""
    _remove_stale(directory.parent)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=directory.parent) as place:
        context = _context(Path(place) / "repository")
        whole = Path(place) / "whole"
        whole.mkdir()
        given_up = threading.Event()
        with _certificates(), ThreadPoolExecutor(AT_ONCE) as pool:
            report(f"fetching Apache Kafka {KAFKA} (44 MB, once)")
            waiting = [pool.submit(_fetch_one, context, jar, whole, given_up) for jar in jars]
            try:
                for done, one in enumerate(as_completed(waiting), 1):
                    one.result()
                    if done % 10 == 0:
                        report(f"fetching Apache Kafka {KAFKA}: {done} of {len(jars)} files")
            except BaseException:
                given_up.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        # Another process may have been faster, and its Kafka may be running from that directory.
        if not _is_whole(directory, jars):
            shutil.rmtree(directory, ignore_errors=True)
            whole.rename(directory)


def _is_whole(directory: Path, jars: list[Jar]) -> bool:
    return all((directory / jar.file_name).exists() for jar in jars)


def _fetch_one(context: "MavenContext", jar: Jar, whole: Path, given_up: threading.Event) -> None:
    from requests import ConnectTimeout

    found = ""
    for attempt in range(1, TRIES + 1):
        try:
            file = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except RuntimeError:
            raise TrackerError(f"No Maven repository has {jar.file_name}.", REMEDY, ExitCode.UNREACHABLE) from None
        except OSError as problem:
            # Where no connection can be made, a second attempt would only wait ten seconds more.
            if attempt == TRIES or isinstance(problem, ConnectTimeout) or given_up.wait(attempt):
                raise
            continue
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found == jar.sha256:
            file.rename(whole / jar.file_name)
            return
        file.unlink()
    raise TrackerError(
        f"{jar.file_name} arrived with the checksum {found[:12]}…, not {jar.sha256[:12]}….", REMEDY, ExitCode.FAILED
    )


def _context(repository: Path) -> "MavenContext":
    """The Maven repositories: those of the user's jgo settings first (a company's mirror), Maven Central last."""
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    remotes = {name: url.rstrip("/") for name, url in GlobalSettings.load().repositories.items()}
    remotes.setdefault("central", MAVEN_CENTRAL_URL)
    return MavenContext(repo_cache=repository, local_repos=[], remote_repos=remotes, timeout=TIMEOUT_S)


@contextlib.contextmanager
def _certificates() -> Iterator[None]:
    """Let `requests`, which reads two variables of its own, use the certificates of OpenSSL's SSL_CERT_FILE."""
    ours = os.environ.get("SSL_CERT_FILE")
    if not ours or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE"):
        yield
        return
    os.environ["REQUESTS_CA_BUNDLE"] = ours
    try:
        yield
    finally:
        del os.environ["REQUESTS_CA_BUNDLE"]


def _cause(problem: BaseException) -> str:
    """The innermost reason, without the layers of an HTTP client around it."""
    reason = getattr(problem.args[0], "reason", None) if problem.args else None
    return re.sub(r"^.*?\w+\(host=[^)]*\): ", "", str(reason or problem)).rstrip(".")


def _remove_stale(base: Path) -> None:
    for left in base.glob(".fetch-*"):
        if time.time() - left.stat().st_mtime > STALE_S:
            shutil.rmtree(left, ignore_errors=True)


def write_lock() -> None:
    """Resolve the coordinates with their dependencies and write the lock."""
    with tempfile.TemporaryDirectory() as place:
        context = _context(Path(place))
        wanted = [context.create_dependency(name) for name in COORDINATES]
        for dependency in wanted:
            dependency.scope = "compile"
        inputs, others = context.resolver.resolve(wanted)
        artifacts = [one.artifact for one in [*inputs, *others] if one.scope in {"compile", "runtime"}]
        lines = sorted(
            f"{one.groupId}:{one.artifactId}:{one.version} {hashlib.sha256(one.resolve().read_bytes()).hexdigest()}"
            for one in artifacts
        )
    LOCK.write_text("\n".join(["# Written by write_lock() of jars.py; checked at every fetch.", *lines, ""]), "ascii")
