"""A file of touchpoints: what an import would send, a line each, for replays.

Addresses and numbers are hashed as the producer hashes them, so that the file can be kept and sent on.
"""

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

import msgspec

from schemas.touchpoint import Touchpoint
from streams.errors import ExitCode, TrackerError
from streams.events.files import STDIN
from tracker.identity.pseudonym import hidden

_encode: Final = msgspec.json.Encoder().encode


class ToFile:
    """Writes touchpoints, in place of a producer that sends them."""

    def __init__(self, out: "BinaryIO | _Output", hash_key: str | None) -> None:
        self._out = out
        self._hash_key = hash_key

    def send(self, touchpoint: Touchpoint) -> None:
        """Write a touchpoint."""
        self._out.write(_encode(shown(touchpoint, self._hash_key)) + b"\n")

    def flush(self) -> None:
        """Give what was written to the system."""
        self._out.flush()


def shown(touchpoint: Touchpoint, hash_key: str | None) -> Touchpoint:
    """A touchpoint as it would be sent."""
    return msgspec.structs.replace(touchpoint, ids=hidden(touchpoint.ids, hash_key))


@contextmanager
def opened(name: str, hash_key: str | None) -> Iterator[ToFile]:
    """A file that is written anew, gzipped if its name ends in .gz; `-` is standard output. Raises TrackerError."""
    if name == STDIN:
        yield ToFile(_Output(), hash_key)
        return
    try:
        with cast(BinaryIO, gzip.open(name, "wb")) if name.endswith(".gz") else open(name, "wb") as out:  # noqa: PTH123
            yield ToFile(out, hash_key)
    except OSError as error:
        raise TrackerError(
            f"{name} cannot be written: {error.strerror}.", "Name another file.", ExitCode.USAGE
        ) from None


class _Output:
    """Standard output, which may be a terminal: as text, so that nothing in a touchpoint takes it over."""

    def write(self, line: bytes) -> None:
        sys.stdout.write(line.decode())

    def flush(self) -> None:
        sys.stdout.flush()
