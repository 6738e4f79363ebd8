import json
from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace

import msgspec
import pytest
from kafka import TopicPartition

from schemas.rejection import Place, Rejection
from schemas.routed import Erase, Release, RoutedTouchpoint, Tie
from schemas.topics import REJECTED, ROUTED
from streams.cli import rejected as command
from streams.cli import rejected_output as output
from streams.errors import ExitCode, TrackerError, Unreachable, UsageError
from streams.events.rejected import (
    Choice,
    Found,
    RedisMemory,
    read,
    read_one,
    received_at_ms,
    retry,
    size,
    still_wrong,
)
from streams.person.times import moment_ms, shown
from tests import poison
from tests.stored import Redis
from tracker.planning.message import encode_routed

NOW_MS = 1_795_000_000_000
GOOD = {"event_id": "e1", "type": "page", "channel": "web", "occurred_at": NOW_MS, "ids": {"customer_id": "c1"}}


def rejection(offset: int = 0, value: bytes = b"nonsense", **fields) -> Rejection:
    fields = {"reason": "not_json", "detail": "malformed", "rejected_at_ms": NOW_MS} | fields
    place = fields.pop("place", Place("touchpoints.web", 1, offset))
    return Rejection(value=value, key=b"c1", place=place, **fields)


@dataclass
class Record:
    partition: int
    offset: int
    value: bytes
    timestamp: int = NOW_MS
    topic: str = REJECTED


class Consumer:
    """A kafka-python consumer of two partitions; `silent` never gives a record."""

    def __init__(self, *rejections: Rejection | bytes, silent: bool = False) -> None:
        self.logs: dict[int, list[Record]] = {0: [], 1: []}
        self.at: dict[TopicPartition, int] = {}
        self.silent = silent
        for number, each in enumerate(rejections):
            log = self.logs[number % 2]
            value = each if isinstance(each, bytes) else msgspec.json.encode(each)
            at_ms = NOW_MS if isinstance(each, bytes) else each.rejected_at_ms
            log.append(Record(number % 2, len(log), value, at_ms))

    def partitions_for_topic(self, topic):
        return set(self.logs) if topic == REJECTED else None

    def assign(self, places):
        self.at = dict.fromkeys(places, 0)

    def seek(self, place, offset):
        self.at[place] = offset

    def position(self, place):
        return self.at[place]

    def beginning_offsets(self, places):
        return dict.fromkeys(places, 0)

    def end_offsets(self, places):
        return {place: len(self.logs[place.partition]) for place in places}

    def offsets_for_times(self, wanted):
        later = {
            place: next((each.offset for each in self.logs[place.partition] if each.timestamp >= at_ms), None)
            for place, at_ms in wanted.items()
        }
        return {place: None if offset is None else SimpleNamespace(offset=offset) for place, offset in later.items()}

    def poll(self, timeout_ms):
        answer = {}
        for place, offset in self.at.items():
            if not self.silent and (records := self.logs[place.partition][offset : offset + 2]):
                answer[place] = records
                self.at[place] += len(records)
        return answer


class Producer:
    """Confirms what it is given, unless `broken`."""

    def __init__(self, broken: bool = False) -> None:
        self.sent = []
        self.broken = broken

    def send(self, topic, value, key, timestamp_ms):
        self.sent.append((topic, key, value, timestamp_ms))
        return self

    def flush(self):
        pass

    def get(self, timeout):
        if self.broken:
            raise Unreachable("not confirmed")


class Memory:
    def __init__(self) -> None:
        self.noted = set()

    def known(self, rejections):
        return [each.place in self.noted for each in rejections]

    def note(self, rejections, now_ms):
        self.noted |= {each.place for each in rejections}


def good(offset: int, **fields) -> Rejection:
    """One that an older version could not read and this one can."""
    return rejection(offset, json.dumps(GOOD | {"event_id": f"e{offset}"}).encode(), reason="unknown_schema", **fields)


def offsets(consumer: Consumer, choice: Choice | None = None) -> list[int]:
    return sorted(found.rejection.place.offset for found in read(consumer, choice or Choice()))


def test_all_are_read_to_the_end() -> None:
    """Every rejection of every partition comes once; what the tracker did not write is passed over."""
    consumer = Consumer(*map(rejection, range(7)), b"what is this")
    assert offsets(consumer) == list(range(7))
    assert size(consumer) == 8


def test_a_rebuild_does_not_double_them() -> None:
    """The same record rejected again is the same rejection; another one in the same place is not."""
    again = rejection(3, rejected_at_ms=NOW_MS + 5)
    assert offsets(Consumer(rejection(3), again, rejection(3, b"another"))) == [3, 3]


