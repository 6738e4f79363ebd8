"""Files of events: lines from plain or gzipped files and from standard input, counted as they are read.

It knows files and their faults; `tracker/replay/line.py` reads the lines.
"""

import codecs
import gzip
import io
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

import msgspec

from schemas.touchpoint import MAX_TOUCHPOINT_BYTES
from schemas.unreadable import UNREADABLE
from streams.errors import ExitCode, TrackerError, UsageError
from tracker.identity.kinds import KINDS, Kinds
from tracker.moment import ALL_TIME, TimeSpan
from tracker.planning.decode import Flaw
from tracker.replay.line import reader
from tracker.touch import Touch

STDIN: Final = "-"
# A line may hold the largest touchpoint with white space around it; longer lines are not kept in memory.
MAX_LINE_BYTES: Final = 2 * MAX_TOUCHPOINT_BYTES
BUFFER_BYTES: Final = 1 << 20
SHOWN: Final = 5
MAX_DETAIL: Final = 300
"""Characters of what is wrong with a line: it may repeat what the line says."""
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")


# The type stubs allow one kind of raw stream; here it buffers files, standard input and unpacked data.
Buffered: Final[Any] = io.BufferedReader


class WrongLine(Protocol):
    """Why something is no touchpoint."""

    @property
    def reason(self) -> str:
        """A word."""

    @property
    def detail(self) -> str:
        """A sentence."""


class ByteSource(Protocol):
    """A source of bytes that is read line by line."""

    def readline(self, size: int, /) -> bytes:
        """The next line, or its first `size` bytes."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that is not a touchpoint."""

    file: str
    line: int
    reason: str
    detail: str


@dataclass(slots=True)
class ReadTally:
    """Counts of what was read."""

    lines: int = 0
    bytes: int = 0
    cut: int = 0
    """Touchpoints left out because they are outside of the span."""
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[Rejected] = field(default_factory=list)
    """The first few of each reason."""

    @property
    def rejected(self) -> int:
        """How many lines were not touchpoints."""
        return self.reasons.total()

    def reject(self, file: str, line: int, flaw: WrongLine) -> None:
        """Count a line that could not be read, and keep it if it is among the first of its reason."""
        self.reasons[flaw.reason] += 1
        if self.reasons[flaw.reason] <= SHOWN:
            self.examples.append(Rejected(file, line, flaw.reason, flaw.detail[:MAX_DETAIL]))


def touches(
    names: Sequence[str],
    tally: ReadTally,
    span: TimeSpan = ALL_TIME,
    progress: Callable[[int, int], None] = lambda _lines, _bytes: None,
    kinds: Kinds = KINDS,
) -> Iterator[Touch]:
    """Every touchpoint of the files, in the order of their lines. Raises TrackerError for an unreadable file."""
    if names.count(STDIN) > 1:
        raise UsageError("standard input is named twice", "name `-` once")
    everything = span == ALL_TIME
    for name in names:
        read = reader(kinds)
        number = 0
        for line in lines(name):
            number += 1
            tally.bytes += len(line)
            if not number & 0x3FFF:
                progress(tally.lines, tally.bytes)
            if line.isspace():
                continue
            tally.lines += 1
            touch = read(line) if len(line) <= MAX_LINE_BYTES else _too_large()
            if type(touch) is Flaw:
                tally.reject(name, number, touch)
            elif everything or span.holds(touch.at_ms):  # type: ignore[union-attr]
                yield touch  # type: ignore[misc]
            else:
                tally.cut += 1
    progress(tally.lines, tally.bytes)


def _too_large() -> Flaw:
    return Flaw("too_large", f"a line of more than {MAX_LINE_BYTES} bytes; one JSON object a line is wanted")


