"""Repartition: the store of stopped workers moves from P to Q partitions, and nothing is lost or doubled.

 1. check: nobody is in the consumer group, everything that came is applied, no message waits in an outbox;
 2. hold: take every partition under a new epoch, so that a worker who sleeps cannot write any more;
 3. copy: every state and timer is written beside what is there, under the keys of its new home;
 4. verify: read the copies again, count their figures anew; they must be the sums of the originals;
 5. grow: Kafka makes the partitions of every topic; the new ones are read from their beginning;
 6. switch: each partition's copy takes the place of what was there, in one script;
 7. finish: the plan is taken away; workers may start with TRACKER_PARTITIONS=Q.

What is under way stands in one key, the plan; while it exists no worker starts. What fails or is interrupted before
step 5 takes its copies and the plan away again. After a crash the command is run again: before step 6 it copies anew
if a worker has written meanwhile, else it goes on where it stopped.
Offsets stay: an old partition goes on where it was applied to. Touchpoints that producers send while this runs, or
by the old number of partitions after it, are at home elsewhere and are routed there by the worker that reads them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from streams.errors import ExitCode, Mismatch, TrackerError, UsageError
from streams.exporter.figures import read as read_figures
from streams.repartition import kafka
from streams.repartition.store import MoveTally, Moving, StoredPartition
from streams.stores.keys import PREFIX, keys
from streams.stores.layout import layout_key, plan_key
from tracker.engine.customer import CustomerFold

# Redis writes its log to the disk every second by default: what was told to be done must outlive its crash.
SETTLE_S: Final = 2.0
REBUILD: Final = "Stop everything, empty Redis and start the workers: all is built again from Kafka."


class Move(msgspec.Struct, kw_only=True):
    """What is under way, as it stands in the store."""

    origin: int
    to: int
    phase: Literal["copying", "copied", "switching"] = "copying"
    epochs: list[int] = []
    """By partition: the epoch under which the copy was made."""
    writes: list[int] = []
    """By partition: the writes that it had seen then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for."""

    origin: int
    to: int
    group: str
    inputs: Sequence[str]
    topics: Sequence[str]
    allow_lag: bool = False
    prefix: str = PREFIX


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a repartition would do."""

    customers: int
    moving: int
    by_partition: list[int]
    grows: dict[str, int]
    """Topics that get more partitions, with the number they have."""


@dataclass(frozen=True, slots=True)
class MoveOutcome:
    """What was done."""

    customers: int
    grown: list[str]
    resumed: bool


