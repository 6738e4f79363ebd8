"""Ports that are free, and stay so until a server listens on them."""

import socket

import pytest

from streams.errors import ExitCode, TrackerError
from streams.servers import ports

OUTGOING = 32_768
"""The first port that Linux gives to connections where nobody has changed ip_local_port_range."""


def test_a_connection_to_an_outgoing_port_meets_itself() -> None:
    """Why free ports lie elsewhere: nobody listens, the system gives the very port, and something seems to answer."""
    with socket.socket() as alone:
        alone.bind((ports.LOOPBACK, 0))
        alone.connect(alone.getsockname())
        alone.sendall(b"ready?")
        assert alone.recv(100) == b"ready?"


@pytest.mark.parametrize("count", [1, 3])
def test_free_ports_are_none_that_connections_get(count: int) -> None:
    """All of the row are free, and below the system's range."""
    first = ports.free_port(count)
    assert all(ports.is_free(port) and port < OUTGOING for port in range(first, first + count))


def test_no_free_ports_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to do."""
    monkeypatch.setattr(ports, "is_free", lambda _port: False)
    with pytest.raises(TrackerError, match="No free ports") as caught:
        ports.free_port()
    assert caught.value.exit_code is ExitCode.PORT_IN_USE
