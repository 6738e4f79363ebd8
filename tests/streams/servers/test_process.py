"""A server as a process, shown with a small one that listens on its port."""

import socket
import sys
from collections.abc import Iterator

import pytest

from streams.errors import ExitCode, TrackerError
from streams.servers import ports
from streams.servers.process import ServerProcess
from streams.servers.process_group import ProcessGroup
from tests.servers import wait_until

LISTEN = """
import socket, sys, time
place = socket.socket()
place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
place.bind(("127.0.0.1", int(sys.argv[1])))
place.listen()
print("listening", flush=True)
while True: place.accept()[0].sendall(b"x")
"""


class Fake(ServerProcess):
    name = "Fake"
    script = LISTEN

    def prepare(self) -> list[str]:
        return [sys.executable, "-c", self.script, str(self.port)]

    def is_ready(self) -> bool:
        try:
            with socket.create_connection((ports.LOOPBACK, self.port), 0.3) as connection:
                connection.settimeout(0.3)
                return connection.recv(1) == b"x"
        except OSError:
            return False


@pytest.fixture
def home() -> Iterator[ProcessGroup]:
    """A group for one test."""
    with ProcessGroup() as home:
        yield home


def test_it_keeps_its_port_over_restart_and_kill(home: ProcessGroup) -> None:
    """The port found at first is the port for good; the process is another."""
    server = Fake(home)
    server.start()
    port, first = server.port, server.pid
    server.restart()
    second = server.pid
    server.kill9()
    assert not server.runs
    server.start()
    assert server.is_ready()
    assert server.port == port
    assert len({first, second, server.pid}) == 3
    server.stop()
    assert not server.runs


def test_pause_and_resume(home: ProcessGroup) -> None:
    """A paused server runs without answering; it can be stopped all the same."""
    server = Fake(home)
    server.start()
    server.pause()
    assert server.runs
    assert not server.is_ready()
    server.resume()
    assert server.is_ready()
    server.pause()
    server.stop()
    assert not server.runs


def test_a_port_lost_to_another_is_replaced(home: ProcessGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between finding a port and listening on it somebody may be quicker: the next one is tried."""
    with socket.create_server((ports.LOOPBACK, 0)) as other:
        taken, free = other.getsockname()[1], ports.free_port()
        offered = iter([taken, taken, free])
        monkeypatch.setattr(ports, "free_port", lambda: next(offered))
        server = Fake(home)
        server.start()
        assert server.port == free
        server.stop()


def test_a_port_that_was_asked_for_is_not_replaced(home: ProcessGroup) -> None:
    """In use is in use: said at once."""
    with socket.create_server((ports.LOOPBACK, 0)) as other, pytest.raises(TrackerError, match="is in use") as caught:
        Fake(home, port=other.getsockname()[1]).start()
    assert caught.value.exit_code is ExitCode.PORT_IN_USE


@pytest.mark.parametrize(
    ("said", "message", "code"),
    [
        ("java.io.IOException: No space left on device", "the disk is full", ExitCode.DISK_FULL),
        ("Failed to acquire lock on file .lock in /data", "its data are in use", ExitCode.FAILED),
        ("something else entirely", "something else entirely", ExitCode.FAILED),
    ],
)
def test_a_failed_start_reports_the_last_words(home: ProcessGroup, said: str, message: str, code: ExitCode) -> None:
    """What the server said on its way out, translated where it is known."""
    server = Fake(home)
    server.script = f"print({said!r}); raise SystemExit(7)"
    with pytest.raises(TrackerError, match=message) as caught:
        server.start()
    assert caught.value.exit_code is code


def test_a_server_that_ends_later_reports_why(home: ProcessGroup) -> None:
    """What it said is translated then too."""
    server = Fake(home)
    server.script = LISTEN.replace(
        "while True:", "place.accept()[0].sendall(b'x'); print('No space left on device')\nif 0:"
    )
    server.start()
    wait_until(lambda: not server.runs, 10)
    assert "ended by itself: the disk is full" in server.failure().message


def test_a_start_that_hangs_ends_at_its_deadline(home: ProcessGroup) -> None:
    """A server that never becomes ready is ended and reported."""
    server = Fake(home)
    server.script = "import time; print('thinking', flush=True); time.sleep(300)"
    with pytest.raises(TrackerError, match="not ready within 1 s; it said: thinking"):
        server.start(deadline_s=1)
    assert not server.runs
