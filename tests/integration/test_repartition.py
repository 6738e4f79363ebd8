"""Repartitioning with a real Redis and a fake of Kafka's admin client, stopped after every step."""

from collections import Counter
from contextlib import closing
from types import SimpleNamespace

import pytest
from kafka import TopicPartition
from kafka.errors import InvalidPartitionsError
from redis import Redis

from schemas.rejection import Place, Rejection
from streams.clients.clients import redis_client
from streams.errors import Mismatch, TrackerError, UsageError
from streams.events.rejected import RedisMemory
from streams.exporter import figures
from streams.person.show import find
from streams.repartition.repartition import Order, Repartition
from streams.repartition.store import staged
from streams.settings.settings import read as read_settings
from streams.stores.audit import audit_store
from streams.stores.keys import day_list, keys
from streams.stores.layout import plan_key, require
from tests.stored import DAY_MS, MONDAY_MS, crowd, fill, journeys, touch
from tracker.home import home

INPUTS = ["touchpoints.web", "journey.routed"]
TOPICS = [*INPUTS, "journey.transitions"]
CUSTOMERS = 150
DIGESTS = [b"digest one", b"\x00two"]

pytestmark = pytest.mark.integration


class Admin:
    """Kafka as far as a repartition asks it: so many partitions, so many records in each, some members."""

    def __init__(self, partitions: int) -> None:
        self.partitions = dict.fromkeys(TOPICS, partitions)
        self.ends: Counter[TopicPartition] = Counter()
        self.members: list[dict[str, str]] = []

    def list_topics(self):
        return list(self.partitions)

    def describe_configs(self, resources, config_filter):
        config = {"retention.ms": "1", "cleanup.policy": "delete", "max.message.bytes": "1"}
        values = {name: {"value": value} for name, value in config.items()}
        return {"topic": dict.fromkeys(self.partitions, values)}

    def describe_topics(self, names):
        return [{"name": name, "partitions": [{"replica_nodes": [0]}] * self.partitions[name]} for name in names]

    def describe_groups(self, groups):
        return {group: {"members": self.members} for group in groups}

    def list_partition_offsets(self, wanted):
        latest = {place: self.ends[place] if spec.value == -1 else 0 for place, spec in wanted.items()}
        return {place: SimpleNamespace(offset=offset) for place, offset in latest.items()}

    def create_partitions(self, wanted, validate_only=False):
        if any(count <= self.partitions[name] for name, count in wanted.items()):
            raise InvalidPartitionsError("not an increase")
        if not validate_only:
            self.partitions |= wanted


class Consumer:
    """Kafka for whoever reads: what lies behind an offset are records, or nothing but marks of transactions."""

    def __init__(self, admin: Admin, *, only_marks: bool = False) -> None:
        self.admin = admin
        self.only_marks = only_marks
        self.at: dict[TopicPartition, int] = {}

    def end_offsets(self, places):
        return {place: self.admin.ends[place] for place in places}

    def assign(self, places):
        pass

    def seek(self, place, offset):
        self.at[place] = offset

    def position(self, place):
        return self.at[place]

    def poll(self, timeout_ms):
        found = {} if self.only_marks else {place: ["record"] for place in self.at}
        self.at = {place: self.admin.ends[place] for place in self.at}
        return found


class Stopped(BaseException):
    """The process ends here, as by kill -9: nobody tidies up."""


@pytest.fixture
def redis(empty_redis):
    with Redis.from_url(empty_redis) as client:
        fill(client, crowd(CUSTOMERS - 9), 4)
        # These drop off within hours: their timers are exact, the others' wait for their day.
        fill(client, [touch(f"near{number}", "seen") for number in range(9)], 4, now_ms=MONDAY_MS + 13 * DAY_MS + 1)
        client.sadd(keys(0).suppressed, *DIGESTS)
        client.sadd(keys(3).suppressed, DIGESTS[0])
        yield client


def work(redis, admin, to=6, origin=4, stop_after: str | None = None, only_marks=False, **order) -> Repartition:
    def after(step: str) -> None:
        if step == stop_after:
            raise Stopped(step)

    asked = Order(origin=origin, to=to, group="g", inputs=INPUTS, topics=TOPICS, **order)
    consumer = Consumer(admin, only_marks=only_marks)
    return Repartition(asked, redis, admin, consumer, journeys(), after=after, settle=lambda: None)


def everything(redis, partitions: int):
    """States, timers and figures over all partitions."""
    states, timers, figures = {}, Counter(), Counter()
    for partition in range(partitions):
        names = keys(partition)
        states |= redis.hgetall(names.states)
        timers.update(redis.zrange(names.timers, 0, -1, withscores=True))
        timers.update((name, day) for day, listed in lists(redis, names) for name in listed)
        figures.update({field: int(count) for field, count in redis.hgetall(names.aggregates).items()})
    return states, timers, figures


