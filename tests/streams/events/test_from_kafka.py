from types import SimpleNamespace

import pytest
from kafka import TopicPartition

from streams.errors import ExitCode, TrackerError, Unreachable
from streams.events import from_kafka
from streams.events.files import ReadTally
from streams.events.from_kafka import touches_of
from tests.touchpoints import START_MS, touchpoint

TOPIC = "touchpoints.web"


class Consumer:
    """A kafka-python consumer of a topic whose first three records Kafka has deleted; `silent` gives none."""

    FIRST = 3

    def __init__(self, values: list[bytes], *, silent: bool = False) -> None:
        self.records = [
            SimpleNamespace(partition=0, offset=self.FIRST + place, value=value, timestamp=START_MS, headers=())
            for place, value in enumerate(values)
        ]
        self.at = 0
        self.silent = silent

    def partitions_for_topic(self, topic):
        return {0} if topic == TOPIC else None

    def beginning_offsets(self, places):
        return dict.fromkeys(places, self.FIRST)

    def end_offsets(self, places):
        return dict.fromkeys(places, self.FIRST + len(self.records))

    def assign(self, places):
        assert places == [TopicPartition(TOPIC, 0)]

    def seek(self, _place, offset):
        self.at = offset

    def position(self, _place):
        return self.at

    def poll(self, timeout_ms):
        if self.silent:
            return {}
        found = [each for each in self.records if self.at <= each.offset < self.at + 2]
        self.at += len(found)
        return {TopicPartition(TOPIC, 0): found}


BINARY = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"Page Viewed")]
VALUES = [touchpoint(f"c{number}") for number in range(5)]


@pytest.mark.parametrize(("newest", "customers"), [(None, "c0 c1 c2 c3 c4"), (2, "c2 c3 c4"), (9, "c0 c1 c2 c3 c4")])
def test_a_topic_is_read_to_its_end(newest, customers) -> None:
    """All that Kafka still holds, or about so many of the newest."""
    found = touches_of(Consumer(VALUES), TOPIC, ReadTally(), newest)
    assert [touch.customer for touch in found] == customers.split()


def test_what_is_no_touchpoint_is_counted_with_its_place() -> None:
    """A record that cannot be read is left out and listed by partition and offset."""
    tally = ReadTally()
    assert len(list(touches_of(Consumer([VALUES[0], b"nonsense"]), TOPIC, tally))) == 1
    assert [(each.file, each.line, each.reason) for each in tally.examples] == [("touchpoints.web/0", 4, "not_json")]


def test_a_topic_that_is_not_there_is_reported() -> None:
    """With the command that makes it."""
    with pytest.raises(TrackerError, match=r"lacks touchpoints\.shop") as raised:
        list(touches_of(Consumer([]), "touchpoints.shop", ReadTally()))
    assert raised.value.exit_code == ExitCode.NOT_FOUND


def test_a_kafka_that_falls_silent_is_not_waited_for(monkeypatch) -> None:
    """Records that are there and do not come end the reading."""
    monkeypatch.setattr(from_kafka, "SILENT_AFTER_S", 0.0)
    with pytest.raises(Unreachable):
        list(touches_of(Consumer(VALUES, silent=True), TOPIC, ReadTally()))


def test_a_cloudevent_is_read_as_its_touchpoint() -> None:
    """A record in binary mode is the touchpoint that its headers and its data say."""
    consumer = Consumer([b'{"ids":{"customer_id":"c7"}}'])
    consumer.records[0].headers = BINARY
    (touch,) = touches_of(consumer, TOPIC, tally := ReadTally())
    assert (touch.customer, touch.type, touch.channel, tally.rejected) == ("c7", "Page Viewed", "web", 0)
