"""The roles: one user of Kafka and Redis for each kind of process, with the rights that it needs and no others.

This table is the only place of these rights. Kafka's are granted by `streams/access/grants.py`, Redis' become a file
of users in `streams/access/secret_files.py`; `tracker access list` shows both.
"""

from dataclasses import dataclass
from typing import Final, Literal

from schemas.topics import ACTIONS, REJECTED, ROUTED, TRANSITIONS, touchpoint_topic
from streams.settings.settings import Settings
from streams.stores.keys import PREFIX

Resource = Literal["topic", "group", "cluster"]

# The plain keys, and those of the builds that `tracker shadow` makes.
REDIS_KEYS: Final = f"~{PREFIX}:* ~{PREFIX}.b*"
# What every client sends by itself, without the dangerous part (CLIENT KILL and PAUSE reach all other clients), and
# INFO, which says whether Redis is a primary and has room. The last rule about a command holds.
REDIS_BASE: Final = "+@connection -@dangerous +info +cluster|slots +cluster|shards +cluster|nodes +command"
# The exporter reads a partition's figures in one MULTI, so that they belong together.
REDIS_READER: Final = f"{REDIS_KEYS} +@read +@transaction {REDIS_BASE}"
# The worker's scripts are sent as text or by hash; WATCH, MULTI and EXEC make one write of many.
REDIS_WRITER: Final = f"{REDIS_KEYS} +@read +@write +@transaction +@scripting {REDIS_BASE}"
# FLUSHALL, CONFIG, ACL, DEBUG and the like stay with whoever runs the server.
ALL_TOPICS: Final = ("touchpoints.", "journey.")


@dataclass(frozen=True, slots=True)
class Right:
    """Operations on one resource of Kafka; describing follows from each of them."""

    resource: Resource
    name: str
    operations: tuple[str, ...]
    is_prefix: bool = False
    """Whether it holds for every resource whose name begins so."""

    def __str__(self) -> str:
        return f"{', '.join(self.operations)} on {self.resource} {self.name}{'*' * self.is_prefix}"


@dataclass(frozen=True, slots=True)
class Role:
    """One user: its name in Kafka and Redis, who uses it, and its rights."""

    name: str
    uses: str
    redis: str = ""
    """Its rules in Redis' language of ACLs; empty: it is no user of Redis."""
    has_kafka: bool = True
    secrets: tuple[str, ...] = ()
    """The keys of the installation that it needs beside its passwords: `hash-key`, `id-salt`."""


ROLES: Final = (
    Role("operator", "people and scripts: topics, doctor, repartition, shadow, erase", REDIS_WRITER, True,
         ("hash-key", "id-salt")),
    Role("viewer", "people who look: show, explain, rejected list", REDIS_READER, True, ("hash-key", "id-salt")),
    Role("worker", "tracker worker", REDIS_WRITER, True, ("id-salt",)),
    Role("collector", "tracker collector", "", True, ("hash-key", "id-salt")),
    Role("exporter", "tracker exporter", REDIS_READER, False, ("id-salt",)),
    Role("canary", "tracker canary", REDIS_READER, True, ("id-salt",)),
    Role("producer", "programs that send touchpoints to Kafka themselves", "", True, ("hash-key",)),
    Role("consumer", "programs that read what the tracker publishes"),
)  # fmt: skip


def kafka_rights(role: Role, settings: Settings) -> tuple[Right, ...]:
    """What a role may do in Kafka, by the channels and the consumer group of an installation."""
    channels = tuple(touchpoint_topic(channel) for channel in settings.channels)
    into = tuple(Right("topic", topic, ("write",)) for topic in channels)
    published = tuple(Right("topic", topic, ("read",)) for topic in (TRANSITIONS, ACTIONS, REJECTED))
    rights = {
        # What commands do with topics and groups, and the right to grant rights.
        "operator": (
            *(Right("topic", name, ("all",), is_prefix=True) for name in ALL_TOPICS),
            Right("group", settings.group, ("all",), is_prefix=True),
            Right("cluster", "kafka-cluster", ("all",)),
        ),
        "viewer": (
            *(Right("topic", name, ("read", "describe_configs"), is_prefix=True) for name in ALL_TOPICS),
            Right("group", settings.group, ("describe",), is_prefix=True),
        ),
        "worker": (
            *(Right("topic", topic, ("read", "describe_configs")) for topic in channels),
            Right("topic", ROUTED, ("read", "write", "describe_configs"), is_prefix=True),
            *(Right("topic", topic, ("write", "describe_configs")) for topic in (TRANSITIONS, ACTIONS, REJECTED)),
            Right("group", settings.group, ("read",), is_prefix=True),
        ),
        # At its start it checks all topics, since a missing one would lose what follows from its touchpoints.
        "collector": (
            *into,
            Right("topic", REJECTED, ("write",)),
            *(Right("topic", name, ("describe", "describe_configs"), is_prefix=True) for name in ALL_TOPICS),
        ),
        "canary": into,
        "producer": into,
        "consumer": (*published, Right("group", "consumer", ("read",), is_prefix=True)),
    }
    return rights[role.name] if role.has_kafka else ()
