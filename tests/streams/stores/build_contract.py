"""What every store does for several builds side by side; the stores are those of the contract."""

from tests.streams.stores.contract import WEB, Rig, plan


class BuildContract:
    """Inherit and define a fixture `rig`."""

    def test_only_the_owner_says_where_the_partition_stands(self, rig: Rig) -> None:
        """Other builds read it; a former owner's word does not count any more."""

        async def scenario(store):
            former = await store.take(0, 1)
            assert await store.standing(0, rig.prefix) is None
            await store.stand(former, b"here")
            owner = await store.take(0, 1)
            await store.stand(former, b"there")
            assert await store.standing(0, rig.prefix) == b"here"
            await store.stand(owner, b"elsewhere")
            assert await store.standing(0, rig.prefix) == b"elsewhere"

        rig.run(scenario)

    def test_a_new_build_keeps_out_who_is_erased(self, rig: Rig) -> None:
        """The digests of another build are taken over, and the next write finds nothing missing."""

        async def scenario(store):
            lease = await store.take(0, 1)
            erasing = plan({"a": b"A"})
            erasing.suppressed = [b"digest"]
            await store.apply(lease, {WEB: 1}, erasing, b"", 0)
            owner = await store.take(0, 1)
            await store.adopt(owner, rig.prefix)
            assert owner.suppressed == {b"digest"}
            await store.apply(owner, {WEB: 2}, plan({"b": b"B"}), b"", 0)
            await store.verify(owner)

        rig.run(scenario)
