from streams.worker.again import parted, published_before
from streams.worker.transport import Bounds
from tests.touchpoints import Record
from tracker.planning.plan import PartitionBatch

WEB, SHOP = "touchpoints.web", "touchpoints.shop"


def batch(topic: str, *offsets: int) -> PartitionBatch:
    return PartitionBatch(topic, 0, [Record(offset, b"") for offset in offsets])


def offsets(parts: list[tuple[list[PartitionBatch], bool]]) -> list[tuple[list[list[int]], bool]]:
    return [([[record.offset for record in each.records] for each in batches], again) for batches, again in parts]


def test_what_the_group_had_come_to_was_published() -> None:
    """Or what this process had come to, where that is further; where reading goes on there, nothing is remembered."""
    bounds = {WEB: Bounds(0, 90, 90), SHOP: Bounds(0, 90, 90)}
    assert published_before(bounds, {WEB: 0, SHOP: 50}, {}, {WEB: 40, SHOP: 50}) == {WEB: 40}
    assert published_before(bounds, {WEB: 0, SHOP: 0}, {}, {WEB: 40}, {WEB: 60, SHOP: 7}) == {WEB: 60, SHOP: 7}
    assert published_before(bounds, {WEB: 50, SHOP: 50}, {}, {WEB: 40}) == {}


def test_a_rebuild_that_is_interrupted_knows_its_end() -> None:
    """The group's offsets may have gone back with it; what is remembered holds."""
    assert published_before({WEB: Bounds(0, 90, 90)}, {WEB: 10}, {WEB: 60}, {WEB: 10}) == {}
    assert published_before({WEB: Bounds(0, 90, 90)}, {WEB: 80}, {WEB: 60}, {WEB: 80}) == {}


def test_a_topic_that_was_created_anew_holds_nothing_of_before() -> None:
    """It ends below what was applied: offsets of its former life are forgotten."""
    assert published_before({WEB: Bounds(0, 9, 9)}, {WEB: 0}, {WEB: 60}, {WEB: 40}) == {WEB: 0}
    assert published_before({WEB: Bounds(0, 9, 9)}, {WEB: 0}, {}, {WEB: 40}) == {}


def test_a_topic_known_to_be_created_anew_holds_nothing_of_before() -> None:
    """Also where it is longer than what was applied of the former one."""
    bounds, start = {WEB: Bounds(0, 90, 90)}, {WEB: 0}
    assert published_before(bounds, start, {WEB: 60}, {WEB: 40}, anew={WEB}) == {WEB: 0}
    assert published_before(bounds, start, {}, {WEB: 40}, anew={WEB}) == {}


def test_batches_are_parted_where_the_new_begins() -> None:
    """Each topic at its own offset, gaps or not; what is read again comes first."""
    batches = [batch(WEB, 3, 4, 9), batch(SHOP, 1, 2)]
    assert offsets(list(parted(batches, {WEB: 5}))) == [([[3, 4]], True), ([[9], [1, 2]], False)]
    assert offsets(list(parted(batches, {WEB: 10, SHOP: 3}))) == [([[3, 4, 9], [1, 2]], True)]
    assert offsets(list(parted(batches, {}))) == [([[3, 4, 9], [1, 2]], False)]
