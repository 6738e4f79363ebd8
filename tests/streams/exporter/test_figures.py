from streams.exporter.figures import Figures, read
from streams.stores.keys import keys
from tracker.figures.fields import parse

STAGES = ("seen", "bought")


class Redis:
    """Answers two HGETALL in a transaction, as redis-py does."""

    def __init__(self, hashes: dict[str, dict[bytes, bytes]]) -> None:
        self.hashes = hashes
        self.asked: list[str] = []

    def pipeline(self, transaction):
        assert transaction
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.asked.clear()

    def hgetall(self, key):
        self.asked.append(key)

    def execute(self):
        return [self.hashes.get(key, {}) for key in self.asked]


def test_partitions_add_up() -> None:
    """The same field of two partitions is one number; offsets keep their partition, sweeps of timers are none."""
    redis = Redis({
        keys(0).aggregates: {b"shop|current|seen|active": b"2", b"shop|current|seen|dropped": b"1"},
        keys(1).aggregates: {b"shop|current|seen|active": b"3"},
        keys(1).offsets: {b"touchpoints.web": b"7", b"timers": b"4"},
    })  # fmt: skip
    found = read(redis, 2)
    assert found.by("shop", "current", "stage", "status") == {("seen", "active"): 5, ("seen", "dropped"): 1}
    assert found.by_stage("shop", "current", STAGES) == {"seen": 6, "bought": 0}
    assert found.in_status("shop", "dropped", STAGES) == {"seen": 1, "bought": 0}
    assert found.offsets == {("touchpoints.web", 1): 7}
    assert found.applied(["touchpoints.web"]) == 7


def test_days_add_up_and_segments_stand_apart() -> None:
    """Cohort days are summed where they are not asked for; a segment's share is never counted beside the whole."""
    found = Figures(
        {
            parse("shop|reached|2026-11-21|seen|1"): 2,
            parse("shop|reached|2026-11-22|seen|1"): 3,
            parse("shop|reached|2026-11-22|seen|1|type=b2b"): 1,
        },
        {},
    )
    assert found.by_stage("shop", "reached", STAGES)["seen"] == 5
    assert found.by("shop", "reached", "day") == {("2026-11-21",): 2, ("2026-11-22",): 3}
    assert found.by_segment("shop", "reached", "type", "stage") == {("b2b", "seen"): 1}
    assert found.journeys == ["shop"]


def test_the_funnel_counts_at_least_so_deep() -> None:
    """Redis counts each customer at the exact depth; a funnel counts them at every step before it too."""
    found = Figures({parse("shop|funnel|2026-11-22|seen"): 4, parse("shop|funnel|2026-11-22|bought"): 1}, {})
    assert found.funnel("shop", STAGES) == {"seen": 5, "bought": 1}


def test_since_leaves_what_was_there_before() -> None:
    """The difference of two readings has no zeros."""
    before = Figures({parse("shop|visits|seen"): 4, parse("shop|visits|bought"): 1}, {})
    after = Figures({parse("shop|visits|seen"): 6, parse("shop|visits|bought"): 1}, {("touchpoints.web", 0): 9})
    assert after.since(before) == Figures({parse("shop|visits|seen"): 2}, {("touchpoints.web", 0): 9})
