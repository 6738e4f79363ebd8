"""How long a scrape and a reading take: 64 partitions, 10 journeys of 9 stages, 12 segment values.

    python bench/exporter/scrape.py [DAYS]

It fills a Redis of its own with every aggregate that these journeys can have over DAYS cohort days (28), then reads
and scrapes over HTTP as Prometheus does, also while a reading is under way.

Measured on two cores that seven others used, 28 days (181,380 aggregates a partition): a reading takes 8.5 s of CPU
(1.06 s for 8 partitions whose names are known), 24 to 58 s by the clock; a scrape of 25,176 samples 4 ms, while reading
2 ms (worst 15 ms), the first one after a start 372 ms. Written at each scrape it took 195 ms, while reading 365 ms.
"""

import asyncio
import statistics
import sys
import time
import urllib.request

from redis import Redis

from streams.definitions.served import Served
from streams.exporter.exporter import Exporter
from streams.exporter.figures import read
from streams.servers.process_group import ProcessGroup
from streams.servers.redis import RedisServer
from streams.stores.keys import keys
from tracker.figures.fields import DAY_MS, WITHIN, bucket_names, day_of
from tracker.journey.definition import BOUNDS_MS, STATUSES, Definition
from tracker.journey.file import read as read_journey

BUCKETS = bucket_names(BOUNDS_MS)
PARTITIONS, JOURNEYS, STAGES, VALUES = 64, 10, 9, 11  # and `other`, the twelfth
SCRAPES = 20


def journey(number: int) -> Definition:
    """One of the ten."""
    stages = "\n".join(
        f"  - {{name: stage{at}, touchpoints: [{{type: t{at}}}], drops_after: 7d}}" for at in range(STAGES)
    )
    values = ", ".join(f"v{at}" for at in range(VALUES))
    text = f"""
journey: journey{number}
version: 1
stages:
{stages}
funnel: {{window: 7d}}
segments:
  kind: {{from: context.kind, values: [{values}]}}
feedback:
  nps: {{type: Survey Answered}}
"""
    found, problems = read_journey(text, "bench.yaml")
    assert found, problems
    return found


def fields(days: int) -> list[str]:
    """Every aggregate that these journeys can have."""
    today = int(time.time() * 1000) // DAY_MS
    ends = ["", *(f"|kind=v{at}" for at in range(VALUES)), "|kind=other"]
    dates = [day_of((today - age) * DAY_MS) for age in range(days)]
    found = []
    for number in range(JOURNEYS):
        name = f"journey{number}"
        found += [f"{name}|cohort|{date}{end}" for date in dates for end in ends]
        for at in range(STAGES):
            stage = f"stage{at}"
            found += [f"{name}|funnel|{date}|{stage}{end}" for date in dates for end in ends]
            found += [f"{name}|reached|{date}|{stage}|{days}{end}"
                      for date in dates for days in WITHIN for end in ends]  # fmt: skip
            found += [f"{name}|current|{stage}|{status}{end}" for status in STATUSES for end in ends]
            found += [f"{name}|{figure}|{stage}{end}"
                      for figure in ("visits", "dropoffs", "recoveries", "exits") for end in ends]  # fmt: skip
            for figure, sums in (("stay", "seconds"), ("convert", "convert_seconds")):
                found += [f"{name}|{figure}|{stage}|{bucket}" for bucket in BUCKETS] + [f"{name}|{sums}|{stage}"]
        found += [f"{name}|feedback|nps|{score}{end}" for score in range(11) for end in ends]
    return found


def fetch(address: str) -> tuple[float, int, int]:
    """Seconds, bytes and samples of a scrape."""
    began = time.perf_counter()
    with urllib.request.urlopen(address, timeout=60) as answer:
        body = answer.read()
    return time.perf_counter() - began, len(body), sum(not line.startswith(b"#") for line in body.splitlines())


async def measure(exporter: Exporter) -> None:
    """Read, then scrape at rest and under a reading."""
    began = time.perf_counter()
    await exporter.look()
    print(
        f"reading and counting   {time.perf_counter() - began:8.2f} s   (of that Redis {exporter.latest.took_s:.2f} s)"
    )
    port = await exporter.pages.start("127.0.0.1", 0)
    address = f"http://127.0.0.1:{port}/metrics"
    for what, busy in (("at rest", False), ("while reading", True)):
        looking = asyncio.create_task(exporter.keep_looking()) if busy else None
        took = [await asyncio.to_thread(fetch, address) for _ in range(SCRAPES)]
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        times = sorted(each[0] * 1000 for each in took)
        print(f"scrape {what:14s}  {statistics.median(times):8.0f} ms median {times[-1]:6.0f} ms worst, "
              f"{took[0][2]:,} samples, {took[0][1] / 1e6:.1f} MB")  # fmt: skip
    await exporter.pages.stop()


def main() -> None:
    """Everything, with a Redis that ends with it."""
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 28
    every = fields(days)
    with ProcessGroup() as group:
        server = RedisServer(group, port=None, options={"appendonly": "no"}, directory=group.directory / "redis")
        server.start()
        with Redis.from_url(server.url) as client:
            pipe = client.pipeline(transaction=False)
            mapping = dict.fromkeys(every, 7)
            for partition in range(PARTITIONS):
                pipe.hset(keys(partition).aggregates, mapping=mapping)
                pipe.hset(keys(partition).offsets, mapping={"touchpoints.web": 1000})
                pipe.execute()
            print(f"{len(every):,} aggregates in each of {PARTITIONS} partitions, {days} cohort days")
            exporter = Exporter(
                Served.of([journey(number) for number in range(JOURNEYS)]),
                ["touchpoints.web"],
                lambda: read(client, PARTITIONS),
            )
            asyncio.run(measure(exporter))
        server.stop()


if __name__ == "__main__":
    main()
