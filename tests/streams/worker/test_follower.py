"""The follower of a real record, asked by several partitions at once."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from streams.definitions.apply import JourneyFile, apply
from streams.definitions.record import DefinitionRecord, Revision
from streams.worker.follower import Follower
from tests.stored import SHOP, definition
from tests.streams.definitions.test_damaged_record import THIRD, Made

pytestmark = pytest.mark.integration


def test_who_asks_while_another_plans_the_newest_revision_has_it_too(empty_redis: str, tmp_path: Path) -> None:
    """Otherwise a message of that revision is taken for one that this program is too old for, and rejected."""
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP, encoding="utf-8")
    begun, goes_on = threading.Event(), threading.Event()

    def plan(record: DefinitionRecord, newest: Revision) -> Any:
        """The planner of the second revision is made only when `goes_on` is set."""
        if newest.number > 1:
            begun.set()
            assert goes_on.wait(60)
        return Made(record, newest)

    async def run() -> list[int]:
        seen: list[int] = []

        async def ask() -> None:
            await follower.refresh()
            seen.append(follower.revision)

        await follower.start()
        apply(client, [JourneyFile("shop.yaml", THIRD, definition(THIRD))], "apply")
        first = asyncio.create_task(ask())
        assert await asyncio.to_thread(begun.wait, 60)
        second = asyncio.create_task(ask())
        # Whoever does not wait is done within a moment; the lock is what the other one waits for.
        await asyncio.wait([second], timeout=0.5)
        goes_on.set()
        await asyncio.gather(first, second)
        return seen

    with Redis.from_url(empty_redis) as client:
        follower = Follower(lambda: client, lambda: [file], plan)
        assert asyncio.run(run()) == [2, 2]
