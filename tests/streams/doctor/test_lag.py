from dataclasses import replace

from streams.doctor.lag import Look, TopicLag, moving, standing_still, still, topic_lag
from streams.errors import ExitCode

WEB = "touchpoints.web"


def look(at_s: float, ends: list[int], applied: list[int], first: int = 0) -> Look:
    places = [(WEB, number) for number in range(len(ends))]
    return Look(
        at_s,
        dict.fromkeys(places, first),
        dict(zip(places, ends, strict=True)),
        dict(zip(places, applied, strict=True)),
    )


def lag_of(before: Look, after: Look) -> TopicLag:
    return topic_lag(WEB, before, after, still(before, after, after.end))


def test_nothing_that_waits_is_no_finding() -> None:
    """Also what arrives and is applied at once, and what Kafka has deleted."""
    assert moving(lag_of(look(0, [9, 9], [9, 9]), look(3, [9, 9], [9, 9]))) is None
    assert moving(lag_of(look(0, [90, 9], [90, 9]), look(3, [190, 9], [150, 9]))) is None
    assert look(0, [9], [3], first=9).waiting((WEB, 0)) == 0


def test_records_of_which_none_is_applied_are_a_problem() -> None:
    """With the topic's figures and the partitions, and with who is to be asked about it."""
    stuck = lag_of(look(0, [900, 50, 9], [100, 50, 5]), look(12, [1620, 50, 9], [100, 50, 9]))
    assert (stuck.standing, stuck.waiting, stuck.arriving) == ([0], 1520, 60.0)
    state, message, remedy, code = standing_still([stuck], quiet=2.0)
    assert (state, code) == ("problem", ExitCode.STALLED)
    assert message.splitlines()[0] == "Records wait, and none was applied in 12s in partition 0:"
    assert message.splitlines()[1].split() == [WEB, "1,520", "wait,", "60/s", "arrive"]
    assert "worker that owns them" in remedy
    assert "for 1m10s: start workers" in standing_still([stuck], quiet=70.0)[2]
    assert "ever: start workers" in standing_still([stuck], quiet=None)[2]


def test_a_topic_that_waits_for_its_turn_does_not_stand_still() -> None:
    """Topics of a partition are applied in the order in which things happened: while one moves, the other may wait."""
    places = [(WEB, 0), ("journey.routed", 0)]
    looks = [
        Look(at_s, dict.fromkeys(places, 0), dict.fromkeys(places, 900), dict(zip(places, (applied, 100), strict=True)))
        for at_s, applied in ((0, 0), (10, 50))
    ]
    assert still(*looks, places) == set()
    [state, message, _] = moving(topic_lag("journey.routed", *looks, still(*looks, places)))
    assert state == "remark" and "older records of other topics first" in message


def test_catching_up_is_a_remark_with_its_end() -> None:
    """The backlog at the speed by which it shrinks."""
    state, message, remedy = moving(lag_of(look(0, [10_000], [0]), look(10, [11_000], [2000])))
    assert (state, remedy) == ("remark", "")
    assert message.endswith("9,000 records wait, 100/s arrive and 200/s are applied: caught up in about 1m30s.")


def test_a_lag_that_grows_is_a_warning() -> None:
    """Less is applied than arrives."""
    state, message, remedy = moving(lag_of(look(0, [10_000], [0]), look(10, [13_000], [2000])))
    assert state == "warning" and message.endswith("the lag grows.") and "more workers" in remedy


def test_what_workers_send_themselves_may_grow_meanwhile() -> None:
    """While they catch up with touchpoints, messages between them become more; alone that is a lag like any other."""
    routed = replace(lag_of(look(0, [10_000], [0]), look(10, [13_000], [2000])), topic="journey.routed")
    assert moving(routed, others_wait=True)[0] == "remark"
    assert moving(routed)[0] == "warning"


def test_what_is_applied_within_seconds_does_not_wait() -> None:
    """A batch on its way is no backlog, however many records it has."""
    assert moving(lag_of(look(0, [90_000], [0]), look(3, [99_000], [60_000]))) is None
