"""States: what is encoded decodes, stays small, and can be read by the programs to come."""

import random
import uuid
from pathlib import Path

import msgspec
import pytest

from tests.tracker.making import DAY_MS, START_MS, journey, stage, touch
from tracker.engine.customer import CustomerFold
from tracker.engine.summary import summaries
from tracker.identity import ties
from tracker.journey.definition import Definition, Exclusion, Funnel, Rule, Segment
from tracker.records import account_links
from tracker.records.state import (
    Record,
    UnreadableStateError,
    account_links_of,
    decode,
    decode_progress,
    encode,
    ties_of,
)

STATES = Path(__file__).parent / "states"


def five_stages() -> Definition:
    """A journey as shops have it: five stages, one segment, a window, an exclusion."""
    return journey(
        stage("awareness", "page", drops_after_ms=30 * DAY_MS),
        stage("consideration", "view", "add", drops_after_ms=14 * DAY_MS),
        stage("purchase", "order", goal=True),
        stage("retention", "again", drops_after_ms=90 * DAY_MS),
        stage("advocacy", "review"),
        funnel=Funnel(window_ms=30 * DAY_MS, exclude=(Exclusion(Rule(type="cancel"), ("consideration", "purchase")),)),
        exits=(Rule(type="close"),),
        segments=(Segment("customer_type", ("context", "customer_type"), ("b2b", "b2c")),),
    )


def some_customer(chance: random.Random, count: int) -> list:
    """Touchpoints over ten days, the deeper stages later, with UUIDs as ids."""
    kinds = ["page", "view", "page", "add", "view", "order", "page", "again", "review", "cancel"]
    return [
        touch(
            kinds[min(max(0, place + chance.randint(-3, 1)), 9)],
            place * 24 + chance.random() * 20,
            str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            context={"customer_type": chance.choice(["b2b", "b2c"])},
        )
        for place in range(count)
    ]


def test_a_customer_of_five_stages_and_ten_touchpoints_takes_at_most_400_bytes():
    """On average over a thousand customers; the figure is printed (pytest -s)."""
    chance = random.Random(4)
    journeys = CustomerFold([five_stages()])
    sizes = [
        len(journeys.fold("c", None, some_customer(chance, 10), START_MS + 12 * DAY_MS).after) for _ in range(1000)
    ]
    print(f"\nstate: {sum(sizes) / len(sizes):.0f} bytes on average, {max(sizes)} at most")  # noqa: T201 - the measurement is asked for
    assert sum(sizes) / len(sizes) <= 400


def test_what_is_encoded_decodes():
    """A record with every field in use comes back as it was."""
    journeys = CustomerFold([five_stages()])
    record = journeys.fold("c", None, some_customer(random.Random(1), 80), START_MS).after
    assert encode(decode(record)) == record


@pytest.mark.parametrize("path", sorted(STATES.glob("*.msgpack")), ids=lambda path: path.stem)
def test_a_state_of_an_earlier_program_is_read(path):
    """Records stored by earlier versions, kept as bytes, say what they said then, and fold on."""
    journeys = CustomerFold([five_stages()])
    record = path.read_bytes()
    assert msgspec.json.encode(summaries(journeys, record)) == path.with_suffix(".json").read_bytes().strip()
    change = journeys.fold("c", record, [touch("review", 24 * 300)], START_MS)
    assert (change.applied, summaries(journeys, change.after)[0].current) == (1, "advocacy")


def test_a_record_with_fields_of_a_later_program_is_read():
    """A later program adds fields at the end; this one reads past them."""
    journeys = CustomerFold([five_stages()])
    record = journeys.fold("c", None, [touch("page")], START_MS).after
    longer = msgspec.msgpack.encode([*msgspec.msgpack.decode(record), {"new": 1}])
    assert summaries(journeys, longer) == summaries(journeys, record)


@pytest.mark.parametrize(("data", "words"), [(b"", "damaged"), (b"\x91", "damaged"), (b"\xc1rubbish", "damaged")])
def test_damaged_bytes_are_distinguished_from_states(data, words):
    """One error for what cannot be read, with the reason."""
    with pytest.raises(UnreadableStateError, match=words):
        decode(data)


def test_a_state_of_a_later_version_is_refused():
    """A version that this program does not know is named."""
    with pytest.raises(UnreadableStateError, match="version 9; this program reads 1"):
        decode(encode(Record(9, [])))


@pytest.mark.parametrize("part", [ties_of, account_links_of])
def test_no_part_of_a_state_of_a_later_version_is_read(part):
    """A later version may give the same field another meaning."""
    with pytest.raises(UnreadableStateError, match="version 9; this program reads 1") as told:
        part(encode(Record(9, [])))
    assert told.value.is_newer


def make_fixture() -> tuple[bytes, bytes]:
    """The bytes and the summary of a customer with every kind of past; written once for each version."""
    journeys = CustomerFold([five_stages()])
    given = [*some_customer(random.Random(2), 60), touch("again", 24 * 65), touch("page", 24 * 175, "after a gap")]
    given.append(touch("nothing", 1, "other"))
    record = journeys.fold("c", None, given, START_MS).after
    late = journeys.fold("c", record, [touch("again", 3, "late"), touch("view", 24 * 174.5)], START_MS)
    left = journeys.fold("c", late.after, [touch("close", 24 * 176)], START_MS)
    return left.after, msgspec.json.encode(summaries(journeys, left.after))


@pytest.mark.parametrize("read", [decode, decode_progress, ties.read, account_links.read])
def test_a_damaged_part_is_an_unreadable_state(read) -> None:
    """Whatever part of a record is damaged, the state is to blame, and never the touchpoint that came for it."""
    with pytest.raises(UnreadableStateError):
        read(b"\xc1")