class Repartition:
    """One repartition, from check to finish.

    `after` hears of each step that is done (for tests that stop there), `advance` of customers copied or verified.
    """

    def __init__(
        self,
        order: Order,
        client: Any,
        admin: Any,
        journeys: CustomerFold,
        *,
        advance: Callable[[int], None] = lambda _customers: None,
        after: Callable[[str], None] = lambda _step: None,
        settle: Callable[[], None] = lambda: time.sleep(SETTLE_S),
    ) -> None:
        self._order = order
        self._client = client
        self._admin = admin
        self._journeys = journeys
        self._moving = Moving(client, order.to, advance, order.prefix)
        self._after = after
        self._settle = settle

    def foresee(self) -> Foresight:
        """What would be done; nothing is written. Raises TrackerError for what stands in the way."""
        self.check(self._plan())
        homes, moving = self._moving.homes()
        by_partition = [homes[partition] for partition in range(self._order.to)]
        counts = kafka.partitions(self._admin, self._order.topics)
        grows = {name: count for name, count in counts.items() if count < self._order.to}
        return Foresight(sum(by_partition), moving, by_partition, grows)

    def run(self) -> MoveOutcome:
        """Steps 1 to 7. May be run again after it stopped, whatever stopped it. Raises TrackerError."""
        found = self._plan()
        self.check(found)
        self._after("check")
        plan = found or self._begin()
        with self._tidied(plan):
            self._prepare(plan)
        grown = kafka.grow(self._admin, self._order.topics, plan.to)
        self._after("grow")
        customers = self._switch(plan)
        self._settle()
        self._client.delete(plan_key(self._order.prefix))
        self._after("finish")
        return MoveOutcome(customers, grown, found is not None)

    def _prepare(self, plan: Move) -> None:
        """Steps 2 to 4, as far as they are not done."""
        held = self._moving.hold()
        self._after("hold")
        if plan.phase != "copying" and not self._still_stands(plan, held):
            plan.phase = "copying"
        plan.epochs, plan.writes = [each.epoch for each in held], [each.writes for each in held]
        self._write(plan)
        if plan.phase == "copying":
            self._copy(plan)

    @contextmanager
    def _tidied(self, plan: Move) -> Iterator[None]:
        """What fails or is interrupted while it copies leaves nothing behind, if Redis lets us; workers may start."""
        try:
            yield
        except (Exception, KeyboardInterrupt, SystemExit):
            if plan.phase == "copying":
                with suppress(Exception):
                    self._moving.clear()
                    self._moving.release(plan.origin)
                    self._client.delete(plan_key(self._order.prefix))
            raise

    def check(self, plan: Move | None) -> None:
        """Step 1. Raises TrackerError for the first thing that stands in the way."""
        order = self._order
        if plan is not None and plan.to != order.to:
            raise Mismatch(
                f"A move from {plan.origin} to {plan.to} partitions is under way.",
                f"Finish it first: `tracker repartition --to {plan.to}`.",
            )
        counts = kafka.partitions(self._admin, order.topics)
        check_numbers(order, counts, None if plan else self._layout())
        kafka.grow(self._admin, order.topics, order.to, rehearse=True)
        self._require_nobody()
        if plan is None or plan.phase == "copying":
            self._require_applied(counts)

    def _begin(self) -> Move:
        plan = Move(origin=self._order.origin, to=self._order.to)
        if not self._client.set(plan_key(self._order.prefix), msgspec.json.encode(plan), nx=True):
            raise Mismatch("Another repartition has just begun.", "Let it finish.")
        self._after("plan")
        return plan

    def _copy(self, plan: Move) -> None:
        """Steps 3 and 4."""
        self._moving.clear()
        before = self._moving.copy()
        self._after("copy")
        after, customers = self._moving.verify(self._journeys)
        require_same(before, after)
        self._moving.mark(customers)
        plan.phase = "copied"
        self._write(plan)
        self._after("verify")

    def _switch(self, plan: Move) -> int:
        """Step 6; how many customers there are now."""
        if plan.phase == "copied":
            self._require_nobody()
            plan.phase = "switching"
            self._write(plan)
            # Before the first old key goes, the plan that says so must be safe.
            self._settle()
            self._after("promise")
        for partition, epoch in enumerate(plan.epochs):
            answer = self._moving.switch(partition, epoch)
            if answer == "taken":
                raise TrackerError(
                    f"A worker has taken partition {partition} while customers were being moved.",
                    "Stop the workers and run this command again: it goes on where it stopped.",
                )
            if answer == "gone":
                raise TrackerError(f"Redis has lost the copy of partition {partition}.", REBUILD)
            self._after(f"switch {partition}")
        names = [keys(partition, self._order.prefix).states for partition in range(plan.to)]
        return sum(int(self._client.hlen(name)) for name in names)

    def _still_stands(self, plan: Move, held: Sequence[StoredPartition]) -> bool:
        """Whether a verified copy is still what the originals say. Raises TrackerError where it is too late to ask."""
        left = [number for number, each in enumerate(held) if each.layout != plan.to]
        written = [number for number in left if held[number].writes != plan.writes[number]]
        if written and len(left) < plan.to:
            raise TrackerError(
                f"A worker has written to partition {written[0]} while customers were being moved.", REBUILD
            )
        return not written

    def _plan(self) -> Move | None:
        stored = self._client.get(plan_key(self._order.prefix))
        return None if stored is None else msgspec.json.decode(stored, type=Move)

    def _write(self, plan: Move) -> None:
        self._client.set(plan_key(self._order.prefix), msgspec.json.encode(plan))

    def _layout(self) -> int | None:
        found = self._client.get(layout_key(0, self._order.prefix))
        return None if found is None else int(found)

    def _require_nobody(self) -> None:
        found = kafka.members(self._admin, self._order.group)
        if found:
            where = ", ".join(sorted(set(found))[:5])
            raise TrackerError(
                f"Workers of group {self._order.group!r} are running ({len(found)}): {where}.",
                "Stop them all. One that was killed counts until its session ends, 10 s by default.",
            )

    def _require_applied(self, counts: dict[str, int]) -> None:
        order = self._order
        applied = read_figures(self._client, order.to, order.prefix).offsets
        left = kafka.waiting(self._admin, {topic: counts[topic] for topic in order.inputs}, applied)
        if any(count < 0 for count in left.values()):
            raise Mismatch("More is applied than Kafka holds: a topic was created anew.", REBUILD)
        boxes = sum(int(self._client.llen(keys(each, order.prefix).outbox)) for each in range(order.to))
        if (left or boxes) and not order.allow_lag:
            told = [f"{count} in {topic}" for topic, count in left.items()]
            told += [f"{boxes} in the outboxes"] if boxes else []
            raise TrackerError(
                f"Not everything is applied. Waiting: {', '.join(told)}.",
                "Start the workers, let them finish, stop them. If producers cannot be stopped, --allow-lag: what "
                "waits is routed to its new home later.",
            )


