"""Switching: both builds come to a standstill at the same offsets, and change places there.

The partitions do their part by themselves (`streams/worker/changeover.py`). Here the record is changed, the partitions
are watched until all stand and nothing is on its way between them, and the builds change places, or all is called off.
"""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, Final, Literal, NamedTuple

from schemas.topics import ROUTED
from streams.definitions.apply import read_record
from streams.definitions.builds import prefix_of, routed_of
from streams.definitions.record import Revision, read_newest
from streams.definitions.switching import (
    Standstill,
    announced,
    call_off,
    call_off_if_left,
    changed_places,
    keep_alive,
    read_standstill,
)
from streams.errors import ExitCode, Mismatch, TrackerError
from streams.settings.settings import Settings
from streams.shadow.lag import CLOSE, Offsets, first_offsets, lag, offsets
from streams.stores.keys import keys

LOOK_EVERY_S: Final = 0.1


class Standing(NamedTuple):
    """How far a switch has come."""

    served: int
    """Partitions of the served build that stand still."""
    shadow: int
    """Partitions of the shadow that stand where the served build does."""
    partitions: int
    on_the_way: int
    """Messages between partitions that are not applied yet."""

    @property
    def is_done(self) -> bool:
        """Whether the builds may change places."""
        return self.served == self.shadow == self.partitions and not self.on_the_way

    def __str__(self) -> str:
        what = f"{self.served} of {self.partitions} partitions stand still, {self.shadow} of the shadow with them"
        return f"{what}; {self.on_the_way} messages are on their way"


def require_ready(client: Any, admin: Any, settings: Settings, newest: Revision) -> None:
    """Return when the shadow may be switched to. Raises TrackerError."""
    # While no worker runs, nobody else calls off a switch whose command was killed.
    if newest.switching and not call_off_if_left(client, newest):
        raise Mismatch("A switch is under way.", "Wait until it is over, or is called off within ten seconds.")
    if newest.shadow is None:
        raise TrackerError("There is no shadow to switch to.", "`tracker shadow FILE` makes one.", ExitCode.NOT_FOUND)
    served, shadow = (offsets(client, settings.partitions, build) for build in (newest.build, newest.shadow.build))
    found = lag(served, shadow, first_offsets(admin, settings))
    if not found.is_close:
        raise TrackerError(
            f"The shadow is {found.behind:,} touchpoints behind; {CLOSE:,} are allowed.",
            "`tracker shadow --status` follows it until it has caught up.",
            ExitCode.STALLED,
        )
    _require_same_erased(client, settings, newest)


def _require_same_erased(client: Any, settings: Settings, newest: Revision) -> None:
    """Return when every name that is erased in the served build is erased in the shadow. Raises TrackerError."""
    assert newest.shadow is not None
    here, there = prefix_of(newest.build), prefix_of(newest.shadow.build)
    lacking = sum(
        len(client.sdiff(keys(partition, here).suppressed, keys(partition, there).suppressed))
        for partition in range(settings.partitions)
    )
    if lacking:
        raise Mismatch(
            f"{lacking} erased names are not erased in the shadow, so they would come back.",
            "If somebody is being erased, wait a moment. Else `tracker shadow --drop`, and begin again.",
        )


def switch(
    client: Any,
    admin: Any,
    settings: Settings,
    wait_s: float,
    say: Callable[[str], None] = lambda _line: None,
) -> Revision:
    """The revision in which the builds have changed places. Raises TrackerError where that is called off."""
    before = read_record(client).newest
    require_ready(client, admin, settings, before)
    asked = announced(client, before)
    if asked is None:
        raise Mismatch("The definitions have changed in this moment.", "Look at them, then try again.")
    try:
        done = _await(client, admin, settings, asked, wait_s, say)
    except BaseException:
        call_off(client, asked)
        raise
    if done is None:
        newest = read_newest(client)
        why = "this command was silent for too long"
        if not newest.number:
            why = "Redis has lost the record of the definitions"
        elif newest.by != "called off":
            why = f"the definitions have changed (revision {newest.number}, by {newest.by})"
        raise TrackerError(f"The switch was called off: {why}.", "Try again.", ExitCode.STALLED)
    return done


def _await(
    client: Any, admin: Any, settings: Settings, asked: Revision, wait_s: float, say: Callable[[str], None]
) -> Revision | None:
    until_s, told = monotonic() + wait_s, ""
    while True:
        keep_alive(client)
        if read_newest(client).number != asked.number:
            return None
        standing = look(client, admin, settings, asked)
        if standing.is_done:
            return changed_places(client, asked)
        if told != (told := str(standing)):
            say(told)
        if monotonic() > until_s:
            raise TrackerError(
                f"The switch was called off after {wait_s:g} s: {standing}.",
                "Nothing has changed. Check that workers of both builds run and answer (`tracker doctor`).",
                ExitCode.STALLED,
            )
        sleep(LOOK_EVERY_S)


def look(client: Any, admin: Any, settings: Settings, asked: Revision) -> Standing:
    """How far the partitions have come, and what is on its way between them.

    The ends of the topics are asked before the partitions and once more after them. If they are the same, no partition
    has sent anything in between, and none that was seen to have applied all can send any more.
    """
    assert asked.shadow is not None
    builds = (asked.build, asked.shadow.build)
    ends = _offsets(admin, settings, builds, "LATEST")
    first = _offsets(admin, settings, builds, "EARLIEST")
    served = shadow = on_the_way = 0
    for partition in range(settings.partitions):
        one, other = (_partition(client, partition, build, asked.number, first, ends) for build in builds)
        served += one.stands is not None
        shadow += other.stands is not None and other.stands == one.stands
        on_the_way += one.waiting + other.waiting
    if _offsets(admin, settings, builds, "LATEST") != ends:
        on_the_way = max(1, on_the_way)
    return Standing(served, shadow, settings.partitions, on_the_way)


class _Seen(NamedTuple):
    stands: Standstill | None
    waiting: int


def _partition(client: Any, partition: int, build: str, revision: int, first: Offsets, ends: Offsets) -> _Seen:
    names, place = keys(partition, prefix_of(build)), (routed_of(build), partition)
    with client.pipeline(transaction=True) as pipe:
        pipe.get(names.standstill)
        pipe.hgetall(names.offsets)
        pipe.llen(names.outbox)
        stored, applied, unpublished = pipe.execute()
    if not isinstance(applied, dict):
        # The client of a Cluster returns the replies of a transaction unparsed.
        applied = dict(zip(applied[::2], applied[1::2], strict=True))
    at = {name.decode(): int(offset) for name, offset in applied.items()}
    found = read_standstill(stored, revision)
    # A partition that was set back after it had stopped does not stand there any more.
    stands = found is not None and found.met and all(at.get(name, end) == end for name, end in found.offsets.items())
    waiting = max(0, ends[place] - max(at.get(ROUTED, 0), first[place])) + unpublished
    return _Seen(found if stands else None, waiting)


def _offsets(admin: Any, settings: Settings, builds: tuple[str, ...], which: Literal["EARLIEST", "LATEST"]) -> Offsets:
    """By topic of routed messages and partition, the first offset that Kafka holds, or the one after the last."""
    from kafka import TopicPartition
    from kafka.admin import OffsetSpec

    places = [TopicPartition(routed_of(build), each) for build in builds for each in range(settings.partitions)]
    found = admin.list_partition_offsets(dict.fromkeys(places, getattr(OffsetSpec, which)))
    return {(place.topic, place.partition): found[place].offset for place in places}
