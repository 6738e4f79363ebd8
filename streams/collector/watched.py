"""A file that a running collector reads again when it changes. Where it cannot be read, the last content stays."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog

from streams.errors import ConfigurationError

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
T = TypeVar("T")


class Watched(Generic[T]):
    """The content of a file, at most a second or two old. The first reading raises what `read` raises."""

    def __init__(
        self,
        path: Path,
        read: Callable[[Path], T],
        clock_s: Callable[[], float] = time.monotonic,
        beside: Callable[[T], Iterable[Path]] = lambda _value: (),
    ) -> None:
        """`beside`: further files that the content was read from."""
        self._path = path
        self._read = read
        self._clock_s = clock_s
        self._beside = beside
        self._looked_s = clock_s()
        before = _stamp(path)
        self._value = read(path)
        self._mark = (before, *map(_stamp, beside(self._value)))

    @property
    def value(self) -> T:
        """The content, checked for changes once a second."""
        return self._value if self._clock_s() - self._looked_s < LOOK_EVERY_S else self.newest

    @property
    def newest(self) -> T:
        """The content, checked for changes now: ask for it before a name that is missing is refused."""
        self._looked_s = self._clock_s()
        self._look()
        return self._value

    def _look(self) -> None:
        mark = (_stamp(self._path), *map(_stamp, self._beside(self._value)))
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._value = self._read(self._path)
            self._mark = (mark[0], *map(_stamp, self._beside(self._value)))
        except (ConfigurationError, OSError) as error:
            log.warning(
                "a file cannot be read; its last content stays in force", file=self._path.name, reason=str(error)
            )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    # The inode distinguishes a file that was renamed into place within one tick of the clock and has the same size.
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
