"""Rejected records: read from `touchpoints.rejected`, chosen by reason and time, and sent again to their topics.

A record is sent with its original key, bytes and broker's timestamp. A device's clock is corrected by this timestamp,
so a touchpoint that is sent again days later keeps its time. It counts once by its event_id, however often it is sent.
It knows nothing of terminals.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from time import monotonic
from typing import Any, Final, NamedTuple, Protocol, get_args

import msgspec

from schemas.rejection import AnyReason, Place, Rejection
from schemas.routed import RoutedTouchpoint
from schemas.topics import REJECTED, ROUTED
from schemas.unreadable import UNREADABLE
from streams.errors import ExitCode, TrackerError, Unreachable, UsageError
from streams.stores.keys import PREFIX
from tracker.identity.kinds import KINDS, Kinds
from tracker.planning import cloud_events
from tracker.planning.decode import Flaw, decode
from tracker.planning.routed import RoutedFlaw, read_routed

REASONS: Final[tuple[str, ...]] = get_args(AnyReason)
POLL_MS: Final = 500
SILENT_AFTER_S: Final = 10.0
# A record's own timestamp is a little later than the rejection in it, and the clocks of workers differ.
SLACK_MS: Final = 10 * 60_000
CONFIRM_AT_ONCE: Final = 500
CONFIRM_WITHIN_S: Final = 30.0
# Longer than the topics' default retention.
REMEMBER_S: Final = 60 * 86_400

_decode: Final = msgspec.json.Decoder(Rejection).decode


class Found(NamedTuple):
    """One rejection and its place in the topic of rejections."""

    partition: int
    offset: int
    rejection: Rejection

    @property
    def name(self) -> str:
        """Its name on the command line: `3:17`."""
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A choice of rejections; every condition that is given must hold."""

    reasons: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    names: frozenset[str] = frozenset()

    def __contains__(self, found: Found) -> bool:
        at_ms = found.rejection.rejected_at_ms
        return (
            (not self.reasons or found.rejection.reason in self.reasons)
            and (self.since_ms is None or at_ms >= self.since_ms)
            and (self.until_ms is None or at_ms <= self.until_ms)
            and (not self.names or found.name in self.names)
        )


def parse_name(name: str) -> tuple[int, int]:
    """Partition and offset of `3:17`; raises UsageError."""
    partition, _, offset = name.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise UsageError(f"{name!r} names no rejection.", "`tracker rejected list` shows their names, such as 3:17.")
    return int(partition), int(offset)


def read(consumer: Any, choice: Choice, advance: Callable[[int], None] = lambda _records: None) -> Iterator[Found]:
    """The chosen rejections, each original once even if a rebuild has rejected it again. Raises TrackerError."""
    seen: set[tuple[Place, bytes]] = set()
    for record in _records(consumer, choice.since_ms, advance):
        found = _found(record)
        if found is None or found not in choice:
            continue
        same = (found.rejection.place, blake2b(found.rejection.value or b"", digest_size=8).digest())
        if same not in seen:
            seen.add(same)
            yield found


def read_one(consumer: Any, name: str) -> Found:
    """The rejection with that name. Raises TrackerError, NOT_FOUND, where there is none."""
    from kafka import TopicPartition

    partition, offset = parse_name(name)
    place = TopicPartition(REJECTED, partition)
    if partition in (consumer.partitions_for_topic(REJECTED) or ()):
        first, end = consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place]
        if first <= offset < end:
            consumer.assign([place])
            consumer.seek(place, offset)
            for record in _poll_until(consumer, {place: offset + 1}, lambda _records: None):
                found = _found(record)
                if found is not None and found.name == name:
                    return found
    raise TrackerError(f"There is no rejection {name}.", "`tracker rejected list` shows them.", ExitCode.NOT_FOUND)


def size(consumer: Any) -> int:
    """About how many records the topic of rejections holds, for a progress bar."""
    places = _places(consumer)
    first, end = consumer.beginning_offsets(places), consumer.end_offsets(places)
    return sum(end[place] - first[place] for place in places)


def _records(consumer: Any, since_ms: int | None, advance: Callable[[int], None]) -> Iterator[Any]:
    places = _places(consumer)
    consumer.assign(places)
    start = dict(consumer.beginning_offsets(places))
    end = consumer.end_offsets(places)
    if since_ms is not None:
        later = consumer.offsets_for_times(dict.fromkeys(places, max(0, since_ms - SLACK_MS)))
        start = {place: found.offset if (found := later.get(place)) else end[place] for place in places}
    for place in places:
        consumer.seek(place, start[place])
    open_ends = {place: end[place] for place in places if start[place] < end[place]}
    yield from _poll_until(consumer, open_ends, advance)


def _poll_until(consumer: Any, ends: Mapping[Any, int], advance: Callable[[int], None]) -> Iterator[Any]:
    """The records before these ends of the partitions; records that arrive meanwhile are left out."""
    left = dict(ends)
    heard_s, before = monotonic(), dict[Any, int]()
    while left:
        for place, records in consumer.poll(timeout_ms=POLL_MS).items():
            advance(len(records))
            heard_s = monotonic()
            yield from (record for record in records if record.offset < ends.get(place, 0))
        reached = {place: consumer.position(place) for place in left}
        # Aborted transactions are passed over without a record, and may be long.
        if reached != before:
            heard_s, before = monotonic(), reached
        left = {place: end for place, end in left.items() if reached[place] < end}
        if monotonic() - heard_s > SILENT_AFTER_S:
            raise Unreachable(f"Kafka sends no more records of {REJECTED}.", "Check the broker, then try again.")


