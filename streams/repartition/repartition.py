"""Repartition: the store of stopped workers moves from P to Q partitions; nothing is lost or counted twice.

 1. check: the consumer group is empty, every record is applied, and no message waits in an outbox;
 2. hold: take every partition under a new epoch, so that a paused worker can no longer write;
 3. copy: write every state and timer under the keys of its new home, beside the originals;
 4. verify: read the copies again and recount their figures, which must be the sums of the originals;
 5. grow: Kafka adds partitions to every topic; the new ones are read from their beginning;
 6. switch: each partition's copy replaces the original, in one script;
 7. finish: delete the plan; workers may start with TRACKER_PARTITIONS=Q.

The plan, one key, says what is under way; no worker starts while it exists. A failure or an interruption before step 5
removes the copies and the plan. After a crash, run the command again: before step 6 it copies again if a worker has
written meanwhile, otherwise it continues where it stopped.
Offsets stay: an old partition continues after its applied offset. Touchpoints that producers send during the move, or
later by the old number of partitions, land in another partition than their customer's; the worker that reads them
routes them to their home.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from streams.definitions.builds import FIRST, plain, topic_of
from streams.errors import ExitCode, Mismatch, TrackerError, UsageError
from streams.exporter.figures import read as read_figures
from streams.repartition import kafka
from streams.repartition.store import MoveTally, Moving, StoredPartition
from streams.stores.keys import PREFIX, keys
from streams.stores.layout import layout_key, plan_key
from streams.stores.topic_ids import anew
from tracker.engine.customer import CustomerFold

# By default Redis writes its log to the disk once a second. After this pause, what was written survives its crash.
SETTLE_S: Final = 2.0
REBUILD: Final = "Stop everything, empty Redis and start the workers: they build everything again from Kafka."


class Move(msgspec.Struct, kw_only=True):
    """The plan: the move that is under way, as stored."""

    origin: int
    to: int
    phase: Literal["copying", "copied", "switching"] = "copying"
    epochs: list[int] = []
    """By partition, the epoch under which the copy was made."""
    writes: list[int] = []
    """By partition, its count of writes at that time; a higher one shows that a worker has written since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The move that is asked for."""

    origin: int
    to: int
    group: str
    inputs: Sequence[str]
    topics: Sequence[str]
    allow_lag: bool = False
    prefix: str = PREFIX
    build: str = FIRST
    """The build that is served; its topic of routed messages has another name in Kafka than in the store."""


@dataclass(frozen=True, slots=True)
class MovePreview:
    """What a repartition would do."""

    customers: int
    moving: int
    """Customers whose home changes."""
    by_partition: list[int]
    """Customers of each partition after the move."""
    grows: dict[str, int]
    """Topics that get more partitions, with their present number."""


@dataclass(frozen=True, slots=True)
class MoveOutcome:
    """What was done."""

    customers: int
    grown: list[str]
    resumed: bool


class Repartition:
    """One repartition, from check to finish.

    `after` is called with the name of each step that is done (tests stop there), `advance` with the customers copied
    or verified since its last call.
    """

    def __init__(
        self,
        order: Order,
        client: Any,
        admin: Any,
        consumer: Any,
        journeys: CustomerFold,
        *,
        advance: Callable[[int], None] = lambda _customers: None,
        after: Callable[[str], None] = lambda _step: None,
        settle: Callable[[], None] = lambda: time.sleep(SETTLE_S),
    ) -> None:
        self._order = order
        self._client = client
        self._admin = admin
        self._consumer = consumer
        self._journeys = journeys
        self._moving = Moving(client, order.to, advance, order.prefix)
        self._after = after
        self._settle = settle

    def foresee(self) -> MovePreview:
        """What the repartition would do; nothing is written. Raises TrackerError where a check of step 1 fails."""
        self.check(self._plan())
        homes, moving = self._moving.homes()
        by_partition = [homes[partition] for partition in range(self._order.to)]
        counts = kafka.partitions(self._admin, self._order.topics)
        grows = {name: count for name, count in counts.items() if count < self._order.to}
        return MovePreview(sum(by_partition), moving, by_partition, grows)

    def run(self) -> MoveOutcome:
        """Steps 1 to 7. It may be run again after any failure. Raises TrackerError."""
        found = self._plan()
        self.check(found)
        self._after("check")
        plan = found or self._begin()
        with self._tidied(plan):
            self._prepare(plan)
        grown = kafka.grow(self._admin, self._order.topics, plan.to)
        self._after("grow")
        customers = self._switch(plan)
        # The switch must be on the disk before the plan goes: without the plan, workers would start on a store that a
        # crash of Redis can set back to the middle of the switch.
        self._settle()
        self._client.delete(plan_key(self._order.prefix))
        self._after("finish")
        return MoveOutcome(customers, grown, found is not None)

    def _prepare(self, plan: Move) -> None:
        """Steps 2 to 4, as far as an earlier run has not done them."""
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
        """Remove the copies and the plan after a failure while copying, so that workers may start.

        Removal is best effort: the failure may be that Redis does not answer. A later run copies from the start.
        """
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
        """Step 1. Raises TrackerError for the first condition that does not hold."""
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
        """Store a new plan. Raises Mismatch when another run has stored one meanwhile."""
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
        """Step 6; returns the number of customers after it. A repeated run skips the partitions that are switched."""
        if plan.phase == "copied":
            self._require_nobody()
            plan.phase = "switching"
            self._write(plan)
            # The plan must be on the disk before the first original is deleted.
            self._settle()
            self._after("promise")
        for partition, epoch in enumerate(plan.epochs):
            answer = self._moving.switch(partition, epoch)
            if answer == "taken":
                raise TrackerError(
                    f"A worker has taken partition {partition} while customers were being moved.",
                    "Stop the workers and run this command again: it continues where it stopped.",
                )
            if answer == "gone":
                raise TrackerError(f"Redis has lost the copy of partition {partition}.", REBUILD)
            self._after(f"switch {partition}")
        names = [keys(partition, self._order.prefix).states for partition in range(plan.to)]
        return sum(int(self._client.hlen(name)) for name in names)

    def _still_stands(self, plan: Move, held: Sequence[StoredPartition]) -> bool:
        """Whether a verified copy still matches the originals: no worker has written since it was made.

        Raises TrackerError when one has written after the first partition was switched: then there is no original of
        everything to copy again.
        """
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
        stored = read_figures(self._client, order.to, order.prefix).offsets
        applied = {(topic_of(topic, order.build), partition): offset for (topic, partition), offset in stored.items()}
        # Of a topic that was created anew nothing is applied yet: the offset is its former life's.
        ids = {plain(topic, order.build): each for topic, each in kafka.ids(self._admin, order.inputs).items()}
        for topic, partition in anew(self._client, order.to, ids, order.prefix):
            applied[topic_of(topic, order.build), partition] = 0
        # Partitions that Kafka has and the store has not are read after the move, from their beginning.
        read = {topic: min(counts[topic], order.origin) for topic in order.inputs}
        left = kafka.waiting(self._admin, self._consumer, read, applied)
        if any(count < 0 for count in left.values()):
            raise Mismatch("More is applied than Kafka holds: a topic was created anew.", REBUILD)
        boxes = sum(int(self._client.llen(keys(each, order.prefix).outbox)) for each in range(order.to))
        if (left or boxes) and not order.allow_lag:
            waiting = [f"{count} in {topic}" for topic, count in left.items()]
            waiting += [f"{boxes} in the outboxes"] if boxes else []
            raise TrackerError(
                f"Not everything is applied. Waiting: {', '.join(waiting)}.",
                "Start the workers, let them finish, and stop them. If producers cannot be stopped, use --allow-lag: "
                "workers route the waiting records to their new homes later.",
            )


def check_numbers(order: Order, counts: dict[str, int], layout: int | None) -> None:
    """Return when the numbers of partitions allow the move from P to Q. Raises TrackerError otherwise."""
    missing = [topic for topic in order.topics if topic not in counts]
    if missing:
        raise TrackerError(f"Kafka lacks {', '.join(missing)}.", "Run `tracker topics create`.", ExitCode.NOT_FOUND)
    if order.to < order.origin:
        raise UsageError(
            f"{order.origin} partitions cannot become {order.to}: Kafka never removes partitions.",
            "Fewer partitions need new topics: create them, send everything again, and start with an empty Redis.",
        )
    # Outputs may have more: only the inputs decide a customer's home.
    most = max(counts[topic] for topic in order.inputs)
    if most > order.to:
        raise UsageError(f"Kafka has {most} partitions already.", f"Ask for at least as many: --to {most}.")
    if order.to == (layout or order.origin):
        raise UsageError(
            f"The store has {order.to} partitions already.",
            f"Set TRACKER_PARTITIONS={order.to} everywhere; `tracker topics check` says whether Kafka has as many.",
        )
    if layout is not None and layout != order.origin:
        raise Mismatch(
            f"The store has {layout} partitions, TRACKER_PARTITIONS says {order.origin}.",
            f"Set TRACKER_PARTITIONS={layout}.",
        )


def require_same(before: MoveTally, after: MoveTally) -> None:
    """Return when the copies add up to the originals. Raises Mismatch otherwise."""
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
            f"the customers add up to {after.aggregates.get(first, 0)}.",
            "Nothing has been changed. TRACKER_JOURNEYS must name the files that the workers run; `tracker audit` "
            "lists all figures that differ.",
        )
