"""A file that a running collector reads again when it changes; one that cannot be read keeps what was read last."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog

from streams.errors import ConfigurationError

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
T = TypeVar("T")


class Watched(Generic[T]):
    """What a file says, never older than a second or two. The first reading raises what `read` raises."""

    def __init__(self, path: Path, read: Callable[[Path], T], clock_s: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._read = read
        self._clock_s = clock_s
        self._looked_s = clock_s()
        self._mark = self._stamp()
        self._value = read(path)

    @property
    def value(self) -> T:
        """What it says now."""
        return self._value if self._clock_s() - self._looked_s < LOOK_EVERY_S else self.newest

    @property
    def newest(self) -> T:
        """What it says this moment: for who did not find something, before they say that it is not there."""
        self._looked_s = self._clock_s()
        self._look()
        return self._value

    def _look(self) -> None:
        mark = self._stamp()
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._value = self._read(self._path)
        except (ConfigurationError, OSError) as error:
            log.warning("a file cannot be read; keeping what it said", file=self._path.name, reason=str(error))

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            told = self._path.stat()
        except OSError:
            return None
        return told.st_mtime_ns, told.st_size, told.st_ino
