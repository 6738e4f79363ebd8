"""Idiomatic Faust with Redis: `async for event`, one GET and one SET for each."""

import os
import sys
import time

import faust
from redis.asyncio import Redis

REPORT_S = 0.05
app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=f"kafka://{os.environ['KAFKA_BOOTSTRAP']}",
    topic_allow_declare=False,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
)
topic = app.topic(os.environ["BENCH_TOPIC"], key_serializer="raw", value_serializer="json")
redis = Redis.from_url(os.environ["REDIS_URL"])


@app.agent(topic)
async def keep(touchpoints: faust.StreamT) -> None:
    """The latest stage of each customer."""
    count, report_at_s = 0, 0.0
    async for touchpoint in touchpoints:
        key = "stage:" + touchpoint["ids"]["customer_id"]
        await redis.get(key)
        await redis.set(key, touchpoint["type"])
        count += 1
        if (now_s := time.time()) >= report_at_s:
            report_at_s = now_s + REPORT_S
            # Faust's command line takes `print` for a warning to be logged.
            print(f"{now_s:.3f} {count}", file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    app.main()
