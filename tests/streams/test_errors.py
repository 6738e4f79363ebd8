import pytest

from streams.errors import ConfigurationError, Denied, ExitCode, Mismatch, TrackerError, Unreachable, UsageError


def test_numbers_are_promised() -> None:
    """Scripts may rely on the exit codes' numbers."""
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0, "FAILED": 1, "USAGE": 2, "CONFIGURATION": 3, "UNREACHABLE": 4, "DENIED": 5, "PORT_IN_USE": 6,
        "DISK_FULL": 7, "MISMATCH": 8, "UNSUPPORTED": 9, "NOT_FOUND": 10, "FENCED": 11, "STALLED": 12,
        "FAULT": 70, "INTERRUPTED": 130, "TERMINATED": 143,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (TrackerError, ExitCode.FAILED),
        (ConfigurationError, ExitCode.CONFIGURATION),
        (UsageError, ExitCode.USAGE),
        (Unreachable, ExitCode.UNREACHABLE),
        (Denied, ExitCode.DENIED),
        (Mismatch, ExitCode.MISMATCH),
    ],
)
def test_kind_carries_its_code(kind, code) -> None:
    """Each kind of error has its own exit code, and the tree has one root."""
    error = kind("Kafka does not answer.", "Start it.")
    assert isinstance(error, TrackerError)
    assert (error.exit_code, error.message, error.remedy) == (code, "Kafka does not answer.", "Start it.")


def test_code_can_be_given() -> None:
    """The raiser may name a more exact exit code than the kind's."""
    assert TrackerError("Port 80 is taken.", exit_code=ExitCode.PORT_IN_USE).exit_code is ExitCode.PORT_IN_USE


def test_sentence_holds_the_remedy() -> None:
    """In a log line, the remedy follows in brackets; without one there are no brackets."""
    assert str(TrackerError("It is full.", "Make room.")) == "It is full. (Make room.)"
    assert str(TrackerError("It is full.")) == "It is full."
