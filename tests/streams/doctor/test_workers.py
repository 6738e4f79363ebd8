import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from redis import Redis

from streams.definitions.record import Revision
from streams.doctor import workers
from streams.doctor.finding import Inquiry
from streams.errors import ExitCode
from streams.settings.settings import read
from streams.stores.attendance import Attendance
from streams.stores.restarted import note, noted, restarts_key

SETTINGS = read({"TRACKER_PARTITIONS": "4", "TRACKER_CHANNELS": "web", "REDIS_URL": "redis://127.0.0.1:9"})
TOPICS = ["touchpoints.web", "journey.routed"]
ALL = range(4)


def member(partitions, topics=TOPICS) -> dict:
    assigned = [{"topic": topic, "partitions": list(partitions)} for topic in topics]
    return {"member_assignment": {"assigned_partitions": assigned}}


def found(monkeypatch, members, ages, state: str = "Stable") -> list[tuple]:
    """What is said of a group with these members, where each partition was looked after so many seconds ago."""

    @contextmanager
    def admin(_settings):
        yield None

    seen = [Attendance(number, age, 1, is_taken=age is not None) for number, age in enumerate(ages)]
    monkeypatch.setattr(workers, "kafka_admin", admin)
    monkeypatch.setattr(workers, "SETTLES_WITHIN_S", 0.0)
    monkeypatch.setattr(workers, "describe_group", lambda *_: {"members": members, "group_state": state})
    monkeypatch.setattr(workers, "attendance", lambda *_: seen)
    monkeypatch.setattr(workers, "read_newest", lambda _client: Revision(1, 0, "start", {}))
    return list(workers.workers(Inquiry(SETTINGS)))


def test_workers_that_look_after_all_partitions_are_in_order(monkeypatch) -> None:
    """Members, partitions and the longest time since a look are told."""
    said = found(monkeypatch, [member([0, 1]), member([2, 3])], [1, 2, 3, 4])
    assert said == [("ok", "2 workers own all 4 partitions and looked after each within 4s", "")]


def test_a_group_without_members_is_a_problem(monkeypatch) -> None:
    """With the time since anybody was there; before the first worker ever, it is a warning."""
    [(state, message, remedy, code)] = found(monkeypatch, [], [90, 95, 99, 99])
    assert (state, code) == ("problem", ExitCode.STALLED)
    assert "nothing is applied. The last one was seen 1m30s ago" in message and "tracker worker" in remedy
    [(state, message, *_)] = found(monkeypatch, [], [None] * 4)
    assert state == "warning" and "ever run" in message


def test_a_group_of_another_name_is_noticed(monkeypatch) -> None:
    """The group is empty, and yet somebody looks after the partitions."""
    [(state, message, remedy, _)] = found(monkeypatch, [], [3] * 4)
    assert state == "problem" and "looked after a partition 3s ago" in message and "TRACKER_GROUP" in remedy


@pytest.mark.parametrize(
    "members",
    [[member([0, 1])], [member([0, 1]), member([2, 3], TOPICS[:1])]],
    ids=["half", "half of one topic"],
)
def test_partitions_that_nobody_owns_are_named(monkeypatch, members) -> None:
    """Also those that are owned in one topic alone."""
    (state, message, _, code), (second, *_) = found(monkeypatch, members, [1] * 4)
    assert (state, code, second) == ("problem", ExitCode.STALLED, "ok")
    assert message.startswith("2 of 4 partitions belong to no worker: 2-3.")


def test_an_owner_that_hangs_is_found(monkeypatch) -> None:
    """Kafka takes it for alive, and it has not looked after its partitions for longer than a rebalance takes."""
    [(state, message, _, code)] = found(monkeypatch, [member(ALL)], [1, 31, 95, 2])
    assert (state, code) == ("problem", ExitCode.STALLED)
    assert message.startswith("2 of 4 partitions have an owner who has not looked after them for 1m35s: 1-2")
    assert found(monkeypatch, [member(ALL)], [30] * 4)[0][0] == "ok"


def test_owners_without_a_note_are_unknown(monkeypatch) -> None:
    """Workers of an earlier version leave none: that is neither a fault nor in order."""
    [(state, message, _)] = found(monkeypatch, [member(ALL)], [None] * 4)
    assert state == "unknown" and "0-3" in message


def test_a_rebalance_that_does_not_end_is_a_warning(monkeypatch) -> None:
    """What the partitions are then is not guessed."""
    [(state, message, _)] = found(monkeypatch, [member(ALL)], [1] * 4, "PreparingRebalance")
    assert state == "warning" and "rebalancing" in message


@pytest.mark.integration
def test_restarts_are_told(empty_redis: str) -> None:
    """None is in order, two are a remark, three a warning that says how the processes ended; old ones do not count."""
    inquiry = Inquiry(replace(SETTINGS, redis_url=empty_redis))
    assert [result[0] for result in workers.restarts(inquiry)] == ["ok"]
    with Redis.from_url(empty_redis) as client:
        for count in range(1, 4):
            note(client, "host", count, -9 if count == 3 else 12)
            [(state, message, *_)] = workers.restarts(inquiry)
            assert state == ("warning" if count == 3 else "remark")
        assert "3 times in the last hour" in message and "STALLED (2), SIGKILL (1)" in message
        assert [one.count for one in noted(client)] == [3, 2, 1] and client.ttl(restarts_key()) > 600_000
        client.delete(restarts_key())
        client.lpush(restarts_key(), b'{"at_s":%d,"host":"h","count":1,"exit_code":4}' % (time.time() - 4000))
        assert [result[0] for result in workers.restarts(inquiry)] == ["ok"]
