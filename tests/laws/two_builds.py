"""Two builds in memory: the same touchpoints, keys and routed messages of their own, and one record for both."""

import asyncio
from collections.abc import Iterator
from random import Random

import msgspec
from faust.types import TP

from schemas.topics import ROUTED, TRANSITIONS
from schemas.transition import Transition
from streams.definitions.builds import FIRST, Turn, prefix_of, turn
from streams.definitions.record import Revision, Shadow
from streams.definitions.switching import read_standstill
from tests.flow.harness import INPUTS, Worker, World
from tracker.planning.planner import Planner

SECOND = "b2"


class Board:
    """The record that both builds follow; everybody sees a change at once or, for `delay_s`, not yet."""

    def __init__(self) -> None:
        self.revisions = [Revision(1, 0, "shadow", {}, FIRST, Shadow(SECOND, {}))]

    @property
    def newest(self) -> Revision:
        return self.revisions[-1]

    def change(self, **fields) -> None:
        after = msgspec.structs.replace(self.newest, number=self.newest.number + 1, **fields)
        self.revisions.append(after)

    def announce(self) -> None:
        self.change(by="switching", switching=True)

    def call_off(self) -> None:
        self.change(by="called off", switching=False)

    def change_places(self) -> None:
        was = self.newest
        self.change(by="switch", switching=False, build=was.shadow.build, shadow=Shadow(was.build, {}))


class Following:
    """Implements `Planners`: one process' view of the board, as old as its last look."""

    def __init__(self, board: Board, build: str, planner: Planner) -> None:
        self._board = board
        self._build = build
        self._planner = planner
        self.revision = board.newest.number

    def planner(self, revision: int) -> Planner:
        del revision
        return self._planner

    def turn(self, revision: int) -> Turn:
        known = revision if 0 < revision <= self.revision else self.revision
        return turn(self._board.revisions[known - 1], self._build)

    def changed(self, before: int) -> bool:
        del before
        return False

    async def refresh(self, at_least: int = 0) -> None:
        del at_least
        self.revision = self._board.newest.number


class Twin:
    """Both builds with a worker each, which may die at any time."""

    def __init__(self, seed: int, partitions: int = 2) -> None:
        self.random = Random(seed)
        self.board = Board()
        self.worlds = {build: World(partitions) for build in (FIRST, SECOND)}
        stores = {prefix_of(build): world.store for build, world in self.worlds.items()}
        for world in self.worlds.values():
            world.store.builds = stores
        self.workers: dict[str, Worker] = {}
        self._views: dict[str, Following] = {}

    def produce(self, topic: str, value: bytes, to: int) -> None:
        for world in self.worlds.values():
            world.produce(topic, value, to=to)

    def turn(self, milliseconds: int) -> None:
        for world in self.worlds.values():
            world.turn(milliseconds)

    def start(self, build: str) -> None:
        """A new process for a build; it has taken nothing yet."""
        world = self.worlds[build]
        view = self._views[build] = Following(self.board, build, Planner(world.journeys, world.partitions))
        worker = self.workers[build] = Worker(world, batch=self.random.randint(1, 4), planners=view, build=build)
        worker.ownership.assign(TP(topic, number) for topic in INPUTS for number in range(world.partitions))

    async def kill(self, build: str) -> None:
        await self.workers[build].crash()
        self.start(build)

    async def go(self, seconds: float) -> None:
        """Let both builds work for a while; each looks at the record now and then."""
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            for build, worker in self.workers.items():
                if self.random.random() < 0.3:
                    await self._views[build].refresh()
                for tp in worker._unread():
                    if tp not in worker.held:
                        worker._fetch(tp)
                assert not worker.ended, worker.ended
            await asyncio.sleep(0.05)

    @property
    def are_together(self) -> bool:
        """Whether `tracker switch` would make them change places."""
        revision = self.board.newest
        for partition in range(self.worlds[FIRST].partitions):
            stands = []
            for world in self.worlds.values():
                held, routed = world.store.held(partition), TP(ROUTED, partition)
                if held.outbox or held.offsets.get(ROUTED, 0) < len(world.logs[routed]):
                    return False
                found = read_standstill(held.standstill, revision.number)
                if (
                    found is None
                    or not found.met
                    or any(held.offsets.get(topic, end) != end for topic, end in found.offsets.items())
                ):
                    return False
                stands.append(found)
            if stands[0] != stands[1]:
                return False
        return True

    def told(self) -> Iterator[Transition]:
        """What consumers get of both builds, repeats left out."""
        for world in self.worlds.values():
            for value in world.published(TRANSITIONS):
                yield msgspec.json.decode(value, type=Transition)
