"""The bare limit: librdkafka, msgspec, one read and one write of Redis for 5,000 touchpoints; no fault handling."""

import os
import signal
import time

import msgspec
from confluent_kafka import Consumer
from redis import Redis

AT_ONCE = 5000


class Ids(msgspec.Struct):
    """Who."""

    customer_id: str


class Touchpoint(msgspec.Struct):
    """The fields of a touchpoint that the job reads."""

    type: str
    ids: Ids


def main() -> None:
    """Read until SIGTERM."""
    running = True

    def stop(_number: int, _frame: object) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP"],
            "group.id": os.environ["BENCH_GROUP"],
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([os.environ["BENCH_TOPIC"]])
    redis = Redis.from_url(os.environ["REDIS_URL"])
    decode = msgspec.json.Decoder(Touchpoint).decode
    count = 0
    while running:
        stages = {}
        # A short time-out, so that the last few touchpoints do not wait long.
        for message in consumer.consume(AT_ONCE, 0.1):
            if message.error() is None:
                touchpoint = decode(message.value())
                stages["stage:" + touchpoint.ids.customer_id] = touchpoint.type
                count += 1
        if stages:
            redis.mget(list(stages))
            redis.mset(stages)
            print(f"{time.time():.3f} {count}", flush=True)
    consumer.close()


if __name__ == "__main__":
    main()
