"""Failures: the exceptions of Kafka's and Redis' clients and of the system, translated into a TrackerError.

Every such exception passes through `door`. The libraries' classes are known by name only, so that this file serves
kafka-python and aiokafka alike and imports neither.
"""

import errno
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from streams.errors import Denied, ExitCode, Mismatch, TrackerError, Unreachable, UsageError
from streams.settings.parsing import hide_password
from streams.settings.settings import Settings
from tracker.engine.migration import UnknownDefinitionError
from tracker.journey.file import JourneyFileError
from tracker.records.state import UnreadableStateError


class Meaning(NamedTuple):
    """The error that one class of exception stands for; {where} and {detail} are filled in."""

    kind: type[TrackerError]
    message: str
    remedy: str
    exit_code: ExitCode | None = None


KAFKA_SILENT: Final = Meaning(
    Unreachable, "Kafka at {where} does not answer.", "Check that it runs and that KAFKA_BOOTSTRAP is its address."
)
KAFKA_DENIES_NAME: Final = Meaning(
    Denied,
    "Kafka at {where} refuses the name or password.",
    "Check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_SASL_MECHANISM and KAFKA_SECURITY_PROTOCOL.",
)
KAFKA_DENIES_RIGHT: Final = Meaning(
    Denied,
    "Kafka at {where} does not allow it: {detail}.",
    "`tracker access list` shows the rights of each role, `tracker access grant` gives them.",
)
REDIS_SILENT: Final = Meaning(
    Unreachable, "Redis at {where} does not answer: {detail}.", "Check that it runs and that REDIS_URL is its address."
)
REDIS_DENIES: Final = Meaning(
    Denied,
    "Redis at {where} refuses the name or password: {detail}.",
    "Check REDIS_URL and REDIS_PASSWORD.",
)

REDIS_DENIES_RIGHT: Final = Meaning(
    Denied,
    "Redis at {where} does not allow it: {detail}.",
    "`tracker access list` shows the rights of each role; `tracker access secrets` writes them for Redis.",
)

# The first class in the exception's method resolution order that is a key here decides.
KAFKA: Final[dict[str, Meaning]] = {
    "SaslAuthenticationFailedError": KAFKA_DENIES_NAME,
    "SaslAuthenticationFailed": KAFKA_DENIES_NAME,
    "AuthenticationFailedError": KAFKA_DENIES_NAME,
    "AuthenticationMethodNotSupported": KAFKA_DENIES_NAME,
    "UnsupportedSaslMechanismError": KAFKA_DENIES_NAME,
    "UnsupportedSaslMechanism": KAFKA_DENIES_NAME,
    "IllegalSaslStateError": KAFKA_DENIES_NAME,
    "IllegalSaslState": KAFKA_DENIES_NAME,
    "AuthorizationError": KAFKA_DENIES_RIGHT,
    "TopicAuthorizationFailedError": KAFKA_DENIES_RIGHT,
    "GroupAuthorizationFailedError": KAFKA_DENIES_RIGHT,
    "ClusterAuthorizationFailedError": KAFKA_DENIES_RIGHT,
    "UnknownTopicOrPartitionError": Meaning(
        TrackerError,
        "Kafka at {where} lacks a topic: {detail}.",
        "Run `tracker topics create`.",
        ExitCode.NOT_FOUND,
    ),
    "InvalidReplicationFactorError": Meaning(
        TrackerError,
        "Kafka at {where} has fewer brokers than TRACKER_REPLICATION asks for.",
        "Lower TRACKER_REPLICATION or add brokers.",
        ExitCode.CONFIGURATION,
    ),
    "KafkaStorageError": Meaning(
        TrackerError,
        "Kafka at {where} cannot write to its disk.",
        "Make room where Kafka keeps its log, or shorten TRACKER_RETENTION_DAYS.",
        ExitCode.DISK_FULL,
    ),
    "KafkaConfigurationError": Meaning(
        TrackerError, "Kafka's client refuses a setting: {detail}.", "Run `tracker doctor`.", ExitCode.CONFIGURATION
    ),
    "KafkaTimeoutError": KAFKA_SILENT,
    "KafkaConnectionError": KAFKA_SILENT,
    "NoBrokersAvailable": KAFKA_SILENT,
    "KafkaUnavailableError": KAFKA_SILENT,
    "NodeNotReadyError": KAFKA_SILENT,
    "RequestTimedOutError": KAFKA_SILENT,
    "KafkaError": Meaning(TrackerError, "Kafka at {where}: {detail}.", "Run `tracker doctor`."),
}
REDIS: Final[dict[str, Meaning]] = {
    "AuthenticationError": REDIS_DENIES,
    "AuthorizationError": REDIS_DENIES,
    "NoPermissionError": REDIS_DENIES_RIGHT,
    "BusyLoadingError": Meaning(
        Unreachable, "Redis at {where} is still loading its data.", "Wait until it is done and try again."
    ),
    "ReadOnlyError": Meaning(
        Unreachable, "Redis at {where} is a replica and takes no writes.", "Let REDIS_URL name the primary."
    ),
    "OutOfMemoryError": Meaning(
        TrackerError,
        "Redis at {where} is out of memory.",
        "Raise its maxmemory or give it more memory.",
        ExitCode.DISK_FULL,
    ),
    "RedisClusterException": REDIS_SILENT,
    "ClusterDownError": REDIS_SILENT,
    "ConnectionError": REDIS_SILENT,
    "TimeoutError": REDIS_SILENT,
    "RedisError": Meaning(TrackerError, "Redis at {where}: {detail}.", "Run `tracker doctor`."),
}
# For these failures Redis has no class: they are the first word of a ResponseError.
REDIS_WORDS: Final[dict[str, Meaning]] = {
    "WRONGPASS": REDIS_DENIES,
    "NOAUTH": REDIS_DENIES,
    "NOPERM": REDIS_DENIES_RIGHT,
    "DENIED": REDIS_DENIES,
    "MISCONF": Meaning(
        TrackerError,
        "Redis at {where} cannot write to its disk.",
        "Make room where Redis keeps its data; its log says more.",
        ExitCode.DISK_FULL,
    ),
}
FULL: Final = Meaning(TrackerError, "The disk is full: {detail}.", "Make room and try again.", ExitCode.DISK_FULL)
NO_MORE_FILES: Final = Meaning(
    TrackerError,
    "No more files can be opened: {detail}.",
    "Raise the limit: `ulimit -n`, LimitNOFILE= of systemd, or `ulimits` of Docker Compose.",
    ExitCode.UNSUPPORTED,
)
SYSTEM: Final[dict[int, Meaning]] = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: Meaning(
        TrackerError,
        "A file may not grow further: {detail}.",
        "Raise the limit (`ulimit -f`), or write elsewhere.",
        ExitCode.DISK_FULL,
    ),
    errno.EMFILE: NO_MORE_FILES,
    errno.ENFILE: NO_MORE_FILES,
    errno.EADDRINUSE: Meaning(
        TrackerError,
        "A port is already in use: {detail}.",
        "End what listens there, or choose another port (TRACKER_HTTP_PORT, EXPORTER_PORT; 0 is any free one).",
        ExitCode.PORT_IN_USE,
    ),
    errno.EACCES: Meaning(Denied, "This user may not do that: {detail}.", "Check who owns it and its rights."),
    errno.ENOENT: Meaning(TrackerError, "There is no such file: {detail}.", "Check the path.", ExitCode.NOT_FOUND),
}


