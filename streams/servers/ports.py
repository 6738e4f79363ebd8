"""Free ports on loopback. A port that was found free may be taken a moment later, so callers must try again."""

import socket
from random import SystemRandom

from streams.errors import ExitCode, TrackerError

LOOPBACK = "127.0.0.1"


def free_port(in_a_row: int = 1) -> int:
    """The first of so many ports in a row that are free now. Raises TrackerError.

    They lie below those that systems give to outgoing connections and to `port 0`. One of these may be taken in the
    next moment, even by the connection that looks whether a server listens there yet: it then meets itself.
    """
    for first in SystemRandom().sample(range(15_000, 32_000, in_a_row), 100):
        if all(is_free(port) for port in range(first, first + in_a_row)):
            return first
    raise TrackerError(
        "No free ports are left on this machine.", "End processes that listen on ports.", ExitCode.PORT_IN_USE
    )


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as place:
        # As servers do: connections of an earlier server in TIME_WAIT must not count as in use.
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int, timeout_s: float = 0.5) -> bool:
    """Whether something listens on the port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout_s).close()
    except OSError:
        return False
    return True


def in_use(name: str, port: int) -> TrackerError:
    """The error for a requested port that is in use."""
    return TrackerError(
        f"Port {port} for {name} is in use.", "Stop what listens there, or choose another port.", ExitCode.PORT_IN_USE
    )