def lines(name: str, *, wide: bool = False) -> Iterator[bytes]:
    """The lines of one file; a line that is too long is cut. Raises TrackerError for an unreadable file.

    `wide`: UTF-16 with its mark is read too, as spreadsheets save it; the lines are UTF-8.
    """
    with _opened(name) as file:
        try:
            yield from _lines(_narrowed(file, name) if wide else file)
        except EOFError:
            raise _unreadable(name, "the gzip file ends too early", "copy or compress it again") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise _unreadable(name, f"the gzip file is damaged: {error}", "copy or compress it again") from error
        except OSError as error:
            raise _unreadable(name, f"reading failed: {error.strerror or error}", "check the disk") from error


def _lines(file: ByteSource) -> Iterator[bytes]:
    first = file.readline(MAX_LINE_BYTES + 1)
    if _is_wide(first):
        raise UsageError("the events are no UTF-8 text", "save them as UTF-8, one JSON object a line")
    if first.lstrip().startswith(b"[") and not _is_whole(first):
        raise UsageError("the file is one JSON array", "write one JSON object a line: jq -c '.[]' events.json")
    line = first.removeprefix(_BOM)
    while line:
        yield line
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES + 1)
        line = file.readline(MAX_LINE_BYTES + 1)


def _narrowed(file: Any, name: str) -> ByteSource:
    """A file of text as UTF-8, whether it is UTF-8 or UTF-16. Raises TrackerError."""
    first = file.peek(4)[:4]
    if not _is_wide(first):
        return cast(ByteSource, file)
    if not first.startswith(_WIDE) or first[2:] == b"\0\0":
        raise _unreadable(name, "it is no UTF-8 text", "save it as CSV UTF-8")
    return _Narrowed(file)


class _Narrowed:
    """Lines of UTF-16 as UTF-8."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        self._text = b""
        self._place = 0

    def readline(self, size: int, /) -> bytes:
        """The next line, or its first `size` bytes."""
        end = self._text.find(b"\n", self._place)
        while end < 0 and len(self._text) - self._place < size:
            data = self._file.read1(BUFFER_BYTES)
            said = self._decoder.decode(data, not data).encode("utf-8", "replace")
            searched = len(self._text) - self._place
            self._text, self._place = self._text[self._place :] + said, 0
            end = self._text.find(b"\n", searched)
            if not data:
                break
        begin, whole = self._place, len(self._text) if end < 0 else end + 1
        self._place = min(whole, begin + size)
        return self._text[begin : self._place]


def _is_wide(first: bytes) -> bool:
    """Whether a file's beginning is text of two or four bytes a character: its mark, or every other byte of a NUL."""
    return first.startswith(_WIDE) or (len(first) > 1 and (first[0] == 0) != (first[1] == 0))


def _is_whole(line: bytes) -> bool:
    """Whether the line is a whole JSON value; the first line of an array over several lines is not."""
    try:
        msgspec.json.decode(line)
    except UNREADABLE:
        return False
    return True


@contextmanager
def _opened(name: str) -> Iterator[ByteSource]:
    """The file's bytes, unpacked if they are gzipped, whatever the file's name is."""
    if name == STDIN:
        stdin = Buffered(sys.stdin.buffer, BUFFER_BYTES)
        yield _unpacked(stdin)
        # Detached, since closing the buffer would close standard input.
        stdin.detach()
        return
    with _file(name) as file:
        yield _unpacked(Buffered(file, BUFFER_BYTES))


def _file(name: str) -> BinaryIO:
    try:
        return Path(name).open("rb", buffering=0)
    except FileNotFoundError:
        raise TrackerError(f"{name}: there is no such file", "check the path", ExitCode.NOT_FOUND) from None
    except IsADirectoryError:
        raise UsageError(f"{name} is a directory", f"name the files: {name.rstrip('/')}/*.jsonl") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(name, reason.lower(), "check the path and its permissions") from error


def _unpacked(file: Any) -> ByteSource:
    packed = file.peek(2)[:2] == _GZIP
    return Buffered(gzip.GzipFile(fileobj=file, mode="rb"), BUFFER_BYTES) if packed else file


def _unreadable(name: str, what: str, remedy: str) -> TrackerError:
    return TrackerError(f"{'standard input' if name == STDIN else name}: {what}", remedy, ExitCode.USAGE)
