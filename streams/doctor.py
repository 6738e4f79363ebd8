"""The doctor: it examines an installation and reports each finding, with a remedy where something is wrong.

It changes nothing. `CHECKS` lists all checks, in such an order that a fault comes before the faults that it causes.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any, Final, Literal

from streams.build import engine_build
from streams.clients.clients import kafka_admin, redis_client
from streams.clients.failures import door
from streams.errors import ExitCode, TrackerError
from streams.settings.settings import Settings, unknown
from streams.stores.keys import keys

State = Literal["ok", "warning", "problem"]
OLDEST_KAFKA: Final = (2, 4)
OLDEST_REDIS: Final = (6, 2)
NEARLY_FULL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    area: str
    state: State
    message: str
    remedy: str = ""
    exit_code: ExitCode = ExitCode.OK


def examine(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Every finding, area by area. An area whose check raises an error is one problem."""
    yield from _variables(environ)
    failed: set[str] = set()
    for area, check in CHECKS.items():
        if failed & NEEDS.get(area, frozenset()):
            continue
        try:
            with door(settings):
                for state, message, remedy in check(settings):
                    yield Finding(area, state, message, remedy, _CODES[state])
        except TrackerError as error:
            failed.add(area)
            yield Finding(area, "problem", error.message, error.remedy, error.exit_code)
        except Exception as error:  # noqa: BLE001  # one broken check must not hide the others
            message = f"The check itself failed: {type(error).__name__}: {error}"
            yield Finding(area, "problem", message, "Report this as a fault of the tracker.", ExitCode.FAULT)


def verdict(findings: Iterable[Finding]) -> ExitCode:
    """The exit code of the first problem; OK where there are at most warnings."""
    return next((finding.exit_code for finding in findings if finding.state == "problem"), ExitCode.OK)


_CODES: Final = {"ok": ExitCode.OK, "warning": ExitCode.OK, "problem": ExitCode.MISMATCH}
Result = tuple[State, str, str]


def _variables(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, near in unknown(environ).items():
        remedy = f"Did you mean {near}?" if near else "deploy/env/reference.env lists all."
        yield Finding("settings", "warning", f"{name} is set, and is not a variable of the tracker.", remedy)


def _versions(_settings: Settings) -> Iterator[Result]:
    yield "ok", f"Python {sys.version.split()[0]}, the engine is {engine_build()}", ""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in requires("journey-tracker") or ()]
    except PackageNotFoundError:
        yield "warning", "The project is not installed, so its dependencies are unknown.", "Start it with ./run."
        return
    mine = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    good = []
    for each in mine:
        try:
            found = version(each.name)
        except PackageNotFoundError:
            yield "problem", f"{each.name} is not installed.", "Start the tracker with ./run, or install it again."
            continue
        if each.specifier.contains(found, prereleases=True):
            good.append(f"{each.name} {found}")
        else:
            remedy = "Start the tracker with ./run, which keeps its environment up to date."
            yield "problem", f"{each.name} {found} is installed, {each.specifier} is needed.", remedy
    yield "ok", ", ".join(good), ""


def _journeys(settings: Settings) -> Iterator[Result]:
    from streams.settings.definitions import load_journeys

    seen: set[str] = set()
    for definition in load_journeys(settings):
        name = f"{definition.journey} version {definition.version}"
        if definition.journey in seen:
            yield "problem", f"The journey {definition.journey!r} is defined twice.", "Give each its own name."
        seen.add(definition.journey)
        yield "ok", f"{name}: {' → '.join(stage.name for stage in definition.stages)}", ""
    if not seen:
        yield "problem", "TRACKER_JOURNEYS names folders without a journey file.", "Run `tracker new`."


def _kafka(settings: Settings) -> Iterator[Result]:
    if settings.kafka_bootstrap is None:
        from streams.servers.java import find_java

        java = find_java()
        yield "ok", f"KAFKA_BOOTSTRAP is not set: the demo and the tests start their own Kafka ({java}).", ""
        return
    with kafka_admin(settings) as admin:
        cluster = admin.describe_cluster()
        its_version = tuple(admin._manager.broker_version)  # noqa: SLF001  # the client has no public attribute for it
    brokers = len(cluster["brokers"])
    spoken = ".".join(map(str, its_version))
    if its_version < OLDEST_KAFKA:
        yield "problem", f"Kafka {spoken} is too old.", "Use Kafka 2.4 or newer; 4.1 is tested."
    yield "ok", f"Kafka {spoken} at {settings.kafka_bootstrap}, {brokers} broker{'s' * (brokers != 1)}", ""
    if brokers < settings.replication:
        message = f"TRACKER_REPLICATION is {settings.replication}, and Kafka has {brokers} brokers."
        yield "problem", message, "Lower it or add brokers."
    elif settings.replication == 1 and brokers > 1:
        message = "TRACKER_REPLICATION is 1: touchpoints are lost with the broker that holds them."
        yield "warning", message, "Set it to 3 before the topics are created."
    if settings.kafka_security_protocol == "SASL_PLAINTEXT":
        yield "warning", "The password travels to Kafka unencrypted.", "Use SASL_SSL."


def _topics(settings: Settings) -> Iterator[Result]:
    if settings.kafka_bootstrap is None:
        return
    from streams.clients import topic_shapes

    found = topic_shapes.check(settings)
    for each in found:
        yield "problem", str(each), each.remedy
    if not found:
        yield "ok", f"{len(topic_shapes.wanted(settings))} topics of {settings.partitions} partitions", ""


