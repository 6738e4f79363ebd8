"""The topics in Kafka: which an installation needs, which exist, how they differ, and the creation of missing ones.

It never changes a topic that exists: each difference carries a remedy for the operator.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.touchpoint import MAX_TOUCHPOINT_BYTES
from streams.clients.clients import kafka_admin
from streams.clients.topic_facts import shown
from streams.errors import Denied, Mismatch
from streams.settings.settings import Settings

DAY_MS: Final = 24 * 60 * 60 * 1000
UNLIMITED: Final = -1
# A rejection holds what was received in base64; transitions and routed logs are smaller.
MAX_MESSAGE_BYTES: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TopicShape:
    """One topic, as it should be or as it is."""

    name: str
    partitions: int
    replication: int
    retention_ms: int
    """-1: without limit."""
    cleanup: str = "delete"
    max_message_bytes: int = MAX_MESSAGE_BYTES
    is_input: bool = True
    id: str = ""
    """Kafka's id of it, empty where there is none: only of a topic as it is."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about a topic that is not as it should be."""

    topic: str
    what: str
    found: str
    wanted: str
    remedy: str

    @property
    def lacks_partitions(self) -> bool:
        """Whether partitions that the settings name are not there."""
        return self.what == "topic" or (self.what == "partitions" and int(self.found) < int(self.wanted))

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} {self.found}" + (f", {self.wanted} wanted" if self.wanted else "")


def wanted(settings: Settings) -> tuple[TopicShape, ...]:
    """The topics that the settings need."""
    return tuple(
        TopicShape(
            topic.name,
            settings.partitions,
            settings.replication,
            (settings.retention_days or topic.retention_days) * DAY_MS,
            is_input=topic.direction == "input",
        )
        for topic in settings.topics()
    )


def differences(need: Iterable[TopicShape], there: Mapping[str, TopicShape]) -> list[Difference]:
    """How the topics in Kafka differ from the needed ones, in the order of `need`."""
    return [each for shape in need for each in _of_topic(shape, there.get(shape.name))]


def _of_topic(need: TopicShape, there: TopicShape | None) -> list[Difference]:
    if there is None:
        return [Difference(need.name, "topic", "missing", "", "Run `tracker topics create`.")]
    alter = f"kafka-configs.sh --alter --entity-type topics --entity-name {need.name} --add-config"
    found: list[tuple[str, object, object, str]] = []
    # Inputs need equal numbers, since a customer's home is the same partition of each. Outputs may have more.
    if there.partitions < need.partitions or (need.is_input and there.partitions != need.partitions):
        remedy = _partitions_remedy(need.partitions, there.partitions)
        found.append(("partitions", there.partitions, need.partitions, remedy))
    if there.replication < need.replication:
        remedy = f"Raise it with kafka-reassign-partitions.sh, or set TRACKER_REPLICATION={there.replication}."
        found.append(("replication", there.replication, f"at least {need.replication}", remedy))
    if there.retention_ms != UNLIMITED and there.retention_ms < need.retention_ms:
        remedy = f"{alter} retention.ms={need.retention_ms}, or lower TRACKER_RETENTION_DAYS."
        found.append(("retention", _days(there.retention_ms), f"at least {_days(need.retention_ms)}", remedy))
    if "compact" in there.cleanup:
        # Compaction would keep only the last touchpoint of each customer.
        found.append(("cleanup.policy", there.cleanup, need.cleanup, f"{alter} cleanup.policy=delete."))
    if there.max_message_bytes < MAX_TOUCHPOINT_BYTES:
        remedy = f"{alter} max.message.bytes={need.max_message_bytes}."
        found.append(("max.message.bytes", there.max_message_bytes, f"at least {MAX_TOUCHPOINT_BYTES}", remedy))
    return [Difference(need.name, what, str(is_), str(should), remedy) for what, is_, should, remedy in found]


def _partitions_remedy(need: int, there: int) -> str:
    """Kafka's number may be that of the store already, or come from elsewhere: from here nobody knows which."""
    if there < need:
        return f"Set TRACKER_PARTITIONS={there}. For more partitions run `tracker repartition --to {need}` after that."
    return (
        f"Set TRACKER_PARTITIONS={there} if no worker has run yet, or if `tracker repartition` has finished; else run "
        f"`tracker repartition --to {there}` first."
    )


