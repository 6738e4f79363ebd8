"""The follower: it keeps a worker process at the newest revision of the definitions in the store.

A process applies its own journey files when it starts, on SIGHUP and when a file changes. From then on it does what the
store's record says, whoever changed it. Each partition's owner moves the partition's marker between two batches.
"""

import asyncio
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from time import time
from typing import Any, Final

import structlog
from redis import exceptions as redis_errors

from streams.definitions.apply import Applied, RefusedFile, apply, read_files, read_record
from streams.definitions.builds import FIRST, Turn, turn
from streams.definitions.keeper import RecordKeeper
from streams.definitions.record import DefinitionRecord, Revision
from streams.definitions.switching import call_off_if_left
from streams.errors import TrackerError, UsageError
from streams.stores.store import Unavailable
from tracker.engine.customer import CustomerFold
from tracker.journey.file import JourneyFileError
from tracker.planning.planner import Planner

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
SWITCHING_EVERY_S: Final = 0.2
"""During a switch both builds stand still until they see the record's next revision."""
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 2.0
KEPT: Final = 8
"""Planners of the last revisions: a partition in a long batch still writes by an earlier one."""


class Follower:
    """The planners of the last revisions, and the record they come from.

    Its calls of Redis block; they are made in a thread.
    """

    def __init__(
        self,
        client: Callable[[], Any],
        paths: Callable[[], Sequence[Path]],
        plan: Callable[[DefinitionRecord, Revision], Planner],
        began: Callable[[Collection[str]], None] = lambda _journeys: None,
        build: str = FIRST,
        wall_s: Callable[[], float] = time,
    ) -> None:
        """`client` opens a blocking Redis client; `paths` gives the journey files; `plan` makes a revision's planner.

        `began` is called with the names of all journeys when they change.
        """
        self._keeper = RecordKeeper(client, wall_s)
        self.revision = 0
        self._paths = paths
        self._plan = plan
        self._began = began
        self._build = build
        self._turns: dict[int, Turn] = {}
        self._planners: dict[int, Planner] = {}
        self._asked = asyncio.Event()
        # Of threads: whoever asks while another one plans the newest revision waits for it, and then has it too.
        self._reading = threading.Lock()
        self._seen = _moments(paths())

    def planner(self, revision: int) -> Planner:
        """The planner of a revision, which was the newest a short while ago; else that of the newest."""
        return self._planners.get(revision) or self._planners[self.revision]

    def turn(self, revision: int) -> Turn:
        """What the build may do under a revision, which was the newest a short while ago; else under the newest."""
        return self._turns.get(revision) or self._turns[self.revision]

    def changed(self, before: int) -> bool:
        """Whether stored states may be of other definitions than the newest, where they are of revision `before`."""
        former = self._planners.get(before)
        if former is None:
            return True
        return _made(former.journeys) != _made(self._planners[self.revision].journeys)

    async def start(self) -> None:
        """Apply the process' own files and load what is current, however long Redis is away.

        Files that cannot be applied stop nobody where the store has definitions: those are used. Else raises what is
        wrong with the files.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._in_thread(self._begin)
            except Unavailable as error:
                log.warning("redis does not answer; waiting for the definitions", reason=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                return

    async def refresh(self, at_least: int = 0) -> None:
        """Load the newest revision if there is a newer one.

        `at_least`: a marker that was seen. Where the record has no such revision it was lost, with Redis or without it;
        what this process knows of it is written again.
        """
        await self._in_thread(lambda: self._refresh(at_least))

    async def run(self) -> None:
        """Follow the record, and apply files that change or that SIGHUP asks for, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(SWITCHING_EVERY_S if self._keeper.record.newest.switching else LOOK_EVERY_S):
                    await self._asked.wait()
            except TimeoutError:
                pass
            try:
                await self._look()
            except (TrackerError, JourneyFileError) as error:
                log.error("journey files are not applied; the definitions stay", reason=str(error))  # noqa: TRY400  # said in full
            except Unavailable as error:
                # The partitions wait for Redis and say so; definitions can wait as long.
                log.debug("definitions cannot be read", reason=str(error))

    def reload(self) -> None:
        """Have the process' files applied again; safe to call from a signal handler of the event loop."""
        self._asked.set()

    async def _look(self) -> None:
        moments = _moments(self._paths())
        if self._asked.is_set() or moments != self._seen:
            self._asked.clear()
            self._seen = moments
            await self._in_thread(lambda: self._apply("reload"))
        else:
            await self.refresh()

    def _begin(self) -> None:
        try:
            self._apply("start")
        except (RefusedFile, UsageError, JourneyFileError) as error:
            if not read_record(self._keeper.client).revisions:
                raise
            log.error("journey files are not applied; using the store's definitions", reason=str(error))  # noqa: TRY400
            self._load()

    def _apply(self, by: str) -> None:
        for outcome in apply(self._keeper.client, read_files(self._paths()), by, at_least=self.revision):
            _report(outcome)
        self._load()

    def _refresh(self, at_least: int) -> None:
        if call_off_if_left(self._keeper.client, self._keeper.record.newest):
            log.error("the switch is called off: `tracker switch` has ended without a word")
        if self._keeper.refresh(at_least):
            self._plan_newest()

    def _load(self) -> None:
        self._keeper.load()
        self._plan_newest()

    def _plan_newest(self) -> None:
        record = self._keeper.record
        newest = record.newest
        planner = self._plan(record, newest)
        self._planners[newest.number], self._turns[newest.number] = planner, turn(newest, self._build)
        for number in sorted(self._planners)[:-KEPT]:
            del self._planners[number], self._turns[number]
        self.revision = newest.number
        versions = {one.journey: one.version for one in planner.journeys.definitions}
        self._began(versions)
        log.info("definitions loaded", revision=newest.number, by=newest.by, versions=versions)

    async def _in_thread(self, call: Callable[[], None]) -> None:
        """Make a call that blocks, after the one that is under way. Raises Unavailable where Redis does not answer."""

        def alone() -> None:
            with self._reading:
                call()

        try:
            await asyncio.to_thread(alone)
        except (redis_errors.RedisError, OSError) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error


def _report(outcome: Applied) -> None:
    if outcome.decision.verdict == "same":
        return
    is_older = outcome.decision.verdict == "older" and not outcome.is_shadow
    file, reason = Path(outcome.file.path).name, str(outcome)
    if is_older:
        log.warning("journey file is not applied", file=file, outcome=reason)
        return
    log.info("journey file applied", file=file, outcome=reason)
    if outcome.decision.need == "history" and not outcome.is_shadow:
        log.warning(
            "the past is counted by the earlier rules; `tracker shadow` builds it again by the new ones",
            journey=outcome.file.definition.journey,
        )


def _made(journeys: CustomerFold) -> dict[str, tuple[int, int]]:
    return {one.definition.journey: one.made for one in journeys.instance_folds}


def _moments(paths: Sequence[Path]) -> dict[Path, int]:
    """When each file was last changed; a file that is away, as while an editor saves it, has not changed."""
    found = {}
    for path in paths:
        try:
            found[path] = path.stat().st_mtime_ns
        except OSError:
            continue
    return found
