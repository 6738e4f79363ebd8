"""Builds: complete sets of figures side by side, and what the partitions of each may do under a revision.

A build has keys, a consumer group and a topic of routed messages of its own. The first one has the plain names. A
process knows its topic of routed messages by the plain name alone: names change at the edge, where it reads and
publishes.
"""

from typing import Final, NamedTuple

from schemas.topics import ROUTED
from streams.definitions.record import Revision
from streams.stores.keys import PREFIX

FIRST: Final = ""
"""The name of the first build."""


class Turn(NamedTuple):
    """What the partitions of a build may do under a revision."""

    revision: int = 0
    speaks: bool = True
    """Whether the build is served: its transitions and rejections are published."""
    served: str = FIRST
    """The build that is served."""
    partner: str | None = None
    """During a switch, the build that takes over from this one, or that this one takes over from."""

    @property
    def comes(self) -> bool:
        """Whether this build is the one that is switched to."""
        return self.partner is not None and not self.speaks


def turn(revision: Revision, build: str) -> Turn:
    """What a build may do. One that the record does not name is silent: it is about to end."""
    speaks = revision.build == build
    shadow = revision.shadow.build if revision.shadow is not None else None
    if not revision.switching or shadow is None or build not in (revision.build, shadow):
        return Turn(revision.number, speaks, revision.build)
    return Turn(revision.number, speaks, revision.build, shadow if speaks else revision.build)


def builds_of(revision: Revision) -> tuple[str, ...]:
    """The builds that are kept: the served one first."""
    return (revision.build, *([revision.shadow.build] if revision.shadow is not None else []))


def prefix_of(build: str, prefix: str = PREFIX) -> str:
    """The prefix of a build's keys."""
    return f"{prefix}.{build}" if build else prefix


def group_of(group: str, build: str) -> str:
    """The consumer group of a build."""
    return f"{group}-{build}" if build else group


def routed_of(build: str) -> str:
    """The topic in which the partitions of a build send messages to each other."""
    return f"{ROUTED}.{build}" if build else ROUTED


def topic_of(topic: str, build: str) -> str:
    """The name in Kafka of a topic that a process of the build knows by its plain name."""
    return routed_of(build) if topic == ROUTED else topic


def plain(topic: str, build: str) -> str:
    """The plain name of a topic in Kafka."""
    return ROUTED if build and topic == routed_of(build) else topic
