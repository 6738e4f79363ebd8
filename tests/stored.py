"""A store with customers in it, for tests: a small Redis in memory, and the fold of touches written into any Redis."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from streams.stores.keys import day_list, keys
from tracker.engine.customer import CustomerFold
from tracker.home import home
from tracker.journey.definition import Definition
from tracker.journey.file import read
from tracker.records.timer import day_of
from tracker.touch import Touch

DAY_MS = 86_400_000
MONDAY_MS = 1_763_942_400_000  # 2025-11-24, midnight UTC
SHOP = """
journey: shop
version: 2
stages:
  - {name: seen, touchpoints: [{channel: web}], drops_after: 14d}
  - {name: bought, touchpoints: [{channel: shop}], goal: true}
segments:
  type: {from: context.type, values: [b2b, b2c]}
"""


def journeys(text: str = SHOP) -> CustomerFold:
    """One journey, ready to fold."""
    return CustomerFold([definition(text)])


def definition(text: str = SHOP) -> Definition:
    """The journey alone."""
    found, problems = read(text, "test.yaml")
    assert found, problems
    return found


def touch(customer: str, event_id: str, channel: str = "web", at_ms: int = MONDAY_MS, **context: Any) -> Touch:
    return Touch(customer, at_ms, "event", channel, event_id, {}, context, at_ms)


def crowd(count: int) -> list[Touch]:
    """Every customer is seen, every third buys."""
    return [touch(f"c{number}", f"seen{number}", type="b2b") for number in range(count)] + [
        touch(f"c{number}", f"bought{number}", "shop", MONDAY_MS + DAY_MS) for number in range(0, count, 3)
    ]


def fill(
    client: Any, touches: Iterable[Touch], partitions: int, folding: CustomerFold | None = None, now_ms: int = MONDAY_MS
) -> CustomerFold:
    """Write what a worker would have written: states, aggregates, timers and an epoch a partition."""
    folding = folding or journeys()
    by_customer: dict[str, list[Touch]] = {}
    for one in touches:
        by_customer.setdefault(one.customer, []).append(one)
    for partition in range(partitions):
        client.set(keys(partition).epoch, 1)
    for customer, theirs in by_customer.items():
        names = keys(home(customer, partitions))
        change = folding.fold(customer, None, theirs, now_ms)
        client.hset(names.states, customer, change.after)
        for field, count in change.aggregates.items():
            client.hincrby(names.aggregates, field, count)
        if change.arm_ms is not None:
            day = day_of(change.arm_ms)
            if day is None:
                client.zadd(names.timers, {customer: change.arm_ms})
            else:
                client.hincrby(names.days, str(day), 1)
                client.rpush(day_list(names.days, day), customer)
    return folding


class Redis:
    """As much of redis-py's client as reading commands need; `down` makes every call fail."""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}
        self.down: Exception | None = None

    def _at(self, key: str, kind: type) -> Any:
        if self.down:
            raise self.down
        return self.held.setdefault(key, kind())

    def set(self, key, value):
        self._at(key, str)
        self.held[key] = str(value).encode()

    def get(self, key):
        return self.held.get(key)

    def exists(self, key):
        if self.down:
            raise self.down
        return int(bool(self.held.get(key)))

    def hset(self, key, field, value):
        self._at(key, dict)[field.encode()] = value

    def hincrby(self, key, field, count):
        fields = self._at(key, dict)
        fields[field.encode()] = b"%d" % (int(fields.get(field.encode(), 0)) + count)

    def hget(self, key, field):
        return self._at(key, dict).get(field.encode())

    def hlen(self, key):
        return len(self._at(key, dict))

    def hgetall(self, key):
        return dict(self._at(key, dict))

    def hscan(self, key, cursor, match="*", count=10):
        return 0, {field: value for field, value in self._at(key, dict).items() if fnmatchcase(field.decode(), match)}

    def zadd(self, key, scores):
        self._at(key, dict).update(scores)

    def rpush(self, key, *values):
        self._at(key, list).extend(value.encode() for value in values)

    def zscore(self, key, member):
        return self._at(key, dict).get(member)

    def hkeys(self, key):
        return list(self._at(key, dict))

    def lpos(self, key, value, rank=1):
        listed = self._at(key, list)
        return listed.index(value.encode()) if value.encode() in listed else None

    def pipeline(self, transaction=True):
        return _Pipeline(self)


class _Pipeline:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._answers: list[Any] = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._answers = []

    def __getattr__(self, name):
        command = getattr(self._redis, name)
        return lambda *words, **options: self._answers.append(command(*words, **options))

    def execute(self) -> Sequence[Any]:
        return self._answers