def _days(milliseconds: int) -> str:
    return "unlimited" if milliseconds == UNLIMITED else f"{milliseconds / DAY_MS:g} days"


def find(admin: Any, names: Iterable[str]) -> dict[str, TopicShape]:
    """The shapes of those topics that exist, by name. Raises Denied for a topic that this user may not describe."""
    from kafka.admin import ConfigResource, ConfigResourceType

    asked = set(names)
    present = sorted(asked & set(admin.list_topics()))
    # Kafka lists no topic that the user may not describe; asked by its name, it says so.
    absent = sorted(asked - {*present})
    _require_rights(
        "Describe", [each["name"] for each in admin.describe_topics(absent) if _is_denied(each)] if absent else []
    )
    if not present:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in present]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    # Without the right Kafka answers with an error that kafka-python makes an empty description of.
    _require_rights("DescribeConfigs", [name for name in present if not configs.get(name)])
    return {topic["name"]: _shape(topic, configs[topic["name"]]) for topic in admin.describe_topics(present)}


def _is_denied(topic: Mapping[str, Any]) -> bool:
    from kafka.errors import TopicAuthorizationFailedError

    return bool(topic["error_code"] == TopicAuthorizationFailedError.errno)


def _require_rights(operation: str, topics: Iterable[str]) -> None:
    """Return when there are no such topics. Raises Denied that names them."""
    if found := ", ".join(topics):
        raise Denied(
            f"Kafka does not allow this user the operation {operation} on {found}.",
            "Grant it: `tracker access list` shows the rights of each role, `tracker access grant` gives them.",
        )


def _shape(topic: Mapping[str, Any], configs: Mapping[str, Any]) -> TopicShape:
    partitions = topic["partitions"]
    return TopicShape(
        topic["name"],
        len(partitions),
        min((len(partition["replica_nodes"]) for partition in partitions), default=0),
        int(configs["retention.ms"]["value"]),
        configs["cleanup.policy"]["value"],
        int(configs["max.message.bytes"]["value"]),
        id=shown(topic.get("topic_id")),
    )


def check(settings: Settings) -> list[Difference]:
    """How the topics in Kafka differ from what the settings need; an empty list when they match."""
    need = wanted(settings)
    with kafka_admin(settings) as admin:
        return differences(need, find(admin, (shape.name for shape in need)))


def create(settings: Settings) -> list[str]:
    """Create the missing topics; returns their names.

    It may be called again, and by several processes at once. Raises Mismatch for an existing topic that differs.
    """
    need = wanted(settings)
    with kafka_admin(settings) as admin:
        missing = {shape.name: shape for shape in need}
        for name in find(admin, missing):
            del missing[name]
        made = _make(admin, missing) if missing else []
        require(differences(need, find(admin, (shape.name for shape in need))))
    return made


def create_like(settings: Settings, model: str, name: str) -> None:
    """Create a topic of the same shape as another one of this installation, where it is missing."""
    shape = next(each for each in wanted(settings) if each.name == model)
    with kafka_admin(settings) as admin:
        if not find(admin, [name]):
            _make(admin, {name: shape})


def _make(admin: Any, shapes: Mapping[str, TopicShape]) -> list[str]:
    from kafka.errors import TopicAlreadyExistsError, for_code

    asked = {
        name: {
            "num_partitions": shape.partitions,
            "replication_factor": shape.replication,
            "configs": {
                "retention.ms": str(shape.retention_ms),
                "cleanup.policy": shape.cleanup,
                "max.message.bytes": str(shape.max_message_bytes),
            },
        }
        for name, shape in shapes.items()
    }
    answer = admin.create_topics(asked, raise_errors=False)
    made = []
    for topic in answer["topics"]:
        error = for_code(topic["error_code"])
        if not topic["error_code"]:
            made.append(topic["name"])
        elif error is not TopicAlreadyExistsError:  # which means: another process has created it meanwhile
            raise error(topic["error_message"])
    admin.wait_for_topics(list(asked))
    return made


def require(found: list[Difference]) -> None:
    """Return when there are no differences. Raises Mismatch with every difference and every remedy."""
    if found:
        lines = "\n       ".join(str(each) for each in found)
        remedies = "\n        ".join(dict.fromkeys(each.remedy for each in found))
        raise Mismatch(f"The topics are not as they should be.\n       {lines}", remedies)
