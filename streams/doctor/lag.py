"""The lag: records of each topic that wait, and between two looks how many arrived and how many were applied."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from schemas.topics import ROUTED
from streams.clients.clients import redis_client
from streams.clients.group import holds_records, reading_consumer
from streams.definitions.builds import prefix_of, topic_of
from streams.definitions.reader import served_prefix
from streams.definitions.record import read_newest
from streams.doctor.finding import Inquiry, Result, span
from streams.errors import ExitCode
from streams.stores.attendance import attendance, named, patience_s, quiet_s
from streams.stores.keys import is_topic, keys

# What is applied within so long does not wait: a batch takes as long.
ON_ITS_WAY_S: Final = 5.0
LOOK_AGAIN_S: Final = 1.0
# Longer than between two notes of a worker that looks after its partitions.
LATELY_S: Final = 10.0

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Look:
    """How far Kafka and Redis were at one moment."""

    at_s: float
    first: Mapping[Place, int]
    end: Mapping[Place, int]
    """The offset after the last record that may be read: what an open transaction holds back does not wait for us."""
    applied: Mapping[Place, int]

    def waiting(self, place: Place) -> int:
        """The offsets after the applied ones that Kafka still holds; negative where it has fewer than that."""
        return self.end[place] - max(self.applied.get(place, 0), self.first[place])


@dataclass(frozen=True, slots=True)
class TopicLag:
    """What two looks say of one topic."""

    topic: str
    waiting: int
    arriving: float
    """Records a second."""
    applying: float
    """Records a second."""
    standing: Sequence[int]
    """Partitions in which records wait and none was applied."""
    looked_s: float

    @property
    def behind_s(self) -> float:
        """How long the backlog takes at the present speed, if nothing more arrived."""
        return self.waiting / self.applying if self.applying else float("inf") if self.waiting else 0.0


def lag(inquiry: Inquiry) -> Iterator[Result]:
    """Each topic whose records wait, and whether that will end."""
    settings = inquiry.settings
    with closing(redis_client(settings)) as client:
        build = read_newest(client).build
        topics = [topic_of(topic.name, build) for topic in settings.topics() if topic.direction == "input"]
        places = [(topic, partition) for topic in topics for partition in range(settings.partitions)]
        with reading_consumer(settings) as consumer:
            before, after, standing = _looks(inquiry, client, consumer, places)
        quiet = quiet_s(attendance(client, settings.partitions, served_prefix(client)))
    shrunk = sorted({topic for topic, partition in places if after.waiting((topic, partition)) < 0})
    if shrunk:
        message = f"Kafka holds less of {', '.join(shrunk)} than was applied."
        yield (
            "warning",
            message,
            "If the topic was created anew, its workers read it from its beginning when they notice it.",
        )
    found = [topic_lag(topic, before, after, standing) for topic in topics]
    late = {one.topic for one in found if one.behind_s > ON_ITS_WAY_S}
    results = [result for one in found if (result := moving(one, others_wait=bool(late - {one.topic}))) is not None]
    if stuck := [one for one in found if one.standing]:
        yield standing_still(stuck, quiet)
    yield from results
    if not results and not stuck and not shrunk:
        waiting = sum(one.waiting for one in found)
        end = "applied to their end" if not waiting else f"{waiting:,} records on their way, less than 5s of work"
        yield "ok", f"{len(found)} topics: {end}; {sum(one.arriving for one in found):,.0f}/s arrive", ""


def _looks(inquiry: Inquiry, client: Any, consumer: Any, places: Sequence[Place]) -> tuple[Look, Look, set[Place]]:
    """Two looks, and the places in which records wait and none was applied between them."""
    before = _look(client, consumer, places)
    time.sleep(inquiry.look_s)
    after = _look(client, consumer, places)
    standing = still(before, after, places)
    # Markers of transactions take offsets and are no records: nobody will ever apply them.
    standing = {place for place in standing if _has_records(consumer, after, place)}
    # Where nobody looks after the partitions, more time would show nothing more.
    quiet = quiet_s(attendance(client, inquiry.settings.partitions, served_prefix(client)))
    is_anyone_there = quiet is not None and quiet < patience_s(inquiry.settings.session_timeout_s)
    until_s = before.at_s + (inquiry.patient_s if is_anyone_there else 0)
    while standing and time.monotonic() < until_s:
        time.sleep(LOOK_AGAIN_S)
        after = _look(client, consumer, places)
        standing &= still(before, after, places)
    return before, after, standing


def still(before: Look, after: Look, places: Iterable[Place]) -> set[Place]:
    """The places in which records wait at both looks, of partitions in which nothing was applied between them.

    A worker applies the topics of a partition in the order in which things happened: one topic may wait for its turn.
    """
    places = list(places)
    at_work = {place[1] for place in places if before.applied.get(place, 0) != after.applied.get(place, 0)}
    return {
        place for place in places if place[1] not in at_work and before.waiting(place) > 0 and after.waiting(place) > 0
    }


def _has_records(consumer: Any, look: Look, place: Place) -> bool:
    from kafka import TopicPartition

    begin = max(look.applied.get(place, 0), look.first[place])
    return holds_records(consumer, TopicPartition(*place), begin, look.end[place])


def _look(client: Any, consumer: Any, places: Sequence[Place]) -> Look:
    from kafka import TopicPartition

    asked = [TopicPartition(*place) for place in places]
    numbers = sorted({partition for _, partition in places})
    build = read_newest(client).build
    # Redis first: what arrives and is applied in between must not look like an offset that Kafka has lost.
    with client.pipeline(transaction=False) as pipe:
        for partition in numbers:
            pipe.hgetall(keys(partition, prefix_of(build)).offsets)
        replies = pipe.execute()
    applied = {
        (topic_of(field.decode(), build), partition): int(offset)
        for partition, fields in zip(numbers, replies, strict=True)
        for field, offset in fields.items()
        if is_topic(field.decode())
    }
    first, end = consumer.beginning_offsets(asked), consumer.end_offsets(asked)
    return Look(time.monotonic(), _by_place(first), _by_place(end), applied)


def _by_place(offsets: Mapping[Any, int]) -> dict[Place, int]:
    return {(place.topic, place.partition): offset for place, offset in offsets.items()}


def topic_lag(topic: str, before: Look, after: Look, standing: Iterable[Place]) -> TopicLag:
    """The lag of one topic over all partitions."""
    places = [place for place in after.end if place[0] == topic]
    took_s = max(after.at_s - before.at_s, 0.001)
    arrived = sum(max(0, after.end[place] - before.end[place]) for place in places)
    applied = sum(max(0, after.applied.get(place, 0) - before.applied.get(place, 0)) for place in places)
    stuck = sorted(partition for name, partition in standing if name == topic)
    # What stands still and is not stuck are the markers of transactions: they do not wait.
    markers = still(before, after, after.end) - set(standing)
    waiting = sum(max(0, after.waiting(place)) for place in places if place not in markers)
    return TopicLag(topic, waiting, arrived / took_s, applied / took_s, stuck, took_s)


def standing_still(stuck: Sequence[TopicLag], quiet: float | None) -> Result:
    """The topics in which records wait and none is applied; `quiet` is the time since anybody looked after anything."""
    partitions = {partition for one in stuck for partition in one.standing}
    longest = max(len(one.topic) for one in stuck)
    lines = [f"{one.topic:{longest}}  {one.waiting:>9,} wait, {one.arriving:,.0f}/s arrive" for one in stuck]
    looked = span(max(one.looked_s for one in stuck))
    message = "\n".join([f"Records wait, and none was applied in {looked} in {named(partitions)}:", *lines])
    if quiet is not None and quiet < LATELY_S:
        remedy = "See the log and /health/ready of the worker that owns them; restart it if it says nothing."
    else:
        seen = "ever" if quiet is None else f"for {span(quiet)}"
        remedy = f"Nobody has looked after any partition {seen}: start workers, or see why they have ended."
    return "problem", message, remedy, ExitCode.STALLED


def moving(one: TopicLag, *, others_wait: bool = False) -> Result | None:
    """What the lag of a topic means; None where nothing waits for longer than a batch takes, or some stands still."""
    if one.standing:
        return None
    if one.behind_s <= ON_ITS_WAY_S:
        return None
    figures = (
        f"{one.topic}: {one.waiting:,} records wait, {one.arriving:,.0f}/s arrive and {one.applying:,.0f}/s are applied"
    )
    if not one.applying:
        return "remark", f"{figures}: workers apply older records of other topics first.", ""
    gained = one.applying - one.arriving
    if gained > 0:
        return "remark", f"{figures}: caught up in about {span(one.waiting / gained)}.", ""
    if one.topic.startswith(ROUTED) and others_wait:
        return "remark", f"{figures}; workers send these records themselves while they catch up with the others.", ""
    remedy = "Start more workers, up to one a partition (docs/capacity.md), or see what slows them: Redis, the machine."
    return "warning", f"{figures}: the lag grows.", remedy
