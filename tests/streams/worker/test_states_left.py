"""States that cannot be migrated: how they stay counted, and that they are looked at once."""

import asyncio

from structlog.testing import capture_logs

from streams.worker.partition import SWEEP_EVERY_S
from tests.flow.harness import JOURNEY, World, definition
from tests.streams.worker.one_partition import OnePartition, produce
from tests.virtual_time import run
from tracker.engine.customer import CustomerFold
from tracker.identity.accounts import with_accounts

SEGMENTS = "segments: {size: {from: context.size, values: [small, large]}}"
OTHER = f"{JOURNEY.replace('version: 1', 'version: 2')}\n{SEGMENTS}\n"


def test_states_of_an_unknown_definition_stay_outdated() -> None:
    """States whose definition nobody has stay counted in the marker, and are looked at once and not all the time."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 5)
        former = OnePartition(world)
        await former.own(0)
        await former.stop()
        world.journeys = CustomerFold(with_accounts([definition(OTHER)]))
        world.store.held(0).left = 5
        with capture_logs() as logs:
            worker = OnePartition(world)
            await worker.own(0)
            await asyncio.sleep(5 * SWEEP_EVERY_S)
            await worker.stop()
        assert world.store.held(0).left == 5
        assert [one["states"] for one in logs if one["event"] == "states cannot be migrated"] == [5]

    run(scenario())


def test_states_that_can_be_migrated_are_left_no_more() -> None:
    """Once every state was looked at and is of the present definition, none is left."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 5)
        world.store.held(0).left = 5
        worker = OnePartition(world)
        await worker.own(0)
        await asyncio.sleep(5 * SWEEP_EVERY_S)
        await worker.stop()
        assert world.store.held(0).left == 0

    run(scenario())
