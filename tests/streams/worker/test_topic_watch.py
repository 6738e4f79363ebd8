import asyncio

import pytest
from faust.types import TP

from streams.clients.topic_facts import TopicFacts, shown
from streams.errors import ExitCode, Mismatch
from streams.worker.topic_watch import TopicWatch
from tests.flow.harness import INPUTS, WEB, Worker, World
from tests.streams.worker.one_partition import OnePartition, produce
from tests.virtual_time import run


def watch(worker: Worker, wanted: int = 1) -> TopicWatch:
    return TopicWatch(worker.ownership.partitions, INPUTS, wanted, worker, worker.ended.append)


def test_another_id_is_passed_to_the_partitions() -> None:
    """A topic created anew is read from its beginning though no write fails and nothing is assigned."""

    async def scenario() -> None:
        world = World(partitions=1)
        world.ids = dict.fromkeys(INPUTS, "first")
        produce(world, 3)
        worker = OnePartition(world)
        await worker.own(0)
        epoch = worker.partition.lease.epoch
        await watch(worker).look()
        await asyncio.sleep(3)
        assert worker.partition.lease.epoch == epoch
        world.ids[WEB] = "second"
        await watch(worker).look()
        await asyncio.sleep(3)
        assert worker.partition.lease.epoch == epoch + 1
        assert worker.world.store.held(0).topics[WEB] == "second"
        await worker.stop()

    run(scenario())


def test_more_partitions_end_the_process() -> None:
    """With the code for a mismatch, a line that names the topic, and the command that moves the customers."""

    async def scenario() -> None:
        worker = Worker(World(partitions=6))
        await watch(worker, 4).look()
        [error] = worker.ended
        assert isinstance(error, Mismatch)
        assert error.exit_code is ExitCode.MISMATCH
        assert f"{WEB} has 6" in error.message
        assert "tracker repartition --to 6" in error.remedy

    run(scenario())


@pytest.mark.parametrize("error", [OSError("away"), TimeoutError()])
def test_a_broker_that_is_away_is_asked_again(error: Exception) -> None:
    """An outage is no finding."""

    async def scenario() -> None:
        worker = Worker(World(partitions=6))

        async def away(_topics):
            raise error

        worker.facts = away
        await watch(worker, 4).look()
        assert worker.ended == []

    run(scenario())


def test_a_topic_that_is_gone_is_waited_for(capsys) -> None:
    """Nothing is owned meanwhile, the process is not ready and says why; it goes on when the topic is there again."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 3)
        worker = OnePartition(world)
        worker.ownership.is_member = True
        await worker.own(0)
        assert worker.ownership.ready
        worker.ownership.assign(TP(topic, 0) for topic in INPUTS if topic != WEB)
        assert (worker.ownership.partitions, worker.ownership.ready) == ({}, False)
        produce(world, 2, first=3)
        await worker.own(0)
        assert worker.ownership.ready
        assert len(world.states()) == 5
        await worker.stop()

    run(scenario())
    assert "topics are missing" in capsys.readouterr().out


def test_ids_of_both_libraries_are_the_same() -> None:
    """Bytes of one and text of the other; an id of zeros is none."""
    text = "7f0a9c1e-0000-4000-8000-00000000000a"
    assert shown(text) == shown(bytes.fromhex(text.replace("-", ""))) == text.replace("-", "")
    assert shown(None) == shown(bytes(16)) == shown("00000000-0000-0000-0000-000000000000") == ""
    assert TopicFacts(shown(None), 3).partitions == 3
