"""The topics as one table: names, keys, content and retention."""

from typing import Final, Literal

import msgspec

CHANNELS: Final = ("web", "shop", "support")
TOUCHPOINTS: Final = "touchpoints."
ROUTED: Final = "journey.routed"
TRANSITIONS: Final = "journey.transitions"
ACTIONS: Final = "journey.actions"
REJECTED: Final = "touchpoints.rejected"


class Topic(msgspec.Struct, frozen=True):
    """One Kafka topic as the tracker needs it."""

    name: str
    key: str
    content: str
    direction: Literal["input", "output"]
    retention_days: int


def touchpoint_topic(channel: str) -> str:
    """The topic that carries the touchpoints of a channel."""
    return TOUCHPOINTS + channel


def topics(channels: tuple[str, ...] = CHANNELS) -> tuple[Topic, ...]:
    """Every topic of an installation. All inputs must have the same number of partitions."""
    # 30 days: the longest window of the templates, so an empty Redis can be rebuilt from Kafka.
    inputs = tuple(
        Topic(touchpoint_topic(channel), "strongest alias", f"touchpoints of {channel}", "input", 30)
        for channel in channels
    )
    return (
        *inputs,
        Topic(ROUTED, "customer", "touchpoints, logs and link messages on their way home", "input", 30),
        Topic(TRANSITIONS, "customer", "what happened to a customer's journey, and why", "output", 30),
        Topic(ACTIONS, "customer", "what to do next for a customer", "output", 7),
        Topic(REJECTED, "as received", "bytes that were no touchpoint, with the reason", "output", 30),
    )