def test_filters_all_hold() -> None:
    """Reasons, times and names narrow the choice together."""
    old, new = rejection(1, rejected_at_ms=NOW_MS - 7_200_000), good(2)
    consumer = Consumer(old, new, rejection(3))
    assert offsets(consumer, Choice(since_ms=NOW_MS - 1000)) == [2, 3]
    assert offsets(consumer, Choice(until_ms=NOW_MS - 1000)) == [1]
    assert offsets(consumer, Choice(reasons=frozenset(["not_json"]), since_ms=NOW_MS)) == [3]
    assert offsets(consumer, Choice(names=frozenset(["1:0"]))) == [2]
    assert offsets(consumer, Choice(since_ms=NOW_MS + 86_400_000)) == []


def test_one_is_found_by_its_name() -> None:
    """A name is partition and offset in the topic of rejections; an unknown one is not found."""
    consumer = Consumer(rejection(1), rejection(2), rejection(3))
    assert read_one(consumer, "0:1").rejection.place.offset == 3
    for name in ("0:2", "7:0"):
        with pytest.raises(TrackerError, match=f"no rejection {name}") as error:
            read_one(consumer, name)
        assert error.value.exit_code is ExitCode.NOT_FOUND
    with pytest.raises(UsageError, match="names no rejection"):
        read_one(consumer, "seven")


def test_a_silent_broker_is_one_clear_error(monkeypatch) -> None:
    """A broker that gives nothing more ends the reading instead of holding it."""
    monkeypatch.setattr("streams.events.rejected.SILENT_AFTER_S", 0.0)
    with pytest.raises(Unreachable, match="sends no more"):
        offsets(Consumer(rejection(1), silent=True))


def sent_again(*rejections: Rejection, producer=None, memory=None, **options):
    consumer, producer = Consumer(*rejections), producer or Producer()
    done = retry(read(consumer, Choice()), producer, memory or Memory(), lambda: NOW_MS, **options)
    return done, producer.sent


def test_originals_go_back_as_they_came() -> None:
    """Topic, key, bytes and the broker's time are those of the original."""
    each = good(1, received_at_ms=NOW_MS - 86_400_000)
    done, sent = sent_again(each)
    assert sent == [("touchpoints.web", b"c1", each.value, NOW_MS - 86_400_000)]
    assert (done.sent, done.by_topic) == (1, {"touchpoints.web": 1})
    assert received_at_ms(good(1)) == NOW_MS


def test_what_is_still_wrong_stays() -> None:
    """What this version cannot read either is left out and counted by its reason, unless it is asked for."""
    done, sent = sent_again(good(1), rejection(2), rejection(3))
    assert (len(sent), done.still_wrong) == (1, {"not_json": 2})
    done, sent = sent_again(good(1), rejection(2), rejection(3), unreadable_too=True)
    assert len(sent) == 3


def test_nothing_is_sent_twice() -> None:
    """What was sent and confirmed before is left out; what was not confirmed is sent again."""
    memory = Memory()
    with pytest.raises(Unreachable):
        sent_again(good(1), producer=Producer(broken=True), memory=memory)
    done, sent = sent_again(good(1), good(2), memory=memory)
    assert (len(sent), done.before) == (2, 0)
    done, sent = sent_again(good(1), good(2), good(3), memory=memory)
    assert (len(sent), done.before) == (1, 2)


def test_a_dry_run_sends_nothing() -> None:
    """It counts what would be sent, and remembers nothing."""
    memory = Memory()
    done, sent = sent_again(*map(good, range(1200)), memory=memory, dry_run=True)
    assert (done.sent, sent, memory.noted) == (1200, [], set())


def test_routed_bytes_are_judged_inside() -> None:
    """What came over `journey.routed` is unpacked before it is judged; its bytes go back packed."""
    inside = json.dumps(GOOD).encode()
    packed = msgspec.msgpack.encode(RoutedTouchpoint(inside, NOW_MS))
    place = Place(ROUTED, 0, 1)
    assert still_wrong(rejection(value=packed, place=place)) is None
    assert still_wrong(rejection(value=packed)).reason == "not_json"
    assert still_wrong(rejection(value=b"\xc1", place=place)).reason == "not_routed"


@pytest.mark.parametrize("topic", ["touchpoints.web", ROUTED, "of another world"])
@pytest.mark.parametrize("at_ms", [NOW_MS, -(2**63), 2**63 - 1])
def test_whatever_was_rejected_can_be_looked_at(topic, at_ms) -> None:
    """No bytes, no topic and no date end a command: each rejection is listed, shown and judged."""
    values = [*poison.NOT_JSON.values(), *poison.NO_TOUCHPOINT.values(), b"", b"\xc1", b"\x81\xa4kind\xa3tie", None]
    values += [encode_routed(message) for message in (Tie("c1", "c2", 1, "e"), Release("c1", "c2"), Erase("c1", 1))]
    every = [
        rejection(number, value, rejected_at_ms=at_ms, received_at_ms=at_ms, place=Place(topic, 0, number))
        for number, value in enumerate(values)
    ]
    found = list(read(Consumer(*every), Choice()))
    assert len(found) == len(values)
    nobody = [None] * len(found)
    assert output.list_text(found, nobody, Counter(not_json=1)).count("\n") == len(values) + 2
    assert len(json.loads(output.list_data(found, nobody, Counter()))["rejected"]) == len(values)
    assert all(output.text_of(one) and json.dumps(output.bytes_of(one)) for one in found)
    done, _ = sent_again(*every, dry_run=True)
    assert done.sent == (3 if topic == ROUTED else 0)


