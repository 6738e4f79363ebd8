"""What every store must do where keys of a partition are gone, as tests to inherit like `StoreContract`."""

import pytest

from streams.stores.store import Damaged, Lost, Sizes
from tests.streams.stores.contract import WEB, Rig, plan
from tracker.records.timer import DAY_MS


class DamageContract:
    """Inherit and define a fixture `rig`."""

    @pytest.mark.parametrize("name", ["states", "aggregates", "offsets", "timers", "days", "suppressed"])
    @pytest.mark.parametrize("is_held", [True, False], ids=["held", "between owners"])
    def test_a_key_that_is_gone_is_noticed(self, rig: Rig, name: str, is_held: bool) -> None:
        """By the owner's next write and its next look, and by the next owner's take, which says what is missing."""

        async def scenario(store):
            lease = await store.take(0, 1)
            full = plan({"a": b"A"}, {"f": 1}, {"a": 5, "b": DAY_MS})
            full.suppressed = [b"digest"]
            await store.apply(lease, {WEB: 1}, full, b"", 0)
            await store.verify(lease)
            rig.delete(0, name)
            if is_held:
                before = rig.held(0)
                with pytest.raises(Damaged, match=name):
                    await store.apply(lease, {WEB: 2}, plan({"b": b"B"}), b"", 0)
                with pytest.raises(Damaged, match=name):
                    await store.verify(lease)
                assert rig.held(0) == before
            assert f"{name} has 0 entries of 1" in (await store.take(0, 1)).damage

        rig.run(scenario)

    def test_what_goes_by_rights_is_no_damage(self, rig: Rig) -> None:
        """Erased customers, sums at nothing, timers that fired and marks that are forgotten leave a whole partition."""

        async def scenario(store):
            lease = await store.take(0, 1)
            timers = {"a": 5, "b": DAY_MS, "c": DAY_MS, "d": 6}
            await store.apply(lease, {WEB: 1, "from 1 a": 1}, plan({"a": b"A", "b": b"B"}, {"f": 1}, timers), b"", 0)
            gone = plan(aggregates={"f": -1})
            gone.removed, gone.forgotten = ["a", "b"], ["from 1 a"]
            await store.apply(lease, {WEB: 2}, gone, b"", 0)
            assert (await store.take(0, 1)).damage == ""
            lease = await store.take(0, 1)
            await store.apply(lease, {"timers": 1}, plan(), b"", 0, await store.due(0, DAY_MS, 10))
            await store.apply(lease, {"timers": 2}, plan(timers={"d": 7}), b"", 0, await store.due(0, 10, 10))
            await store.apply(lease, {"timers": 3}, plan(), b"", 0, await store.due(0, 10, 10))
            await store.verify(lease)
            heir = await store.take(0, 1)
            assert (heir.damage, heir.sizes) == ("", Sizes(offsets=2))

        rig.run(scenario)

    def test_offsets_that_go_right_after_the_first_write_are_missed(self, rig: Rig) -> None:
        """Their number is known with the write that makes them, before anybody has looked at the partition again."""

        async def scenario(store):
            lease = await store.take(0, 1)
            await store.apply(lease, {WEB: 1, "timers": 1}, plan({"a": b"A"}), b"", 0)
            rig.delete(0, "offsets")
            assert "offsets has 0 entries of 2" in (await store.take(0, 1)).damage

        rig.run(scenario)

    def test_the_ids_of_topics_are_kept_with_the_offsets(self, rig: Rig) -> None:
        """A topic created anew begins at 0 in the same step; that is no damage, and a former owner changes nothing."""

        async def scenario(store):
            old = await store.take(0, 1)
            lease = await store.take(0, 1)
            await store.note_topics(lease, {WEB: "a"}, {})
            await store.apply(lease, {WEB: 7}, plan({"a": b"A"}), b"", 0)
            await store.note_topics(lease, {WEB: "b", f"before {WEB}": "a 7"}, {WEB: 0})
            assert (lease.topics, lease.offsets) == ({WEB: "b", f"before {WEB}": "a 7"}, {WEB: 0})
            before = rig.held(0)
            assert (before.topics, before.offsets) == (lease.topics, lease.offsets)
            await store.note_topics(old, {WEB: "c"}, {WEB: 9})
            assert rig.held(0) == before
            await store.verify(lease)
            await store.apply(lease, {WEB: 2}, plan({"b": b"B"}), b"", 0)
            heir = await store.take(0, 1)
            assert (heir.damage, heir.topics, heir.offsets) == ("", lease.topics, {WEB: 2})

        rig.run(scenario)

    def test_a_rebuild_takes_away_what_kafka_brings_again(self, rig: Rig) -> None:
        """Outbox and digests stay; the owner sees that it has lost; the call of an earlier owner does nothing."""

        async def scenario(store):
            old = await store.take(0, 1)
            lease = await store.take(0, 1)
            full = plan({"a": b"A"}, {"f": 1}, {"a": 5, "b": DAY_MS})
            full.suppressed = [b"digest"]
            await store.apply(lease, {WEB: 1}, full, b"blob", 1)
            before = rig.held(0)
            await store.rebuild(old)
            assert rig.held(0) == before
            await store.rebuild(lease)
            held = rig.held(0)
            assert (held.outbox, held.sequence, held.suppressed) == ([b"blob"], 1, {b"digest"})
            assert (held.states, held.aggregates, held.offsets, held.timers, held.days) == ({}, {}, {}, {}, {})
            with pytest.raises(Lost):
                await store.apply(lease, {WEB: 2}, plan(), b"", 1)
            heir = await store.take(0, 1)
            assert (heir.damage, heir.offsets) == ("", {})

        rig.run(scenario)