def translate(error: BaseException, settings: Settings | None = None) -> TrackerError | None:
    """The TrackerError that an exception stands for; None for an exception that is a fault of the tracker."""
    if isinstance(error, TrackerError):
        return error
    server = type(error).__module__.partition(".")[0]
    if server in {"kafka", "aiokafka"}:
        where = settings.kafka_bootstrap if settings else None
        return _filled(_by_descent(error, KAFKA), error, where or "an unknown address")
    if server == "redis":
        where = hide_password(settings.redis_url) if settings and settings.redis_url else None
        words = REDIS_WORDS.get(str(error).partition(" ")[0])
        return _filled(words or _by_descent(error, REDIS), error, where or "an unknown address")
    if isinstance(error, JourneyFileError):
        return _of_journey_file(error)
    if isinstance(error, UnknownDefinitionError):
        remedy = (
            "Store the journey file of that version: `tracker journeys apply --former FILE`. Without the file, rebuild "
            "the partitions from Kafka: `tracker repair`."
        )
        return Mismatch(f"{str(error)[0].upper()}{str(error)[1:]}.", remedy)
    if isinstance(error, UnreadableStateError) and error.is_newer:
        remedy = "Upgrade this program: a newer version of it has written the state."
        return Mismatch(f"{str(error)[0].upper()}{str(error)[1:]}.", remedy)
    if isinstance(error, ssl.SSLError):
        why = getattr(error, "reason", None) or error
        return Denied(f"The encrypted connection fails: {why}.", "Check the *_SSL_* settings.")
    if isinstance(error, OSError):
        return _filled(SYSTEM.get(error.errno or 0), error, "")
    return None


def silent_kafka(settings: Settings) -> TrackerError:
    """The error for a Kafka that has not answered in time."""
    return Unreachable(KAFKA_SILENT.message.format(where=settings.kafka_bootstrap), KAFKA_SILENT.remedy)


def closed_kafka(settings: Settings) -> TrackerError:
    """The error for a Kafka that closes the connection without an answer."""
    remedy = f"KAFKA_SECURITY_PROTOCOL is {settings.kafka_security_protocol}: check that this port speaks it."
    return Denied(f"Kafka at {settings.kafka_bootstrap} closes the connection.", remedy)


def _of_journey_file(error: JourneyFileError) -> TrackerError:
    lines = [f"{error.name}:{each.line}:{each.column}: {each.message}: {each.remedy}" for each in error.problems]
    return UsageError("\n       ".join(lines), f"`tracker check {error.name}` shows where.")


def _by_descent(error: BaseException, table: dict[str, Meaning]) -> Meaning | None:
    return next((table[cls.__name__] for cls in type(error).__mro__ if cls.__name__ in table), None)


def _filled(meaning: Meaning | None, error: BaseException, where: str) -> TrackerError | None:
    if meaning is None:
        return None
    detail = " ".join(str(error).split()).rstrip(".?!")
    return meaning.kind(meaning.message.format(where=where, detail=detail), meaning.remedy, meaning.exit_code)


@contextmanager
def door(settings: Settings | None = None) -> Iterator[None]:
    """Translate what a library raises inside the `with` into a TrackerError; faults of the tracker pass unchanged."""
    try:
        yield
    except Exception as error:
        translated = translate(error, settings)
        if translated is None or translated is error:
            raise
        raise translated from error
