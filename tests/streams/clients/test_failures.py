import errno
import ssl

import aiokafka.errors
import kafka.errors
import pytest
import redis.exceptions

from streams.clients.failures import door, translate
from streams.errors import Denied, ExitCode, TrackerError, Unreachable
from streams.settings import settings
from tracker.engine.migration import UnknownDefinitionError
from tracker.records.state import UnreadableStateError

PLACES = settings.read({"KAFKA_BOOTSTRAP": "kafka:9092", "REDIS_URL": "redis://me:pa55@redis:6379"})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (kafka.errors.KafkaTimeoutError("Unable to bootstrap"), ExitCode.UNREACHABLE),
        (kafka.errors.NodeNotReadyError("controller"), ExitCode.UNREACHABLE),
        (aiokafka.errors.KafkaConnectionError("Unable to bootstrap"), ExitCode.UNREACHABLE),
        (kafka.errors.SaslAuthenticationFailedError("no"), ExitCode.DENIED),
        (aiokafka.errors.SaslAuthenticationFailed("no"), ExitCode.DENIED),
        (kafka.errors.TopicAuthorizationFailedError("t"), ExitCode.DENIED),
        (aiokafka.errors.GroupAuthorizationFailedError("g"), ExitCode.DENIED),
        (kafka.errors.UnknownTopicOrPartitionError("t"), ExitCode.NOT_FOUND),
        (kafka.errors.InvalidReplicationFactorError("3"), ExitCode.CONFIGURATION),
        (kafka.errors.KafkaStorageError("d"), ExitCode.DISK_FULL),
        (aiokafka.errors.KafkaError("anything"), ExitCode.FAILED),
        (redis.exceptions.ConnectionError("refused"), ExitCode.UNREACHABLE),
        (redis.exceptions.TimeoutError("late"), ExitCode.UNREACHABLE),
        (redis.exceptions.BusyLoadingError("loading"), ExitCode.UNREACHABLE),
        (redis.exceptions.AuthenticationError("WRONGPASS"), ExitCode.DENIED),
        (redis.exceptions.NoPermissionError("no"), ExitCode.DENIED),
        (redis.exceptions.ResponseError("MISCONF Redis is configured to save"), ExitCode.DISK_FULL),
        (redis.exceptions.OutOfMemoryError("OOM"), ExitCode.DISK_FULL),
        (redis.exceptions.ResponseError("ERR syntax"), ExitCode.FAILED),
        (ssl.SSLError(1, "CERTIFICATE_VERIFY_FAILED"), ExitCode.DENIED),
        (OSError(errno.ENOSPC, "No space left on device"), ExitCode.DISK_FULL),
        (OSError(errno.EFBIG, "File too large"), ExitCode.DISK_FULL),
        (OSError(errno.EMFILE, "Too many open files"), ExitCode.UNSUPPORTED),
        (UnreadableStateError("a stored state has version 2; this program reads 1", is_newer=True), ExitCode.MISMATCH),
        (OSError(errno.EADDRINUSE, "Address already in use"), ExitCode.PORT_IN_USE),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), ExitCode.DENIED),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), ExitCode.NOT_FOUND),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
def test_library_error_becomes_ours(error, code) -> None:
    """Each library's exception has a sentence, a remedy and an exit code of ours."""
    told = translate(error, PLACES)
    assert told is not None
    assert (told.exit_code, bool(told.remedy)) == (code, True)
    assert "{" not in told.message


def test_place_is_named_without_the_password() -> None:
    """The sentence says which server, and never the password."""
    told = translate(redis.exceptions.ConnectionError("refused"), PLACES)
    assert str(told).startswith("Redis at redis://me:***@redis:6379 does not answer: refused.")


def test_fault_of_ours_stays() -> None:
    """An exception that no person can do anything about is not dressed up."""
    assert translate(KeyError("x")) is None
    with pytest.raises(KeyError), door(PLACES):
        raise KeyError("x")


def test_door_translates() -> None:
    """Within the door a library's error comes out as ours, with its origin kept."""
    with pytest.raises(Unreachable) as caught, door(PLACES):
        raise redis.exceptions.TimeoutError("late")
    assert isinstance(caught.value.__cause__, redis.exceptions.TimeoutError)


def test_our_own_error_passes() -> None:
    """An error that is ours already goes through the door unchanged."""
    error = Denied("No.", "Ask.")
    with pytest.raises(TrackerError) as caught, door(PLACES):
        raise error
    assert caught.value is error


def test_states_of_another_definition_are_told_with_a_remedy() -> None:
    """A journey file whose stages changed under stored states ends the worker with what to do."""
    told = translate(UnknownDefinitionError("retail", 3))
    assert told is not None
    assert told.exit_code is ExitCode.MISMATCH
    assert "version 3" in told.message
    assert told.remedy
