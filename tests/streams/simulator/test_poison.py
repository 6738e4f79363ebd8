import pytest

from schemas.rejection import Reason
from streams.simulator.poison import KINDS, storm
from tracker.planning.decode import Flaw, decode

GOOD = {
    "schema": "touchpoint/1",
    "event_id": "e1",
    "type": "Page Viewed",
    "channel": "web",
    "occurred_at": 1_795_341_600_000,
    "ids": {"customer_id": "c1"},
    "properties": {},
}


@pytest.mark.parametrize("poison", KINDS, ids=lambda poison: poison.kind)
def test_each_kind_is_rejected_for_its_reason(poison) -> None:
    """What the table says is what the decoder finds."""
    flaw = decode(poison.spoil(GOOD), 1_795_341_600_000)
    assert isinstance(flaw, Flaw)
    assert flaw.reason == poison.reason


def test_a_storm_is_poison_of_every_kind() -> None:
    """A row of poison has as many messages as asked for, every kind among them, and no touchpoint."""
    sent = list(storm(100))
    assert len(sent) == 100
    assert {event.poison for event in sent} == {poison.kind for poison in KINDS}
    assert all(isinstance(decode(event.value, None), Flaw) for event in sent)


def test_every_reason_has_a_kind() -> None:
    """No way of rejecting goes untried."""
    assert {poison.reason for poison in KINDS} == set(Reason.__args__)