def check_numbers(order: Order, counts: dict[str, int], layout: int | None) -> None:
    """Raises TrackerError where the numbers of partitions do not let P become Q."""
    missing = [topic for topic in order.topics if topic not in counts]
    if missing:
        raise TrackerError(f"Kafka lacks {', '.join(missing)}.", "Run `tracker topics create`.", ExitCode.NOT_FOUND)
    if order.to < order.origin:
        raise UsageError(
            f"{order.origin} partitions cannot become {order.to}: Kafka never takes partitions away.",
            "Fewer need new topics: create them, send everything again, and let an empty Redis be built from them.",
        )
    # Outputs may have as many as their readers like.
    most = max(counts[topic] for topic in order.inputs)
    if most > order.to:
        raise UsageError(f"Kafka has {most} partitions already.", f"Ask for at least as many: --to {most}.")
    if order.to == (layout or order.origin):
        raise UsageError(
            f"The store has {order.to} partitions already.",
            f"Set TRACKER_PARTITIONS={order.to} everywhere; `tracker topics check` tells whether Kafka has them too.",
        )
    if layout is not None and layout != order.origin:
        raise Mismatch(
            f"The store has {layout} partitions, TRACKER_PARTITIONS says {order.origin}.",
            f"Set TRACKER_PARTITIONS={layout}.",
        )


def require_same(before: MoveTally, after: MoveTally) -> None:
    """Raises Mismatch unless the copies add up to the originals."""
    if before[:3] != after[:3] or before.suppressed != after.suppressed:
        raise Mismatch(
            f"The copy is not the original: {after.customers} customers and {after.timers} timers of "
            f"{before.customers} and {before.timers}.",
            "Nothing has been changed. Is something else writing to this Redis? Run it again.",
        )
    names = sorted(before.aggregates.keys() | after.aggregates.keys())
    wrong = [name for name in names if before.aggregates.get(name, 0) != after.aggregates.get(name, 0)]
    if wrong:
        first = wrong[0]
        raise Mismatch(
            f"{len(wrong)} figures are not the sum of the customers: {first} is {before.aggregates.get(first, 0)}, "
            f"the customers say {after.aggregates.get(first, 0)}.",
            "Nothing has been changed. TRACKER_JOURNEYS must name the files that the workers run; `tracker audit` "
            "tells all figures that differ.",
        )
