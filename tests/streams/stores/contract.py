"""What every store must do, as tests to inherit; a rig says how a store is opened, looked into and set back."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import pytest

from streams.stores.memory import Held
from streams.stores.store import Due, Fenced, Lost, Store
from tracker.planning.message import Message
from tracker.planning.plan import Plan
from tracker.records.timer import DAY_MS

WEB, SHOP = "touchpoints.web", "touchpoints.shop"
Scenario = Callable[[Store], Awaitable[Any]]


class Rig(Protocol):
    """One store for one test."""

    def run(self, scenario: Scenario) -> Any:
        """The scenario's result with the store opened for it."""

    prefix: str
    """Of the keys."""

    def held(self, partition: int) -> Held:
        """What is kept of a partition."""

    def save(self) -> Any:
        """All that is kept, to come back to."""

    def restore(self, saved: Any) -> None:
        """All as it was: what a store does that loses its last writes."""

    def wipe(self) -> None:
        """All gone."""

    def delete(self, partition: int, name: str) -> None:
        """One key of a partition gone, by its name in `Keys`."""


def plan(
    states: dict[str, bytes] | None = None,
    aggregates: dict[str, int] | None = None,
    timers: dict[str, int] | None = None,
) -> Plan:
    """A plan of these changes, without messages: the store gets them as a blob."""
    return Plan(states or {}, aggregates or {}, timers or {}, list[Message](), Counter())


