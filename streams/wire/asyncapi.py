"""The AsyncAPI 3 document: the topics that other programs write to and read from, with keys, headers and content.

It is made from the table of topics, the settings' defaults and the published schemas.
"""

from typing import Any, Final

from schemas.topics import REJECTED, TRANSITIONS, Topic
from streams.settings.settings import Settings, read
from streams.wire import schema
from tracker.planning.marks import AGAIN, GENERATION

Document = dict[str, Any]

KAFKA: Final = "0.5.0"
"""The version of AsyncAPI's Kafka bindings."""
DAY_MS: Final = 86_400_000
MESSAGE_OF: Final = {TRANSITIONS: "transition", REJECTED: "rejection"}
KEYS: Final = {
    "touchpoint": "The strongest alias in UTF-8: a customer_id as it is, another with its kind, `anonymous_id:a-17`."
    " Partitioned by murmur2, as Kafka's own clients do.",
    "transition": "The customer.",
    "rejection": "The key of the original.",
}
NUMBER: Final = "^[0-9]+$"
NAME: Final = "^[0-9a-z]{1,32}$"
HEADERS: Final = {
    "partition": "The partition of the tracker that wrote it.",
    GENERATION: "The random name that the owner got when it took that partition.",
    "epoch": "Which owner of that partition wrote it. It starts again at 1 when the store was emptied.",
    "sequence": "Counts up within partition and generation. A repeated message has the same four headers.",
    AGAIN: "Only on transitions that were published before, from the same input; always 1.",
}
SUMMARIES: Final = {
    "touchpoint": "One event of one customer on one channel.",
    "transition": "What happened to a customer's journey, and why.",
    "rejection": "Bytes that are not a touchpoint, with the reason.",
}


def document() -> Document:
    """The document as it is published, with the default of each setting."""
    settings = read({})
    topics = [topic for topic in settings.topics() if _message(topic)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Journey tracker",
            "version": "1.0.0",
            "description": "Shops, apps and support desks send touchpoints; the tracker publishes what happened to each"
            " customer's journey.",
            "license": {"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "Your Kafka; TLS and SASL as it asks for them.",
                "variables": {"bootstrap": {"description": "KAFKA_BOOTSTRAP", "default": "localhost:9092"}},
            }
        },
        "channels": {topic.name: _channel(topic, settings) for topic in topics},
        "operations": {_operation_name(topic): _operation(topic) for topic in topics},
        "components": {
            "messages": {name: _described(name) for name in schema.MESSAGES},
            "schemas": schema.components(*schema.MESSAGES),
        },
    }


def _message(topic: Topic) -> str | None:
    """The kind of message of a public topic; None for messages between workers and topics without messages yet."""
    return (
        "touchpoint" if topic.name.startswith("touchpoints.") and topic.name != REJECTED else MESSAGE_OF.get(topic.name)
    )


def _channel(topic: Topic, settings: Settings) -> Document:
    message = _message(topic)
    days = settings.retention_days or topic.retention_days
    return {
        "address": topic.name,
        "description": f"{topic.content[0].upper()}{topic.content[1:]}.",
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": settings.partitions,
                "replicas": settings.replication,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": days * DAY_MS},
                "bindingVersion": KAFKA,
            }
        },
    }


def _operation_name(topic: Topic) -> str:
    first, _, last = topic.name.partition(".")
    return f"{'receive' if topic.direction == 'input' else 'send'}{first.capitalize()}{last.capitalize()}"


def _operation(topic: Topic) -> Document:
    message = _message(topic)
    # In a JSON pointer, the dots of a name need no escaping.
    channel = f"#/channels/{topic.name}"
    return {
        "action": "receive" if topic.direction == "input" else "send",
        "summary": f"The tracker {'reads' if topic.direction == 'input' else 'writes'} {topic.content}.",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{message}"}],
    }


def _described(name: str) -> Document:
    described: Document = {
        "name": name,
        "title": name.capitalize(),
        "summary": SUMMARIES[name],
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": KEYS[name]}, "bindingVersion": KAFKA}},
    }
    if name == "touchpoint":
        described["examples"] = [{"name": "order", "payload": schema.EXAMPLE}]
    else:
        headers = {
            header: {"description": meaning, "type": "string", "pattern": NAME if header == GENERATION else NUMBER}
            for header, meaning in HEADERS.items()
        }
        described["headers"] = {"type": "object", "properties": headers}
    return described
