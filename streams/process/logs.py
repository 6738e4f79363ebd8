"""Logs on stderr: one line for each event, with its name and fields, as text or as JSON.

Events that a metric counts are not logged too. Customers appear only as hashes; the caller hashes them.
Lines of third parties (Faust, aiokafka, kafka-python) pass through here as well, with repeats left out.
"""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final, TextIO, cast

import structlog

from streams.process.terminal import escaped, unfiltered
from streams.settings.settings import Settings

# A broker's outage makes aiokafka and Faust repeat themselves about a hundred times a second.
REPEATS: Final = 3
REPEATS_WINDOW_S: Final = 30.0
# Below a warning, these libraries log only their own workings.
CHATTY: Final = ("aiokafka", "kafka", "faust", "mode", "asyncio", "aiohttp")


class RepeatFilter(logging.Filter):
    """Passes a logger's same line `REPEATS` times in a window; the next one after it says how many were left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        now_s = self._clock()
        key = (record.name, str(record.msg)[:80])
        begun_s, count = self._seen.get(key, (now_s, 0))
        if now_s - begun_s > REPEATS_WINDOW_S:
            record.left_out = max(count - REPEATS, 0)
            begun_s, count = now_s, 0
        if len(self._seen) > 1000:  # messages that were formatted before they came: each has a key of its own
            self._seen.clear()
        self._seen[key] = (begun_s, count + 1)
        return count < REPEATS


class Outlet:
    """Where log lines go. A line that cannot be written, because the disk is full or the reader gone, stops nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream was closed
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Bring what was written to where it goes, if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def announce(text: str) -> None:
    """Print a line at once, also where stdout is a file; where it cannot be written, what is printed goes nowhere."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        # The line stays in the buffer, and bringing it out at the end would fail again: that would be the exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def configure(settings: Settings) -> None:
    """Make this process log as the settings say; it may be called again."""
    level = logging.getLevelName(settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    # The renderer has codes of its own for a terminal; what came from outside is escaped before.
    renderers, outlet = _renderers(settings), Outlet(unfiltered(sys.stderr))
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", outlet)),
        cache_logger_on_first_use=False,  # a second call must also affect loggers that are in use
    )
    _configure_third_parties(
        settings, outlet, [*shared[:1], structlog.stdlib.add_logger_name, *shared[1:], _left_out], renderers
    )


def _renderers(settings: Settings) -> list[Any]:
    """What makes a line of an event; JSON escapes by itself what must not reach a terminal."""
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    if not as_text:
        return [structlog.processors.JSONRenderer()]
    return [_escaped, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _configure_third_parties(settings: Settings, outlet: Outlet, processors: list[Any], renderers: list[Any]) -> None:
    handler = logging.StreamHandler(outlet)
    handler.addFilter(RepeatFilter())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.DEBUG if settings.log_level == "debug" else logging.WARNING)


def _escaped(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """The event without anything that moves a terminal's cursor or turns its text around.

    Other values than texts are shown by `repr`, which escapes them.
    """
    return {name: escaped(value) if isinstance(value, str) else value for name, value in event.items()}


def _left_out(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    record = event.get("_record")
    if left_out := getattr(record, "left_out", 0):
        event["left_out"] = left_out
    return event
