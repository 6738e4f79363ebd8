import pytest

from streams.cli.show import draw
from streams.person.show import Stored, describe
from tests.flow.harness import SHOP, WEB, World, crash_at, run_through
from tests.touchpoints import DAY_MS, HOUR_MS, START_MS, touchpoint
from tests.virtual_time import run

ACME = "account_id:acme"
JOURNEY = """
journey: deal
version: 4
stages:
  - {name: seen, touchpoints: [{channel: web}], drops_after: 2d}
  - {name: bought, touchpoints: [{channel: shop}], goal: true}
accounts: {rule: role, role: buyer, from: context.role, journey: firms}
"""


@pytest.fixture(scope="module")
def world() -> World:
    """A visitor who turns out to be c1, a buyer of acme; c2 of acme, who buys nothing."""
    made = World(3, JOURNEY)
    given = [
        ({"anonymous_id": "a1"}, WEB, 0, {}),
        ({"customer_id": "c1", "anonymous_id": "a1"}, WEB, 1, {}),
        ({"customer_id": "c2", "account_id": "acme"}, WEB, 2, {"role": "user"}),
        ({"customer_id": "c1", "account_id": "acme"}, SHOP, 3, {"role": "buyer"}),
    ]
    for place, (ids, topic, hour, context) in enumerate(given):
        channel, at_ms = topic.partition(".")[2], START_MS + hour * HOUR_MS
        value = touchpoint("", "event", at_ms, event_id=f"e{place}", channel=channel, ids=ids, context=context)
        key = ids.get("customer_id") or f"anonymous_id:{ids['anonymous_id']}"
        made.produce(topic, value, to=key, at_ms=at_ms)
    made.turn(DAY_MS)
    run(run_through(made, crash_at()))
    return made


def described(world: World, name: str):
    return describe(Stored(name, 0, world.states()[name]), world.journeys)


def test_an_account_has_a_journey_and_people(world) -> None:
    """Its journey is under the name in the file; each of its people stands there with what it has come to."""
    found = described(world, ACME)
    [journey] = found["journeys"]
    assert (journey["journey"], journey["version"], journey["declared"]) == ("firms", 4, True)
    [instance] = journey["instances"]
    assert (instance["current"], instance["status"], instance["funnel_depth"]) == ("bought", "completed", 2)
    [person] = found["people"]
    assert (person["person"], person["journey"], list(person["reached"])) == ("c1", "deal", ["seen", "bought"])


def test_a_person_knows_its_accounts(world) -> None:
    """Who has no such role is one of the account's people, and counts nowhere."""
    [one] = described(world, "c1")["accounts"]
    assert (one["account"], one["seen_under"], one["roles"]) == (ACME, ["c1"], ["context.role=buyer"])
    assert [each["counted_in"] for name in ("c1", "c2") for each in described(world, name)["accounts"]] == [
        ["deal"],
        [],
    ]


def test_people_are_drawn(world, capsys) -> None:
    """A person reads who belongs where; many people are cut short."""
    draw(described(world, "c1"), 0)
    found = described(world, ACME)
    draw({**found, "people": found["people"] * 25}, 0)
    shown = capsys.readouterr().out
    assert f"member of  {ACME}" in shown
    assert "bought" in shown
    assert "and 5 more" in shown
