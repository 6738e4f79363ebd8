import asyncio
from types import SimpleNamespace

from aiokafka.errors import KafkaConnectionError

from streams.stores.store import Lease
from streams.worker.metrics import WorkerMetrics
from streams.worker.transport import Bounds
from streams.worker.watchdog import LOOKS, Watchdog
from tests.flow.harness import WEB
from tests.virtual_time import run


class Reader:
    """Kafka's word on one topic."""

    def __init__(self, first: int, end: int) -> None:
        self.found: Bounds | Exception = Bounds(first, end, end)

    def is_at_end(self, topic, partition, applied):
        return False

    async def bounds(self, topics, partition):
        if isinstance(self.found, Exception):
            raise self.found
        return dict.fromkeys(topics, self.found)


def watch(reader: Reader, applied: int | None, idle_s: float = 100.0) -> tuple[Watchdog, WorkerMetrics, list[str]]:
    """A watchdog of one partition that has applied so far, and nothing for so long; it may be idle for 60 s."""
    metrics, stalls = WorkerMetrics(), []
    metrics.last_applied_s -= idle_s
    lease = None if applied is None else Lease(0, 1, {WEB: applied}, 0, [], 0)
    return Watchdog({0: SimpleNamespace(lease=lease)}, (WEB,), reader, metrics, 60.0, stalls.append), metrics, stalls


def test_work_that_waits_while_nothing_is_done_is_a_stall() -> None:
    """Records behind the applied offset and nothing applied for longer than it may take."""
    dog, metrics, stalls = watch(Reader(0, 30), applied=10)
    run(dog.look())
    assert (dog.waiting, len(stalls)) == (20, 1)
    assert metrics.registry.get_sample_value("tracker_lag_records", {"topic": WEB, "partition": "0"}) == 20


def test_a_partition_not_taken_yet_counts_as_waiting() -> None:
    """A worker that cannot take its partition does not go on looking alive."""
    dog, _, stalls = watch(Reader(5, 30), applied=None)
    run(dog.look())
    assert (dog.waiting, len(stalls)) == (25, 1)


def test_with_time_left_it_is_none() -> None:
    """A slow batch has its time."""
    dog, _, stalls = watch(Reader(0, 30), applied=10, idle_s=50)
    run(dog.look())
    assert stalls == []


def test_nothing_to_do_is_no_stall_and_gives_time_anew() -> None:
    """A quiet night, then a burst: the time counts from the burst."""
    reader = Reader(0, 10)
    dog, _, stalls = watch(reader, applied=10)
    run(dog.look())
    reader.found = Bounds(0, 30, 30)
    run(dog.look())
    assert (dog.waiting, stalls) == (20, [])


def test_an_outage_is_no_stall() -> None:
    """Whether Kafka does not answer or the store: starting anew would gain nothing."""
    reader = Reader(0, 30)
    dog, metrics, stalls = watch(reader, applied=10)
    reader.found = KafkaConnectionError("away")
    run(dog.look())
    reader.found = Bounds(0, 30, 30)
    metrics.last_applied_s -= 100
    metrics.outage("redis", "away")
    run(dog.look())
    assert stalls == []


def test_what_kafka_forgot_does_not_wait() -> None:
    """Records before the first one that Kafka holds are nobody's work."""
    dog, _, stalls = watch(Reader(30, 30), applied=10)
    run(dog.look())
    assert (dog.waiting, stalls) == (0, [])


def test_it_looks_several_times_within_the_time() -> None:
    """A stall is noticed soon after its time is over."""

    async def scenario() -> None:
        dog, _, stalls = watch(Reader(0, 30), applied=10)
        running = asyncio.ensure_future(dog.run())
        await asyncio.sleep(60 / LOOKS + 0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(stalls) == 1

    run(scenario())


def test_what_an_open_transaction_holds_back_is_lag_and_no_stall() -> None:
    """Nobody could apply it: the figure shows it, the process goes on."""
    reader = Reader(0, 30)
    reader.found = Bounds(0, 30, 10)
    dog, metrics, stalls = watch(reader, applied=10)
    run(dog.look())
    assert (stalls, dog.waiting) == ([], 0)
    assert metrics.registry.get_sample_value("tracker_lag_records", {"topic": WEB, "partition": "0"}) == 20
