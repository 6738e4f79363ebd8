"""Quix Streams: a stateful update, kept in RocksDB with a changelog topic, as its documentation shows."""

import os
import threading
import time
from typing import Any, Final

from quixstreams import Application, State

REPORT_S: Final = 0.05
done = {"count": 0}


def keep(touchpoint: Any, state: State) -> None:
    """The latest stage of a customer."""
    state.get("stage")
    state.set("stage", touchpoint["type"])
    done["count"] += 1


def report() -> None:
    """Print how many touchpoints were applied, while there are more."""
    reported = 0
    while True:
        time.sleep(REPORT_S)
        if done["count"] != reported:
            reported = done["count"]
            print(f"{time.time():.3f} {reported}", flush=True)


def main() -> None:
    """Read until SIGTERM."""
    threading.Thread(target=report, daemon=True).start()
    app = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP"],
        consumer_group=os.environ["BENCH_GROUP"],
        auto_offset_reset="earliest",
        state_dir=os.environ["BENCH_STATE"],
        loglevel="WARNING",
    )
    touchpoints = app.dataframe(app.topic(os.environ["BENCH_TOPIC"], value_deserializer="json"))
    touchpoints.update(keep, stateful=True)
    app.run()


if __name__ == "__main__":
    main()
