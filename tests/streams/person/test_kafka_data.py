"""Which of Kafka's records are about somebody."""

import msgspec
import pytest

from schemas.rejection import Place, Rejection
from schemas.routed import Adopted, Erase, History, Release, RoutedTouchpoint, Tie
from schemas.topics import REJECTED, ROUTED, TRANSITIONS
from schemas.transition import Transition
from streams.person.kafka_data import traces
from tests import poison
from tests.streams.events import test_from_kafka
from tests.touchpoints import touchpoint
from tracker.identity.kinds import KINDS
from tracker.planning.message import encode_routed

WEB, ANN = "touchpoints.web", "anonymous_id:a1"
HERS = touchpoint("", ids={"email_sha256": "e9", "anonymous_id": "a1"})
HIS = touchpoint("c9")
ABOUT_NOBODY = [b"", b"\xff", b"null", b"7", b"[]", b"{}", *poison.NOT_JSON.values(), *poison.NO_TOUCHPOINT.values()]


class Consumer(test_from_kafka.Consumer):
    """A topic by any name, with keys."""

    def __init__(self, values: list[bytes], key: bytes | None) -> None:
        super().__init__(values)
        for record in self.records:
            record.key = key

    def partitions_for_topic(self, _topic):
        return {0}

    def assign(self, _places):
        pass


def found(topic: str, *values: bytes, key: bytes | None = None) -> list[bytes]:
    """Those of the values that are about Ann or c1."""
    places = [one["offset"] - Consumer.FIRST for one in traces(Consumer([*values], key), [topic], {"c1", ANN}, KINDS)]
    return [values[place] for place in places]


def transition(**fields: str) -> bytes:
    return msgspec.json.encode(Transition(kind="linked", journey="", version=0, at_ms=1, **fields))


def rejection(value: bytes, key: bytes = b"", topic: str = WEB) -> bytes:
    return msgspec.json.encode(Rejection("no_id", "", Place(topic, 0, 1), 1, value, key))


LETTERS = (
    RoutedTouchpoint(HERS),
    RoutedTouchpoint(HIS, 1, "c1", "x"),
    Tie("c9", ANN, 1, "e"),
    History("c9", ANN, b""),
    Erase(ANN, 1),
    Adopted("c9", "c1"),
)
MOVES = ({"customer": "c1"}, {"customer": "c9", "alias": ANN}, {"customer": "c9", "other": "c1"})
HERS_BY_TOPIC = {
    WEB: [HERS],
    ROUTED: [encode_routed(one) for one in LETTERS],
    TRANSITIONS: [transition(**one) for one in MOVES],
    REJECTED: [
        rejection(HERS),
        rejection(b"nonsense", ANN.encode()),
        rejection(encode_routed(Release("c9", ANN)), b"c9", ROUTED),
    ],
}
HIS_BY_TOPIC = {
    WEB: [HIS],
    ROUTED: [encode_routed(RoutedTouchpoint(HIS)), encode_routed(Tie("c9", "c8", 1, "e"))],
    TRANSITIONS: [transition(customer="c9")],
    REJECTED: [rejection(HIS), rejection(b"nonsense", b"c9")],
}


@pytest.mark.parametrize("topic", HERS_BY_TOPIC)
def test_a_record_is_found_by_whatever_names_somebody(topic: str) -> None:
    """Inside the message, in every field that holds a name; nobody else's records, and none that cannot be read."""
    assert found(topic, *ABOUT_NOBODY, *HIS_BY_TOPIC[topic], *HERS_BY_TOPIC[topic]) == HERS_BY_TOPIC[topic]


@pytest.mark.parametrize("topic", HERS_BY_TOPIC)
def test_a_record_is_found_by_its_key(topic: str) -> None:
    """Whatever it holds."""
    assert found(topic, *ABOUT_NOBODY, key=ANN.encode()) == ABOUT_NOBODY


def test_a_record_that_is_too_deep_is_shown_as_bytes() -> None:
    """Written out again it would exhaust the stack."""
    [one] = traces(Consumer([poison.nested(900)], b"c1"), [WEB], {"c1"}, KINDS)
    assert "base64" in one


def test_what_is_no_json_is_shown_as_bytes() -> None:
    """In base64, with its place."""
    [one] = traces(Consumer([b"\xff"], b"c1"), [WEB], {"c1"}, KINDS)
    assert (one["base64"], one["topic"], one["offset"]) == ("/w==", WEB, 3)
