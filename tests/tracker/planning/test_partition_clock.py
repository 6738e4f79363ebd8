from tracker.planning.partition_clock import PartitionClock


def test_nothing_is_known_before_every_topic_was_read() -> None:
    """A topic that may hold older touchpoints holds the clock at zero, so that nobody is dropped too early."""
    clock = PartitionClock(("web", "shop"))
    clock.saw("web", 5_000, caught_up=False)
    assert (clock.now(9_000), clock.caught_up) == (0, False)


def test_the_topic_that_is_furthest_behind_sets_the_time() -> None:
    """The present is the earliest of the topics' stream times."""
    clock = PartitionClock(("web", "shop"))
    clock.saw("web", 5_000, caught_up=False)
    clock.saw("shop", 3_000, caught_up=False)
    assert clock.now(9_000) == 3_000
    clock.saw("shop", 0, caught_up=True)
    assert (clock.now(9_000), clock.caught_up) == (5_000, False)


def test_the_wall_clock_rules_once_all_is_read() -> None:
    """Caught up in every topic: the present is the present."""
    clock = PartitionClock(("web", "shop"))
    for topic in ("web", "shop"):
        clock.saw(topic, 3_000, caught_up=True)
    assert (clock.now(9_000), clock.caught_up) == (9_000, True)


def test_stream_time_does_not_go_back() -> None:
    """An older batch of the same topic leaves the time where it was."""
    clock = PartitionClock(("web",))
    clock.saw("web", 5_000, caught_up=False)
    clock.saw("web", 4_000, caught_up=False)
    assert clock.now(9_000) == 5_000


def test_a_stamp_from_the_future_is_not_believed() -> None:
    """A producer's clock may be ahead; the partition's is never ahead of the wall's."""
    clock = PartitionClock(("web",))
    clock.saw("web", 99_000, caught_up=False)
    assert clock.now(9_000) == 9_000


def test_falling_behind_again_is_stream_time_again() -> None:
    """A burst that cannot be read at once puts the topic back on its own time."""
    clock = PartitionClock(("web",))
    clock.saw("web", 3_000, caught_up=True)
    clock.saw("web", 7_000, caught_up=False)
    assert clock.now(9_000) == 7_000
