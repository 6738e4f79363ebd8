"""The simulated stream through the whole application: anonymous visitors become customers, and the funnel is exact."""

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.topics import touchpoint_topic
from streams.simulator.deviations import LIVELY, Deviations
from streams.simulator.stream import Scenario, events
from streams.simulator.truth import TrueStages, Truth
from tests.flow.harness import World, crash_at, run_through
from tests.touchpoints import DAY_MS, START_MS
from tests.virtual_time import run
from tracker.records.state import decode

JOURNEY = Path("examples/journeys/seven-stages.yaml").read_text(encoding="utf-8")
WILD = Deviations(0.2, 0.2, 0.2, 0.2, 0.1, 0.2, 0.6, 0.2, 0.2, 0.02, 0.3)


def simulated(deviations: Deviations, seed: int) -> tuple[World, Truth]:
    """What the tracker holds, and what it must."""
    world, truth = World(4, JOURNEY), Truth()
    scenario = Scenario(starts_ms=START_MS - DAY_MS, interval_ms=1_000, seed=seed, customers=250, deviations=deviations)
    for place, event in enumerate(truth.watch(events(scenario))):
        world.produce(touchpoint_topic(event.channel), event.value, to=event.key.decode(), at_ms=START_MS + place)
    world.turn(60_000)
    run(run_through(world, crash_at((6, 9), (7, 4)), batch=40))
    return world, truth


def standings(world: World) -> dict[str, TrueStages]:
    """Where everybody is whose journey has begun."""
    stages = [stage.name for stage in world.journeys.instance_folds[0].definition.stages]
    found = {}
    for name, record in world.states().items():
        for journey in decode(record).journeys:
            progress = journey.instances[0].progress
            if progress.stage >= 0:
                found[name] = TrueStages(stages[progress.stage], stages[progress.furthest])
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("deviations", [LIVELY, replace(WILD, skips=0), WILD])
def test_everybody_is_where_the_simulator_put_them(deviations: Deviations, seed: int) -> None:
    """Under one name each, whatever aliases they came under and whenever it was learned whose these are."""
    world, truth = simulated(deviations, seed)
    assert standings(world) == truth.customers()
    assert world.figures() == world.contributions()
    assert len(world.rejections()) == sum(truth.rejected().values())