def lists(redis, names):
    """(day, its customers) of a partition."""
    for day, count in redis.hgetall(names.days).items():
        listed = redis.lrange(day_list(names.days, int(day)), 0, -1)
        assert len(listed) == int(count)
        yield int(day), listed


def require_moved(redis, before, to: int) -> None:
    """Everybody is there once and at home, with the same state, timer and figures; nothing is left over.

    Erased names are kept out of every partition, since their digests do not show which is theirs.
    """
    assert everything(redis, to) == before
    assert all(each.sound for each in audit_store(redis, journeys(), to))
    for partition in range(to):
        names = keys(partition)
        assert redis.smembers(names.suppressed) == set(DIGESTS)
        for listed in [redis.zrange(names.timers, 0, -1), *(listed for _, listed in lists(redis, names))]:
            assert all(home(name.decode(), to) == partition for name in listed)
        assert not redis.keys(f"{staged(partition).ready}*")
    require(redis, to)


@pytest.mark.parametrize("to", [5, 8])
def test_everybody_moves_home(redis, to) -> None:
    """From 4 to a multiple and to another number: nothing lost, nothing doubled, every partition's figures its own."""
    before, admin = everything(redis, 4), Admin(4)
    outcome = work(redis, admin, to).run()
    assert (outcome.customers, outcome.grown, outcome.resumed) == (CUSTOMERS, sorted(TOPICS), False)
    assert set(admin.partitions.values()) == {to}
    require_moved(redis, before, to)


def test_it_can_be_done_again_and_again(redis) -> None:
    """A store that has moved can move on."""
    before, admin = everything(redis, 4), Admin(4)
    for origin, to in [(4, 5), (5, 12), (12, 16)]:
        work(redis, admin, to, origin).run()
    require_moved(redis, before, 16)


STEPS = ["check", "plan", "hold", "copy", "verify", "grow", "promise", "switch 0", "switch 3", "switch 5", "finish"]


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_after_any_step_loses_nothing(redis, step) -> None:
    """Whatever step it dies after, no worker starts on half a move, and running it again ends it."""
    before, admin = everything(redis, 4), Admin(4)
    with pytest.raises(Stopped):
        work(redis, admin, stop_after=step).run()
    if step not in {"check", "finish"}:
        with pytest.raises(Mismatch, match="has not finished"):
            require(redis, 4)
    if step != "finish":
        work(redis, admin).run()
    require_moved(redis, before, 6)


@pytest.mark.parametrize("step", ["copy", "verify", "grow"])
def test_what_a_worker_wrote_meanwhile_is_copied_too(redis, step) -> None:
    """A worker that writes between two runs, before the switch, is not forgotten: the copy is made anew."""
    admin = Admin(4)
    with pytest.raises(Stopped):
        work(redis, admin, stop_after=step).run()
    latecomer = [each for each in crowd(CUSTOMERS + 60) if int(each.customer[1:]) >= CUSTOMERS]
    fill(redis, latecomer, 4)
    for partition in range(4):
        redis.incr(keys(partition).writes)
    before = everything(redis, 4)
    assert len(before[0]) == CUSTOMERS + 60
    work(redis, admin).run()
    require_moved(redis, before, 6)


def test_a_worker_that_sleeps_is_fenced(redis) -> None:
    """A worker that held a partition before holds it no longer."""
    before = [int(redis.get(keys(partition).epoch)) for partition in range(4)]
    work(redis, Admin(4)).run()
    after = [int(redis.get(keys(partition).epoch)) for partition in range(6)]
    assert all(new > old for new, old in zip(after, before, strict=False))


def test_a_worker_that_takes_a_partition_stops_the_switch(redis) -> None:
    """A partition that somebody took after the copy is not switched; the next run goes on where nothing was written."""
    before, admin = everything(redis, 4), Admin(4)
    moving = work(redis, admin)
    moving._after = lambda step: redis.incr(keys(2).epoch) if step == "switch 1" else None
    with pytest.raises(TrackerError, match="has taken partition 2"):
        moving.run()
    work(redis, admin).run()
    require_moved(redis, before, 6)


def test_a_worker_that_writes_during_the_switch_is_reported(redis) -> None:
    """Where a worker has written between two switches, it is said that all must be built again, not passed over."""
    admin = Admin(4)
    with pytest.raises(Stopped):
        work(redis, admin, stop_after="switch 1").run()
    redis.incr(keys(2).writes)
    with pytest.raises(TrackerError, match="written to partition 2"):
        work(redis, admin).run()


def test_running_workers_are_in_the_way(redis) -> None:
    """While the consumer group has members nothing is done."""
    admin = Admin(4)
    admin.members = [{"client_id": "faust-1", "client_host": "/10.0.0.7"}]
    with pytest.raises(TrackerError, match=r"group 'g' are running \(1\): faust-1 on 10.0.0.7"):
        work(redis, admin).run()
    assert not redis.exists(plan_key())


