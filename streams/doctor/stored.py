"""Redis: its version and settings, and what the tracker has noted there about itself."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final

from schemas.topics import ROUTED
from streams.clients.clients import kafka_admin, redis_client
from streams.clients.topic_shapes import find
from streams.definitions.builds import prefix_of
from streams.definitions.reader import served_prefix
from streams.definitions.record import read_newest
from streams.doctor.finding import Inquiry, Result
from streams.settings.settings import Settings
from streams.stores.keys import keys
from streams.stores.sent import findings
from streams.stores.topic_ids import findings as created_anew

OLDEST_REDIS: Final = (6, 2)
NEARLY_FULL: Final = 0.9


def redis(inquiry: Inquiry) -> Iterator[Result]:
    """The server or the nodes."""
    settings = inquiry.settings
    if settings.redis_url is None:
        from streams.servers.redis import find_redis

        server = find_redis()
        yield "ok", f"REDIS_URL is not set: the demo and the tests start their own Redis ({server}).", ""
        return
    with closing(redis_client(settings)) as client:
        answer = client.info(target_nodes="primaries") if settings.redis_cluster else client.info()
    # The client of a Cluster with a single primary returns that node's fields, without the node's name.
    nodes = answer if settings.redis_cluster and "redis_version" not in answer else {"Redis": answer}
    for node, info in nodes.items():
        yield from redis_node(str(node), info, settings)
    if settings.id_salt is None:
        message = "TRACKER_ID_SALT is not set: customers' hashes in logs can be guessed, and nobody can be erased."
        yield "warning", message, "Set it to a long random text and keep it."


def redis_node(node: str, info: Mapping[str, Any], settings: Settings) -> Iterator[Result]:
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


def history(inquiry: Inquiry) -> Iterator[Result]:
    """Offsets that Kafka had deleted before they were applied; reported until someone deletes the key."""
    settings = inquiry.settings
    with closing(redis_client(settings)) as client:
        prefix = served_prefix(client)
        for partition in range(settings.partitions):
            for place, end in sorted(client.hgetall(keys(partition, prefix).missing).items()):
                topic, _, first = place.decode().rpartition(":")
                what = f"{topic}/{partition}: offsets {first} to {int(end) - 1}"
                message = f"{what} were deleted by Kafka before they were applied."
                remedy = f"Keep topics longer (TRACKER_RETENTION_DAYS). Seen? DEL {keys(partition, prefix).missing}"
                yield "warning", message, remedy


def topic_ids(inquiry: Inquiry) -> Iterator[Result]:
    """Topics that were deleted and created again."""
    settings = inquiry.settings
    with kafka_admin(settings) as admin:
        shapes = find(admin, [topic.name for topic in settings.topics() if topic.direction == "input"])
    with closing(redis_client(settings)) as client:
        ids = {name: shape.id for name, shape in shapes.items()}
        build = read_newest(client).build
        if build:
            # Its topic of routed messages has another name in Kafka than in the store.
            ids.pop(ROUTED, None)
        yield from created_anew(client, settings.partitions, ids, prefix_of(build))


def messages(inquiry: Inquiry) -> Iterator[Result]:
    """Messages between partitions: what came against what was sent."""
    settings = inquiry.settings
    with closing(redis_client(settings)) as client:
        yield from findings(client, settings.partitions, served_prefix(client))


def erasures(inquiry: Inquiry) -> Iterator[Result]:
    """Whether erased names are recognised under the present salt."""
    settings = inquiry.settings
    from tracker.identity.erasure import Digests

    with closing(redis_client(settings)) as client:
        prefix = served_prefix(client)
        kept = [client.smembers(keys(partition, prefix).suppressed) for partition in range(settings.partitions)]
    if not all(map(Digests(settings.id_salt).is_own, kept)):
        message = "Customers were erased under another TRACKER_ID_SALT: no worker takes their partitions."
        yield "problem", message, "Set it to the value that it had then."
    elif any(kept):
        # One digest in each set is of the salt itself.
        yield "ok", f"{len(set().union(*kept)) - 1} erased names are kept out", ""
