"""The errors that people see: one sentence, one remedy, one named exit code.

It knows none of the libraries that fail: `streams/clients/failures.py` translates their exceptions into these.
"""

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit code of a command; scripts may rely on the numbers."""

    OK = 0
    """All went well."""
    FAILED = 1
    """The command ran, and what it checked does not hold."""
    USAGE = 2
    """The command line or a journey file is wrong."""
    CONFIGURATION = 3
    """A setting in the environment is wrong or missing."""
    UNREACHABLE = 4
    """Kafka or Redis does not answer."""
    DENIED = 5
    """Kafka or Redis refuses the name, the password or the right."""
    PORT_IN_USE = 6
    """Another program listens on the port."""
    DISK_FULL = 7
    """There is no room left where something must be written."""
    MISMATCH = 8
    """What exists differs from what is needed: partitions, retention, figures."""
    UNSUPPORTED = 9
    """Something on this machine is missing or too old."""
    NOT_FOUND = 10
    """The customer, topic or file asked for does not exist."""
    FENCED = 11
    """Another worker owns the partition now."""
    STALLED = 12
    """Records wait and none are applied."""
    FAULT = 70
    """A fault of the tracker itself."""
    INTERRUPTED = 130
    """Ctrl-C (SIGINT)."""
    TERMINATED = 143
    """SIGTERM."""


def name_of(code: int) -> str:
    """The name of an exit code; of a negative one, the signal that ended the process."""
    if code < 0:
        return signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
    return ExitCode(code).name if code in {*ExitCode} else "unknown"


class TrackerError(Exception):
    """An error that the user or operator can correct."""

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, remedy: str = "", exit_code: ExitCode | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        if exit_code is not None:
            self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class ConfigurationError(TrackerError):
    """A setting is wrong or missing."""

    exit_code = ExitCode.CONFIGURATION


class UsageError(TrackerError):
    """The command was called in a way that cannot work."""

    exit_code = ExitCode.USAGE


class Unreachable(TrackerError):  # noqa: N818  # the state of the world, not of our code
    """A server does not answer."""

    exit_code = ExitCode.UNREACHABLE


class Denied(TrackerError):  # noqa: N818
    """A server refuses the credentials or the right."""

    exit_code = ExitCode.DENIED


class Mismatch(TrackerError):  # noqa: N818
    """What exists differs from what is needed."""

    exit_code = ExitCode.MISMATCH