@pytest.mark.parametrize("value", [b"{}}", b"[" * 5_000, b'{"reason": "\xff"}', b"\xff", b'{"schema": 1e999}'])
def test_what_is_no_rejection_is_passed_over(value) -> None:
    """Bytes in the topic of rejections that are none end no command."""
    assert offsets(Consumer(rejection(0), value, value, rejection(3))) == [0, 3]


def test_any_message_of_the_tracker_can_be_sent_again() -> None:
    """What is no touchpoint, such as a tie, is read by its own decoder: nothing is wrong with it."""
    place = Place(ROUTED, 1, 0)
    erase = msgspec.msgpack.encode(Erase("c1", NOW_MS))
    assert still_wrong(rejection(value=erase, place=place, reason="unforeseen")) is None


def test_redis_remembers_by_place_and_content() -> None:
    """A hash of places; another record in the place of one that was sent is not known."""

    class Client(Redis):
        def hmget(self, key, names):
            return [self._at(key, dict).get(name) for name in names]

        def hset(self, key, mapping):
            self._at(key, dict).update(mapping)

        def expire(self, key, seconds):
            self.kept_s = seconds

    memory = RedisMemory(client := Client())
    memory.note([rejection(1)], NOW_MS)
    assert memory.known([rejection(1), rejection(2), rejection(1, b"new")]) == [True, False, False]
    assert client.kept_s > 30 * 86_400
    assert memory.known([]) == []


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2h", NOW_MS - 7_200_000),
        ("2026-11-22", 1_795_305_600_000),
        ("2026-11-22T01:00:00+01:00", 1_795_305_600_000),
        ("2026-11-22T00:00:00Z", 1_795_305_600_000),
    ],
)
def test_moments(text, at_ms) -> None:
    """How long ago, a day, an instant; without an offset in UTC."""
    assert moment_ms(text, NOW_MS) == at_ms


def test_a_wrong_moment_is_reported() -> None:
    """What is no moment is a usage error with examples."""
    with pytest.raises(UsageError, match="'soon' is no moment"):
        moment_ms("soon", NOW_MS)
    assert shown(NOW_MS).endswith("Z")


def test_the_list_shows_the_newest() -> None:
    """Cut to the newest, listed in the order of time, with all of them counted by reason."""
    consumer = Consumer(*(rejection(number, rejected_at_ms=NOW_MS + number) for number in range(9)))
    counts = command.Counter()
    newest = command._newest(command._counted(read(consumer, Choice()), counts), 3)
    assert [each.rejection.place.offset for each in newest] == [6, 7, 8]
    text = output.list_text(newest, [True, False, None], counts)
    assert "9 rejected (the newest 3 are shown): 9 not_json" in text
    assert "touchpoints.web/1/8" in text
    data = json.loads(output.list_data(newest, [True, False, None], counts))
    assert (data["total"], [row["retried"] for row in data["rejected"]]) == (9, [True, False, None])


def test_bytes_are_shown_and_cannot_paint() -> None:
    """Text is shown without control characters, anything else in hexadecimal; JSON has base64 then."""
    found = Found(0, 1, rejection(1, b"\xff\x00"))
    assert "ff 00" in output.text_of(found)
    assert output.bytes_of(found) == {"key": "c1", "value_base64": "/wA="}
    assert "\033" not in output.text_of(Found(0, 1, rejection(1, b"\033[2J")))
    assert "would be read" in output.text_of(Found(0, 1, good(1)))


def test_an_empty_list_says_so() -> None:
    """Nothing rejected is one plain line."""
    assert output.list_text([], [], command.Counter()) == "Nothing was rejected."


@pytest.mark.parametrize(
    ("words", "said"), [([], "Nothing was chosen"), (["--reason", "not_jso"], "Did you mean 'not_json'")]
)
def test_a_wrong_call_is_reported(words, said, capsys) -> None:
    """Sending again wants a choice; an unknown reason gets the nearest."""
    from streams.cli.main import main

    assert main(["rejected", "retry", *words]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_what_the_collector_put_aside_is_listed_apart() -> None:
    """It never stood in its topic; a whole touchpoint among it can be driven there."""
    planned = Found(0, 0, rejection(-1, msgspec.json.encode(GOOD), reason="plan", detail="properties.a: missing"))
    assert "the collector, on its way to touchpoints.web" in output.text_of(planned)
    assert "would be read" in output.text_of(planned)
    table = output.list_text([planned], [False], Counter(plan=1))
    assert "the collector" in table and "1 rejected: 1 plan" in table