def _redis(settings: Settings) -> Iterator[Result]:
    if settings.redis_url is None:
        from streams.servers.redis import find_redis

        server = find_redis()
        yield "ok", f"REDIS_URL is not set: the demo and the tests start their own Redis ({server}).", ""
        return
    client = redis_client(settings)
    try:
        answer = client.info(target_nodes="primaries") if settings.redis_cluster else client.info()
    finally:
        client.close()
    # The client of a Cluster with a single primary returns that node's fields, without the node's name.
    nodes = answer if settings.redis_cluster and "redis_version" not in answer else {"Redis": answer}
    for node, info in nodes.items():
        yield from _redis_node(str(node), info, settings)
    if settings.id_salt is None:
        message = "TRACKER_ID_SALT is not set: customers' hashes in logs can be guessed, and nobody can be erased."
        yield "warning", message, "Set it to a long random text and keep it."


def _redis_node(node: str, info: Mapping[str, Any], settings: Settings) -> Iterator[Result]:
    """The findings on one node's INFO. Valkey and hosted services leave some fields out; those pass."""
    its_version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in its_version.split(".")[:2]) < OLDEST_REDIS:
        yield "problem", f"{node} {its_version} is too old.", "Use Redis 6.2 or newer, or Valkey."
    else:
        yield "ok", f"{node} {its_version}, {info.get('used_memory_human', 'unknown')} used", ""
    if info.get("role", "master") != "master":
        yield "problem", f"{node} is a replica and takes no writes.", "Let REDIS_URL name the primary."
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        message = f"{node} may evict customers when its memory is full (maxmemory-policy {policy})."
        yield "problem", message, "Set maxmemory-policy to noeviction."
    if not info.get("aof_enabled", 1):
        message = f"{node} does not log writes to disk (appendonly no), so a restart replays Kafka from its beginning."
        yield "warning", message, "Set appendonly to yes; everysec is enough."
    for field, what in (("aof_last_write_status", "append-only file"), ("rdb_last_bgsave_status", "snapshot")):
        if info.get(field, "ok") != "ok":
            yield "problem", f"{node} cannot write its {what}.", "Make room on its disk; its log says more."
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if limit and used > NEARLY_FULL * limit:
        yield "warning", f"{node} uses {used / limit:.0%} of its maxmemory.", "Raise maxmemory before it is full."
    if bool(info.get("cluster_enabled")) != settings.redis_cluster:
        is_, should = ("part of a cluster", "true") if info.get("cluster_enabled") else ("no cluster", "false")
        yield "problem", f"{node} is {is_}.", f"Set REDIS_CLUSTER={should}."


def _history(settings: Settings) -> Iterator[Result]:
    """Offsets that Kafka had deleted before they were applied; reported until someone deletes the key."""
    if settings.redis_url is None:
        return
    client = redis_client(settings)
    try:
        for partition in range(settings.partitions):
            for place, end in sorted(client.hgetall(keys(partition).missing).items()):
                topic, _, first = place.decode().rpartition(":")
                what = f"{topic}/{partition}: offsets {first} to {int(end) - 1}"
                message = f"{what} were deleted by Kafka before they were applied."
                remedy = f"Keep topics longer (TRACKER_RETENTION_DAYS). Seen? DEL {keys(partition).missing}"
                yield "warning", message, remedy
    finally:
        client.close()


def _messages(settings: Settings) -> Iterator[Result]:
    from streams.stores.sent import findings

    if settings.redis_url is None:
        return
    client = redis_client(settings)
    try:
        yield from findings(client, settings.partitions)
    finally:
        client.close()


def _topic_ids(settings: Settings) -> Iterator[Result]:
    """Topics that were deleted and created again."""
    if settings.redis_url is None or settings.kafka_bootstrap is None:
        return
    from streams.clients.topic_shapes import find
    from streams.stores.topic_ids import findings

    with kafka_admin(settings) as admin:
        shapes = find(admin, [topic.name for topic in settings.topics() if topic.direction == "input"])
    client = redis_client(settings)
    try:
        yield from findings(client, settings.partitions, {name: shape.id for name, shape in shapes.items()})
    finally:
        client.close()


def _collector(settings: Settings) -> Iterator[Result]:
    from streams.collector.checkup import findings

    yield from findings(settings)


def _erasures(settings: Settings) -> Iterator[Result]:
    """Whether erased names are recognised under the present salt."""
    if settings.redis_url is None:
        return
    from tracker.identity.erasure import Digests

    client = redis_client(settings)
    try:
        kept = [client.smembers(keys(partition).suppressed) for partition in range(settings.partitions)]
    finally:
        client.close()
    if not all(map(Digests(settings.id_salt).is_own, kept)):
        message = "Customers were erased under another TRACKER_ID_SALT: no worker takes their partitions."
        yield "problem", message, "Set it to the value that it had then."
    elif any(kept):
        # One digest in each set is of the salt itself.
        yield "ok", f"{len(set().union(*kept)) - 1} erased names are kept out", ""


CHECKS: Final[dict[str, Callable[[Settings], Iterator[Result]]]] = {
    "versions": _versions,
    "journeys": _journeys,
    "kafka": _kafka,
    "topics": _topics,
    "redis": _redis,
    "history": _history,
    "created anew": _topic_ids,
    "messages": _messages,
    "erasures": _erasures,
    "collector": _collector,
}
# An area is skipped when the check of a server that it needs has failed.
NEEDS: Final[dict[str, frozenset[str]]] = {
    "topics": frozenset({"kafka"}),
    "history": frozenset({"redis"}),
    "created anew": frozenset({"kafka", "redis"}),
    "messages": frozenset({"redis"}),
    "erasures": frozenset({"redis"}),
}
