"""The law of changed definitions for accounts: they follow from the present states of their people."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flow.harness import World, crash_at, definition, run_through
from tests.laws.arrivals import Arrival
from tests.laws.test_accounts import EXAMPLES, expected, found, rules, streams, world_of
from tests.touchpoints import DAY_MS
from tests.virtual_time import run
from tracker.engine.customer import CustomerFold
from tracker.identity.accounts import with_accounts
from tracker.journey.definition import Definition
from tracker.journey.versions import differences
from tracker.planning.planner import Planner

SEEN = "  - {name: seen, touchpoints: [{channel: web, type: Page Viewed}], drops_after: 20h}"
PILOT = "  - {name: pilot, touchpoints: [{channel: web, type: Pilot Started}], drops_after: 12h}"
BOUGHT = "  - {name: bought, touchpoints: [{channel: shop, type: Contract Signed}], goal: true, drops_after: 30h}"
TALKED = "  - {name: talked, touchpoints: [{channel: web, type: Help}]}"
FOLDED = {
    "a stage less": (SEEN, BOUGHT),
    "another order": (PILOT, SEEN, BOUGHT),
    "other limits": (SEEN.replace("20h", "5h"), PILOT.replace("12h", "40h"), BOUGHT),
    "no limits": (SEEN.replace(", drops_after: 20h", ""), PILOT, BOUGHT.replace(", goal: true", "")),
    "the same": (SEEN, PILOT, BOUGHT),
}
IN_THE_MIDDLE = (SEEN, TALKED, PILOT, BOUGHT)


def later(stages: Sequence[str], rule: str) -> Definition:
    """The second version of the journey."""
    lines = ["journey: deal", "version: 2", "stages:", *stages, "exits: [{channel: support, type: Deal Lost}]"]
    return definition("\n".join([*lines, f"accounts: {rule}"]))


def switch(world: World, after: Definition) -> None:
    """Follow another definition, and look at every state once, as a paced sweep does."""
    before = world.journeys.definitions
    world.journeys = CustomerFold(with_accounts([after]), former=before)
    planner = Planner(world.journeys, world.partitions)
    for number, held in world.store.partitions.items():
        plan = planner.sweep(number, dict(held.states), world.now_ms)
        held.states.update(plan.states)
        for field, count in plan.aggregates.items():
            held.aggregates[field] = held.aggregates.get(field, 0) + count
        for message in plan.messages:
            world.produce(message.topic, message.value, to=message.partition)


def figures(world: World) -> dict[str, int]:
    """The aggregates that are not 0."""
    return {field: count for field, count in world.figures().items() if count}


@settings(max_examples=EXAMPLES)
@given(rules, st.sampled_from(list(FOLDED)), st.sampled_from([2, 3]), streams, st.integers(1, 6))
def test_accounts_follow_a_changed_definition(
    rule: str, change: str, people: int, stream: list[Arrival], batch: int
) -> None:
    """Their stages, limits and rule change: they are where the whole set of touchpoints puts them."""
    world = world_of(rule, stream, batch, [])
    after = later(FOLDED[change], rule.replace("people: 2", f"people: {people}"))
    assert all(one.need == "fold" for one in differences(world.journeys.definitions[0], after))
    switch(world, after)
    assert figures(world) == world.contributions()
    run(run_through(world, crash_at(), batch=batch))
    world.turn(2 * DAY_MS)
    run(run_through(world, crash_at(), batch=batch))
    assert found(world) == expected(world, stream)
    assert figures(world) == world.contributions()


@settings(max_examples=EXAMPLES)
@given(rules, streams, st.integers(1, 6))
def test_a_stage_in_the_middle_moves_nobody(rule: str, stream: list[Arrival], batch: int) -> None:
    """Nobody has come to it yet; each other stage keeps who reached it, and the figures stay the sum."""
    world = world_of(rule, stream, batch, [])
    reached = {field: count for field, count in figures(world).items() if "|reached|" in field}
    switch(world, later(IN_THE_MIDDLE, rule))
    run(run_through(world, crash_at(), batch=batch))
    assert {field: count for field, count in figures(world).items() if "|reached|" in field} == reached
    assert figures(world) == world.contributions()