def _places(consumer: Any) -> list[Any]:
    from kafka import TopicPartition

    numbers = consumer.partitions_for_topic(REJECTED)
    if not numbers:
        raise TrackerError(f"Kafka lacks {REJECTED}.", "Run `tracker topics create`.", ExitCode.NOT_FOUND)
    return [TopicPartition(REJECTED, number) for number in sorted(numbers)]


def _found(record: Any) -> Found | None:
    """The rejection in a record; None for a record that the tracker did not write."""
    try:
        return Found(record.partition, record.offset, _decode(record.value or b""))
    except UNREADABLE:
        return None


def still_wrong(rejection: Rejection, kinds: Kinds = KINDS) -> Flaw | RoutedFlaw | None:
    """Why this version cannot read the bytes either; None when it can."""
    value, received_ms, event = rejection.value, received_at_ms(rejection), None
    if rejection.place.topic == ROUTED:
        routed = read_routed(value, received_ms)
        if not isinstance(routed, RoutedTouchpoint):
            # Whether a history fits the journeys, only a worker can find out.
            return routed if isinstance(routed, RoutedFlaw) else None
        value, received_ms = routed.value, routed.received_at_ms or received_ms
    else:
        event = cloud_events.read(rejection.place.topic, value, (), received_ms)
    touch = event.touch(received_ms, kinds) if event else decode(value, received_ms, kinds)
    return touch if isinstance(touch, Flaw) else None


def received_at_ms(rejection: Rejection) -> int:
    """When the broker received the original, in milliseconds since 1970."""
    return rejection.rejected_at_ms if rejection.received_at_ms is None else rejection.received_at_ms


class Memory(Protocol):
    """Remembers which rejections were sent again."""

    def known(self, rejections: Iterable[Rejection]) -> list[bool]:
        """Whether each was sent again before."""

    def note(self, rejections: Iterable[Rejection], now_ms: int) -> None:
        """Remember that these were sent again and confirmed."""


class RedisMemory:
    """Remembers in one hash of Redis: place of the original to the time (ms) at which it was sent again."""

    def __init__(self, client: Any, prefix: str = PREFIX) -> None:
        self._client = client
        self._key = f"{prefix}:retried"

    def known(self, rejections: Iterable[Rejection]) -> list[bool]:
        """As `Memory` says."""
        names = [_place_name(each) for each in rejections]
        return [found is not None for found in self._client.hmget(self._key, names)] if names else []

    def note(self, rejections: Iterable[Rejection], now_ms: int) -> None:
        """As `Memory` says; forgotten after sixty days."""
        names = {_place_name(each): now_ms for each in rejections}
        if names:
            self._client.hset(self._key, mapping=names)
            self._client.expire(self._key, REMEMBER_S)


def _place_name(rejection: Rejection) -> str:
    place = rejection.place
    digest = blake2b(rejection.value or b"", digest_size=8).hexdigest()
    return f"{place.topic}/{place.partition}/{place.offset}/{digest}"


@dataclass(slots=True)
class Retried:
    """The result of sending again."""

    sent: int = 0
    by_topic: Counter[str] = field(default_factory=Counter)
    before: int = 0
    """Left out because an earlier run has sent them again."""
    still_wrong: Counter[str] = field(default_factory=Counter)
    """Left out because this version cannot read them either, by reason."""


def retry(
    found: Iterable[Found],
    producer: Any,
    memory: Memory,
    now_ms: Callable[[], int],
    *,
    unreadable_too: bool = False,
    dry_run: bool = False,
    kinds: Kinds = KINDS,
    routed: str = ROUTED,
) -> Retried:
    """Send rejections back to their topics, each confirmed by the broker before it counts as sent.

    `routed` is the name in Kafka of the served build's topic of routed messages. After a crash, a second run sends some
    of them twice; they count once. Raises TrackerError.
    """
    result = Retried()
    for group in _groups(found):
        wanted: list[Rejection] = []
        rejections = [each.rejection for each in group]
        for rejection, known in zip(rejections, memory.known(rejections), strict=True):
            if known:
                result.before += 1
            elif not unreadable_too and (flaw := still_wrong(rejection, kinds)):
                result.still_wrong[flaw.reason] += 1
            else:
                wanted.append(rejection)
        if not dry_run:
            _send(wanted, producer, routed)
            memory.note(wanted, now_ms())
        result.sent += len(wanted)
        result.by_topic.update(each.place.topic for each in wanted)
    return result


def _groups(found: Iterable[Found]) -> Iterator[list[Found]]:
    group: list[Found] = []
    for each in found:
        group.append(each)
        if len(group) == CONFIRM_AT_ONCE:
            yield group
            group = []
    if group:
        yield group


def _send(rejections: Iterable[Rejection], producer: Any, routed: str) -> None:
    under_way = [
        producer.send(
            routed if each.place.topic == ROUTED else each.place.topic,
            value=each.value,
            key=each.key,
            timestamp_ms=received_at_ms(each),
        )
        for each in rejections
    ]
    producer.flush()
    for future in under_way:
        future.get(timeout=CONFIRM_WITHIN_S)
