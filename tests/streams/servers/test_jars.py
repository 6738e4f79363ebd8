"""Fetching Kafka's jars, from a repository on this machine."""

import gc
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from streams.errors import ExitCode, TrackerError
from streams.servers import jars, ports

# The client below jgo leaves an answer of 404 unread; it goes with the fixture's garbage, not in a later test.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

JARS = {"org.one:first:1.0": b"first jar", "org.two:second:2.0": b"second jar"}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words: object) -> None: ...


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A Maven repository: its directory and its URL."""
    root = tmp_path / "served"
    for name, content in JARS.items():
        group, artifact, version = name.split(":")
        place = root / group.replace(".", "/") / artifact / version
        place.mkdir(parents=True)
        (place / f"{artifact}-{version}.jar").write_bytes(content)
    with ThreadingHTTPServer((ports.LOOPBACK, 0), partial(Quiet, directory=root)) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield root, f"http://{ports.LOOPBACK}:{server.server_port}"
        server.shutdown()
    gc.collect()


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Names the repository in the user's settings, with a lock of two jars and an empty cache."""
    lock = tmp_path / "jars.lock"
    lock.write_text("".join(f"{name} {hashlib.sha256(data).hexdigest()}\n" for name, data in JARS.items()))
    monkeypatch.setattr(jars, "LOCK", lock)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
    monkeypatch.setenv("NO_PROXY", ports.LOOPBACK)

    def use(url: str) -> None:
        (tmp_path / "jgo.conf").write_text(f"[repositories]\ncentral = {url}\n")

    return use


def test_the_lock_is_whole() -> None:
    """Every jar has a checksum, and Kafka and its client are of one version."""
    locked = jars.locked()
    versions = {jar.artifact: jar.version for jar in locked}
    assert versions["kafka_2.13"] == versions["kafka-clients"] == jars.KAFKA
    assert all(len(jar.sha256) == 64 for jar in locked)
    assert len({jar.file_name for jar in locked}) == len(locked)


def test_a_second_fetch_needs_no_network(repository, use) -> None:
    """The first one fills the cache with exactly the jars; the next only looks."""
    use(repository[1])
    directory = jars.fetch()
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == {
        "first-1.0.jar": b"first jar",
        "second-2.0.jar": b"second jar",
    }
    use("http://127.0.0.1:9")
    assert jars.fetch() == directory
    assert [file.name for file in directory.parent.iterdir()] == [directory.name]


def test_a_jar_that_was_lost_is_fetched_again(repository, use) -> None:
    """A cache with a hole is filled anew."""
    use(repository[1])
    lost = jars.fetch() / "first-1.0.jar"
    lost.unlink()
    jars.fetch()
    assert lost.exists()


def test_two_fetches_at_once_do_no_harm(repository, use) -> None:
    """Two trackers that start for the first time together both get their jars, and the cache holds them once."""
    use(repository[1])
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: jars.fetch(), range(2))
    assert first == second
    assert [file.name for file in first.parent.iterdir()] == [first.name]


def test_a_changed_jar_is_refused(repository, use) -> None:
    """What does not have the checksum of the lock is not run, and nothing stays behind."""
    root, url = repository
    (root / "org/one/first/1.0/first-1.0.jar").write_bytes(b"something else")
    use(url)
    with pytest.raises(TrackerError, match="arrived with the checksum"):
        jars.fetch()
    assert not list(jars.cached().parent.iterdir())


def test_a_missing_jar_is_named(repository, use) -> None:
    """A mirror that lacks one."""
    root, url = repository
    (root / "org/two/second/2.0/second-2.0.jar").unlink()
    use(url)
    with pytest.raises(TrackerError, match=r"No Maven repository has second-2\.0\.jar"):
        jars.fetch()


def test_no_network_is_reported_with_a_remedy(use) -> None:
    """A refused connection: one line, what to check, a code."""
    use("http://127.0.0.1:9")
    with pytest.raises(TrackerError, match=r"Could not fetch Kafka: .*refused") as caught:
        jars.fetch()
    assert "HTTPS_PROXY" in caught.value.remedy
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    assert not list(jars.cached().parent.iterdir())


def test_a_cache_that_cannot_be_written_is_reported(use, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The disk's fault is not taken for the network's."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(TrackerError, match="Cannot keep Kafka in") as caught:
        jars.fetch()
    assert "XDG_CACHE_HOME" in caught.value.remedy