class StoreContract:
    """Inherit and define a fixture `rig`."""

    def test_a_partition_never_seen_is_empty(self, rig: Rig) -> None:
        """The first owner finds no offset, no message, and at least the epoch that it asks for."""

        async def scenario(store):
            lease = await store.take(3, 1_000)
            assert (lease.partition, lease.epoch, lease.offsets, lease.outbox) == (3, 1_000, {}, [])
            assert (lease.sequence, lease.writes) == (0, 0)
            assert await store.read(3, ["nobody"]) == [None]
            assert await store.read(3, []) == []

        rig.run(scenario)

    def test_epochs_only_grow(self, rig: Rig) -> None:
        """Each owner's epoch is above the last one's, whatever it asks for, and exact where it was made of a clock."""

        async def scenario(store):
            floors = (1_790_000_000_000, 5, 1_790_000_000_000, 253_402_300_799_999)
            return [(await store.take(0, floor)).epoch for floor in floors]

        assert rig.run(scenario) == [1_790_000_000_000, 1_790_000_000_001, 1_790_000_000_002, 253_402_300_799_999]

    def test_a_write_brings_everything_at_once(self, rig: Rig) -> None:
        """States, sums, timers, outbox, offset and sequence are there after it, and the lease has moved on."""

        async def scenario(store):
            lease = await store.take(0, 1)
            await store.apply(lease, {WEB: 7}, plan({"a": b"\x00\xff"}, {"f": 2}, {"a": 50}), b"\x93blob", 2)
            await store.apply(lease, {SHOP: 3}, plan({"b": b"B"}, {"f": -1, "g": 4}), b"", 2)
            assert (lease.offsets, lease.sequence, lease.writes) == ({WEB: 7, SHOP: 3}, 2, 2)
            assert await store.read(0, ["b", "x", "a"]) == [b"B", None, b"\x00\xff"]

        rig.run(scenario)
        held = rig.held(0)
        assert held == Held(
            1, {WEB: 7, SHOP: 3}, {"a": b"\x00\xff", "b": b"B"}, {"f": 1, "g": 4}, {"a": 50}, {}, [b"\x93blob"], 2, 2
        )

    def test_the_same_write_twice_counts_once(self, rig: Rig) -> None:
        """A call that is repeated because its answer was lost changes nothing and is reported as a success."""

        async def scenario(store):
            lease = await store.take(0, 1)
            await store.apply(lease, {WEB: 7}, plan({"a": b"A"}, {"f": 2}, {"a": 5}), b"blob", 1)
            once = rig.held(0)
            lease.offsets, lease.sequence, lease.writes = {}, 0, 0
            await store.apply(lease, {WEB: 7}, plan({"a": b"A"}, {"f": 2}, {"a": 5}), b"blob", 1)
            assert rig.held(0) == once
            assert (lease.offsets, lease.sequence, lease.writes) == ({WEB: 7}, 1, 1)
            await store.apply(lease, {WEB: 9}, plan(), b"", 1)

        rig.run(scenario)

    def test_sums_that_come_to_nothing_are_gone(self, rig: Rig) -> None:
        """A field at zero is no field, so that old days do not pile up."""

        async def scenario(store):
            lease = await store.take(0, 1)
            await store.apply(lease, {WEB: 1}, plan(aggregates={"f": 2, "g": 1, "zero": 0}), b"", 0)
            await store.apply(lease, {WEB: 2}, plan(aggregates={"f": -2}), b"", 0)

        rig.run(scenario)
        assert rig.held(0).aggregates == {"g": 1}

    def test_an_old_owner_is_refused(self, rig: Rig) -> None:
        """A process that slept while its partition moved writes nothing, not even a repeat."""

        async def scenario(store):
            old = await store.take(0, 1)
            await store.apply(old, {WEB: 5}, plan({"a": b"old"}), b"", 0)
            new = await store.take(0, 1)
            before = rig.held(0)
            for next_offset in (5, 9):
                with pytest.raises(Fenced):
                    await store.apply(old, {WEB: next_offset}, plan({"a": b"zombie"}, {"f": 1}), b"x", 1)
            assert rig.held(0) == before
            assert new.offsets == {WEB: 5}
            await store.apply(new, {WEB: 9}, plan({"a": b"new"}), b"", 0)

        rig.run(scenario)

    def test_an_empty_store_is_noticed(self, rig: Rig) -> None:
        """The epoch is gone: the owner must begin again, and nothing half is written."""

        async def scenario(store):
            lease = await store.take(0, 1)
            await store.apply(lease, {WEB: 5}, plan({"a": b"A"}), b"", 0)
            rig.wipe()
            with pytest.raises(Lost):
                await store.apply(lease, {WEB: 9}, plan({"a": b"AA"}, {"f": 1}), b"x", 1)
            assert rig.held(0) == Held()
            again = await store.take(0, 2_000)
            assert (again.epoch, again.offsets, again.writes) == (2_000, {}, 0)

        rig.run(scenario)

    def test_an_owner_that_looks_leaves_a_trace(self, rig: Rig) -> None:
        """Its own generation, also where nothing was ever written; one whose time is over leaves none."""

        async def scenario(store):
            old = await store.take(0, 1)
            await store.verify(old)
            assert rig.held(0).attended == old.generation
            rig.wipe()
            new = await store.take(0, 1)
            with pytest.raises(Fenced):
                await store.verify(old)
            assert rig.held(0).attended == ""
            await store.apply(new, {WEB: 1}, plan({"a": b"A"}), b"", 0)
            await store.verify(new)
            assert rig.held(0).attended == new.generation

        rig.run(scenario)

    @pytest.mark.parametrize("floor", [1, 1_790_000_000_000])
    def test_an_owner_from_before_the_store_was_emptied_is_refused(self, rig: Rig, floor: int) -> None:
        """Whether its epoch is the present one or far higher: it writes and trims nothing, and is told to stop."""

        async def scenario(store):
            old = await store.take(0, floor)
            await store.apply(old, {WEB: 5}, plan({"a": b"A"}), b"", 1)
            rig.wipe()
            new = await store.take(0, 1)
            await store.apply(new, {WEB: 5}, plan({"b": b"B"}), b"blob", 1)
            before = rig.held(0)
            with pytest.raises(Fenced):
                await store.apply(old, {WEB: 5}, plan({"a": b"zombie"}, {"f": 1}), b"x", 1)
            with pytest.raises(Fenced):
                await store.verify(old)
            await store.trim(old, 1)
            assert rig.held(0) == before
            await store.verify(new)

        rig.run(scenario)

    def test_every_take_has_a_name_of_its_own(self, rig: Rig) -> None:
        """The store keeps the last four, the owner's first, and gives them to the owner."""

        async def scenario(store):
            leases = [await store.take(0, 1) for _ in range(6)]
            assert len({lease.generation for lease in leases}) == 6
            assert leases[5].generations == tuple(lease.generation for lease in leases[:1:-1])

        rig.run(scenario)

    def test_marks_that_are_forgotten_are_gone(self, rig: Rig) -> None:
        """A write takes fields of the offsets away, for the store and for the lease, and adds others."""

        async def scenario(store):
            lease = await store.take(0, 1)
            await store.apply(lease, {WEB: 1, "from 3 a": 7, "since 3 a": 2}, plan(), b"", 0)
            changes = plan()
            changes.forgotten = ["from 3 a", "since 3 a"]
            await store.apply(lease, {WEB: 2, "from 3 b": 9}, changes, b"", 0)
            assert lease.offsets == rig.held(0).offsets == {WEB: 2, "from 3 b": 9}

        rig.run(scenario)

    @pytest.mark.parametrize("topic", [WEB, SHOP])
    def test_lost_writes_are_noticed_by_a_write_of_any_topic(self, rig: Rig, topic: str) -> None:
        """The store has gone back by one write of `web`: the next write is refused, also where it is of `shop`."""

        async def scenario(store):
            lease = await store.take(0, 1)
            await store.apply(lease, {WEB: 5}, plan({"a": b"A"}), b"", 0)
            await store.apply(lease, {SHOP: 2}, plan({"b": b"B"}), b"", 0)
            saved = rig.save()
            await store.apply(lease, {WEB: 9}, plan({"a": b"AA"}, {"f": 1}), b"x", 1)
            rig.restore(saved)
            before = rig.held(0)
            with pytest.raises(Lost):
                await store.apply(lease, {topic: 12}, plan({"a": b"AAA"}, {"f": 1}), b"x", 2)
            assert rig.held(0) == before
            assert (await store.take(0, 1)).offsets == {WEB: 5, SHOP: 2}

        rig.run(scenario)

    def test_a_lost_epoch_is_noticed(self, rig: Rig) -> None:
        """The store has gone back behind the owner's own taking of the partition."""

        async def scenario(store):
            await store.take(0, 1)
            saved = rig.save()
            lease = await store.take(0, 1)
            rig.restore(saved)
            with pytest.raises(Lost):
                await store.apply(lease, {WEB: 9}, plan(), b"", 0)

        rig.run(scenario)

    def test_the_outbox_is_empty_once_its_newest_is_published(self, rig: Rig) -> None:
        """It goes by the newest blob's sequence alone; a call that comes late or twice takes nothing."""

        async def scenario(store):
            lease = await store.take(0, 1)
            await store.apply(lease, {WEB: 1}, plan(), b"one", 1)
            await store.apply(lease, {WEB: 2}, plan(), b"two", 3)
            await store.trim(lease, 1)
            heir = await store.take(0, 1)
            assert (heir.outbox, heir.sequence) == ([b"one", b"two"], 3)
            await store.trim(lease, 3)
            assert rig.held(0).outbox == [b"one", b"two"], "an old owner trims nothing"
            await store.trim(heir, 3)
            assert rig.held(0).outbox == []
            await store.apply(heir, {WEB: 3}, plan(), b"three", 4)
            await store.trim(heir, 3)
            assert rig.held(0).outbox == [b"three"]

        rig.run(scenario)

    def test_timers_come_due_in_order(self, rig: Rig) -> None:
        """The most overdue first, no more than asked for, none before its time; those that fired are gone."""

        async def scenario(store):
            lease = await store.take(0, 1)
            moments = {"late": 30, "first": 10, "second": 20, "far": 253_402_300_799_999}
            two = Due(["first", "second"])
            await store.apply(lease, {WEB: 1}, plan(timers=moments), b"", 0)
            assert await store.due(0, 9, 10) == Due([])
            assert await store.due(0, 30, 10) == Due(["first", "second", "late"])
            assert await store.due(0, 30, 2) == two
            await store.apply(lease, {"timers": 1}, plan(timers={"first": 40}), b"", 0, two)
            assert await store.due(0, 30, 10) == Due(["late"])
            assert await store.due(0, 40, 10) == Due(["late", "first"])

        rig.run(scenario)

    def test_timers_of_a_day_are_a_list(self, rig: Rig) -> None:
        """Looks at the beginning of a day wait in its list, and leave it from its head as they fire, page by page."""

        async def scenario(store):
            lease = await store.take(0, 1)
            moments = {"a": 7 * DAY_MS, "b": 8 * DAY_MS, "c": 7 * DAY_MS, "d": 7 * DAY_MS, "e": 7 * DAY_MS + 1}
            await store.apply(lease, {WEB: 1}, plan(timers=moments), b"", 0)
            assert await store.due(0, 7 * DAY_MS - 1, 10) == Due([])
            page = await store.due(0, 8 * DAY_MS, 2)
            assert page == Due(["a", "c"], 7)
            await store.apply(lease, {"timers": 1}, plan(timers={"c": 8 * DAY_MS}), b"", 0, page)
            assert (rig.held(0).days, rig.held(0).timers) == ({7: ["d"], 8: ["b", "c"]}, {"e": 7 * DAY_MS + 1})
            page = await store.due(0, 8 * DAY_MS, 2)
            await store.apply(lease, {"timers": 2}, plan(timers={"d": 7 * DAY_MS + 5}), b"", 0, page)
            assert await store.due(0, 8 * DAY_MS - 1, 9) == Due(["e", "d"])
            assert await store.due(0, 8 * DAY_MS, 9) == Due(["b", "c"], 8)

        rig.run(scenario)
        assert rig.held(0).days == {8: ["b", "c"]}

    def test_timers_that_fired_leave_once(self, rig: Rig) -> None:
        """A repeat of the write that takes the head of a list away takes no second one."""

        async def scenario(store):
            lease = await store.take(0, 1)
            await store.apply(lease, {WEB: 1}, plan(timers=dict.fromkeys("abc", DAY_MS)), b"", 0)
            page = await store.due(0, DAY_MS, 1)
            for _ in range(2):
                lease.offsets, lease.sequence, lease.writes = {}, 0, 1
                await store.apply(lease, {"timers": 1}, plan(), b"", 0, page)

        rig.run(scenario)
        assert rig.held(0).days == {1: ["b", "c"]}

    def test_what_is_erased_is_nowhere(self, rig: Rig) -> None:
        """State, both kinds of timer and the share of the sums go in one write; digests stay, for every later owner."""
        listed = {"a": DAY_MS, "b": DAY_MS, "c": 2 * DAY_MS}

        async def scenario(store):
            lease = await store.take(0, 1)
            await store.apply(lease, {WEB: 1}, plan({"a": b"A", "b": b"B", "c": b"C"}, {"f": 3}, listed), b"", 0)
            await store.apply(lease, {WEB: 2}, plan(timers={"a": 5, "b": 6, "c": DAY_MS}), b"", 0)
            erasing = plan(aggregates={"f": -2})
            erasing.removed, erasing.suppressed = ["a", "c", "never seen"], [b"\x00digest", b"other"]
            for _ in range(2):
                lease.offsets, lease.writes = {}, 2
                await store.apply(lease, {WEB: 3}, erasing, b"", 0)
                assert lease.suppressed == {b"\x00digest", b"other"}
            assert await store.read(0, ["a", "b", "c"]) == [None, b"B", None]
            assert (await store.take(0, 1)).suppressed == {b"\x00digest", b"other"}
            assert (await store.take(1, 1)).suppressed == set()

        rig.run(scenario)
        held = rig.held(0)
        assert (held.states, held.aggregates, held.timers, held.days) == ({"b": b"B"}, {"f": 1}, {"b": 6}, {1: ["b"]})
        assert held.suppressed == {b"\x00digest", b"other"}

    def test_partitions_do_not_meet(self, rig: Rig) -> None:
        """A write to one partition, or its taking, leaves every other as it is."""

        async def scenario(store):
            leases = [await store.take(number, 1) for number in range(8)]
            for lease in leases:
                await store.apply(lease, {WEB: 1}, plan({"a": b"%d" % lease.partition}), b"", 0)
            await store.take(5, 1)
            await store.apply(leases[4], {WEB: 2}, plan({"b": b"B"}), b"", 0)
            assert await store.read(7, ["a", "b"]) == [b"7", None]

        rig.run(scenario)

    def test_a_big_plan_is_written_whole(self, rig: Rig) -> None:
        """More values than one command of a script takes, of every kind."""
        names = [f"customer \u00e9 {number}" for number in range(9_001)]
        states = {name: name.encode() for name in names}
        timers = {name: number + 1 for number, name in enumerate(names)}
        listed = dict.fromkeys(names, DAY_MS)

        async def scenario(store):
            lease = await store.take(0, 1)
            await store.apply(lease, {WEB: 1}, plan(states, dict.fromkeys(names, 1), timers), b"", 0)
            assert await store.read(0, names) == list(states.values())
            held = rig.held(0)
            assert held.aggregates == dict.fromkeys(names, 1)
            assert held.timers == timers
            await store.apply(lease, {WEB: 2}, plan(timers=listed), b"", 0, Due(names))
            assert rig.held(0).days == {1: names}
            await store.apply(lease, {WEB: 3}, plan(), b"", 0, Due(names, 1))
            assert await store.due(0, 10**9, 10) == Due([])

        rig.run(scenario)
