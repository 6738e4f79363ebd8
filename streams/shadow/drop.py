"""Dropping a shadow: the record no longer names it, its processes end, and nothing of it stays."""

from collections.abc import Callable, Iterator
from time import monotonic, sleep, time
from typing import Any, Final

from msgspec.structs import replace

from schemas.topics import ROUTED
from streams.definitions.apply import change, read_record
from streams.definitions.builds import FIRST, builds_of, group_of, prefix_of, routed_of
from streams.definitions.record import DefinitionRecord
from streams.definitions.switching import call_off_if_left
from streams.errors import ExitCode, Mismatch, TrackerError
from streams.settings.settings import Settings
from streams.stores.keys import day_list, keys
from streams.stores.layout import layout_key

LOOK_EVERY_S: Final = 0.2


def drop(
    client: Any, admin: Any, settings: Settings, wait_s: float, say: Callable[[str], None] = lambda _line: None
) -> list[str]:
    """Remove the shadow, and what earlier ones have left; returns the names of the builds that are gone.

    It may be called again where it did not come to its end. Raises TrackerError where processes do not end in time.
    """
    record = unnamed(client)
    gone = list(left_over(client, admin, record, settings.partitions))
    for build in gone:
        say(f"waiting for the processes of {build or 'the first build'} to end")
        _await_end(admin, group_of(settings.group, build), wait_s)
        remove_keys(client, settings.partitions, prefix_of(build))
        _remove_from_kafka(admin, settings, build)
    return gone


def unnamed(client: Any) -> DefinitionRecord:
    """The record after it has been made to name no shadow."""
    while True:
        record = read_record(client)
        newest = record.newest
        if newest.switching:
            # While no worker runs, nobody else calls off a switch whose command was killed.
            if call_off_if_left(client, newest):
                continue
            raise Mismatch("A switch is under way.", "Wait until it is over, then try again.")
        if newest.shadow is None:
            return record
        now_ms = int(time() * 1000)
        revision = replace(newest, number=newest.number + 1, at_ms=now_ms, by="drop", shadow=None, of=0)
        change(client, newest.number, revision, {})


def left_over(client: Any, admin: Any, record: DefinitionRecord, partitions: int) -> Iterator[str]:
    """The builds that the record named once and names no more, and of which keys or the topic are left.

    A build that no worker has begun has a topic and no keys, and so has one whose drop was interrupted.
    """
    topics = set(admin.list_topics())
    once = {build: None for number in sorted(record.revisions) for build in builds_of(record.revisions[number])}
    for build in once:
        if build not in builds_of(record.newest):
            names = [keys(partition, prefix_of(build)) for partition in range(partitions)]
            has_topic = build != FIRST and routed_of(build) in topics
            if has_topic or any(client.exists(each.epoch) or client.exists(each.states) for each in names):
                yield build


def _await_end(admin: Any, group: str, wait_s: float) -> None:
    """Return when the group has no members: a process that still runs would write keys anew."""
    until_s = monotonic() + wait_s
    while not has_no_members(admin, group):
        if monotonic() > until_s:
            raise TrackerError(
                f"Processes of the consumer group {group} still run after {wait_s:g} s, so its keys stay for now.",
                "Check that `tracker worker` runs in this version everywhere; then `tracker shadow --drop` again.",
                ExitCode.STALLED,
            )
        sleep(LOOK_EVERY_S)


def has_no_members(admin: Any, group: str) -> bool:
    """Whether no process is in a consumer group; also where there is no such group."""
    from kafka.errors import GroupIdNotFoundError

    try:
        return not admin.describe_groups([group])[group]["members"]
    except GroupIdNotFoundError:
        return True


def remove_keys(client: Any, partitions: int, prefix: str) -> None:
    """Remove all keys of a build. Redis frees their memory beside its work, a partition after the other."""
    for partition in range(partitions):
        names = keys(partition, prefix)
        lists = [day_list(names.days, int(day)) for day in client.hkeys(names.days)]
        client.unlink(*names, layout_key(partition, prefix), *lists)


def _remove_from_kafka(admin: Any, settings: Settings, build: str) -> None:
    """Remove group and topic. Those of the first build have the plain names, which checks ask for: they are emptied."""
    from kafka import TopicPartition
    from kafka.admin import OffsetSpec
    from kafka.errors import GroupIdNotFoundError, KafkaError

    if build == FIRST:
        places = [TopicPartition(ROUTED, partition) for partition in range(settings.partitions)]
        ends = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
        admin.delete_records({place: end.offset for place, end in ends.items()})
        return
    try:
        admin.delete_groups([group_of(settings.group, build)])
    except GroupIdNotFoundError:
        pass
    except KafkaError as error:
        raise TrackerError(
            f"Kafka does not delete the group {group_of(settings.group, build)}: {type(error).__name__}."
        ) from error
    topic = routed_of(build)
    if topic in admin.list_topics():
        admin.delete_topics([topic])
