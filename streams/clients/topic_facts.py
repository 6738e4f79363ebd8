"""What Kafka says of topics now: their ids and numbers of partitions.

A topic that is deleted and created again has its name and another id (KIP-516), which Kafka gives since version 2.8.
aiokafka asks for metadata without ids, so the version of the request that has them is defined here.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Any, ClassVar, Final, NamedTuple

from aiokafka.errors import NodeNotReadyError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

ID_BYTES: Final = 16
NO_ID: Final = bytes(ID_BYTES)
"""What an older broker of a cluster that is being upgraded gives."""


class TopicFacts(NamedTuple):
    """A topic at this moment."""

    id: str
    """32 hexadecimal digits; empty where Kafka gives none."""
    partitions: int


class _Id(AbstractType[bytes]):
    """Kafka's UUID."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(ID_BYTES)

    @classmethod
    def repr(cls, value: bytes) -> str:
        return value.hex()


class _MetadataResponse_v10(Response):  # noqa: N801  # as aiokafka names them
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", _Id),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataRequest_v10(RequestStruct):  # noqa: N801  # as aiokafka names them
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse_v10
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Id), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _TopicsRequest(Request[MetadataRequest_v5 | _MetadataRequest_v10]):
    """Metadata with ids, or without them where the broker knows none."""

    API_KEY: ClassVar[int] = 3

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = list(topics)

    def build(self, request_struct_class: type[Any]) -> Any:
        if request_struct_class is MetadataRequest_v5:
            return request_struct_class(self._topics, False)
        return request_struct_class([(NO_ID, name, {}) for name in self._topics], False, False, False, {})


async def ask(client: Any, topics: Iterable[str]) -> dict[str, TopicFacts]:
    """The facts by topic, from an aiokafka client; a topic that does not exist is left out.

    Raises aiokafka's errors.
    """
    node = client.get_random_node()
    if node is None:
        raise NodeNotReadyError("no broker is known yet")
    answer = (await client.send(node, _TopicsRequest(topics))).to_object()
    return {
        topic["topic"]: TopicFacts(shown(topic.get("topic_id")), len(topic["partitions"]))
        for topic in answer["topics"]
        if not topic["error_code"]
    }


def shown(topic_id: Any) -> str:
    """An id as it is stored, from the bytes that aiokafka gives or the text that kafka-python gives."""
    digits = topic_id.hex() if isinstance(topic_id, bytes) else str(topic_id or "").replace("-", "")
    return digits if digits.strip("0") else ""