def test_what_waits_is_in_the_way(redis) -> None:
    """Records that are not applied and messages in an outbox stop it, unless they are allowed to wait."""
    before, admin = everything(redis, 4), Admin(4)
    admin.ends[TopicPartition("touchpoints.web", 1)] = 7
    redis.hset(keys(1).offsets, "touchpoints.web", 4)
    redis.rpush(keys(2).outbox, b"messages")
    with pytest.raises(TrackerError, match=r"3 in touchpoints.web, 1 in the outboxes"):
        work(redis, admin).run()
    work(redis, admin, allow_lag=True).run()
    require_moved(redis, before, 6)
    assert redis.hgetall(keys(1).offsets) == {b"touchpoints.web": b"4"}
    assert redis.lrange(keys(2).outbox, 0, -1) == [b"messages"]


def test_figures_that_are_no_sum_stop_it(redis) -> None:
    """A store whose figures are off is left as it is, and workers may start again."""
    redis.hincrby(keys(0).aggregates, "gone|cohort|2026-11-22", 1)
    before, admin = everything(redis, 4), Admin(4)
    with pytest.raises(Mismatch, match=r"gone\|cohort\|2026-11-22 is 1, the customers add up to 0"):
        work(redis, admin).run()
    assert everything(redis, 4) == before
    assert set(admin.partitions.values()) == {4}
    require(redis, 4)


def test_an_interruption_leaves_nothing_behind(redis) -> None:
    """Ctrl-C while it copies takes the copies and the plan away."""
    before, admin = sorted(redis.keys()), Admin(4)
    moving = work(redis, admin)

    def interrupt(step: str) -> None:
        if step == "copy":
            raise KeyboardInterrupt

    moving._after = interrupt
    with pytest.raises(KeyboardInterrupt):
        moving.run()
    assert sorted(redis.keys()) == before


@pytest.mark.parametrize(
    ("origin", "to", "said"),
    [(4, 3, "cannot become 3"), (4, 4, "has 4 partitions already"), (2, 3, "Kafka has 4 partitions already")],
)
def test_only_growth_is_possible(redis, origin, to, said) -> None:
    """Fewer partitions, or as many as there are, are refused with the reason."""
    with pytest.raises(UsageError, match=said):
        work(redis, Admin(4), to, origin).run()


def test_another_goal_waits_for_the_first(redis) -> None:
    """While one move is under way another number is refused."""
    admin = Admin(4)
    with pytest.raises(Stopped):
        work(redis, admin, stop_after="copy").run()
    with pytest.raises(Mismatch, match="from 4 to 6 partitions is under way"):
        work(redis, admin, to=8).run()


def test_a_dry_run_changes_nothing(redis) -> None:
    """It lists who would move and which topics would grow."""
    admin = Admin(4)
    redis.set("untouched", 1)
    before = {key: redis.dump(key) for key in redis.keys()}  # noqa: SIM118  # redis-py's, not a dictionary's
    foresight = work(redis, admin, to=8).foresee()
    assert foresight.customers == sum(foresight.by_partition) == CUSTOMERS
    assert 0.4 < foresight.moving / CUSTOMERS < 0.6
    assert foresight.grows == dict.fromkeys(TOPICS, 4)
    assert {key: redis.dump(key) for key in redis.keys()} == before  # noqa: SIM118


def test_it_runs_on_a_cluster(private_servers) -> None:
    """On a Redis Cluster of three nodes: the move, the audit, the look at one customer and the figures."""
    url = private_servers.redis_cluster().url
    with closing(redis_client(read_settings({"REDIS_URL": url, "REDIS_CLUSTER": "true"}))) as client:
        fill(client, crowd(CUSTOMERS), 4)
        client.sadd(keys(0).suppressed, *DIGESTS)
        before = everything(client, 4)
        with pytest.raises(Stopped):
            work(client, Admin(4), stop_after="switch 1").run()
        work(client, Admin(6)).run()
        require_moved(client, before, 6)
        assert find(client, "c7", 6).customer == "c7"
        assert figures.read(client, 6).by("shop", "cohort") == {(): CUSTOMERS}
        memory = RedisMemory(client)
        memory.note([rejection := Rejection("no_id", "", Place("t", 0, 1), 1, b"")], 2)
        assert memory.known([rejection]) == [True]


def test_marks_of_transactions_are_in_nobodys_way(redis) -> None:
    """Offsets that no record will ever come from are nothing that waits."""
    before, admin = everything(redis, 4), Admin(4)
    admin.ends[TopicPartition("touchpoints.web", 1)] = 7
    redis.hset(keys(1).offsets, "touchpoints.web", 4)
    work(redis, admin, only_marks=True).run()
    require_moved(redis, before, 6)
