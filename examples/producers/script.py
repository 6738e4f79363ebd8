"""A plain script: yesterday's visits to the stores, counted by hand, as touchpoints of the channel `shop`.

python examples/producers/script.py visits.csv, with the columns store, member and at (2026-11-21T14:05:00+01:00).
Run it as often as you like: the same line is the same event.
"""

import csv
import sys
from datetime import datetime
from pathlib import Path

from streams.errors import TrackerError
from streams.sdk.producer import Producer, connect, event_id


def send(producer: Producer, path: Path) -> int:
    """Sends a line each; how many there were."""
    sent = 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            producer.touch(
                "shop",
                "Store Visited",
                customer_id=row["member"],
                event_id=event_id("visit", row["store"], row["member"], row["at"]),
                occurred_at=datetime.fromisoformat(row["at"]),
                properties={"store": row["store"]},
                context={"physical": True},
            )
            sent += 1
    producer.flush()
    return sent


def main() -> int:
    """One line for whatever goes wrong, and an exit code."""
    try:
        with connect() as producer:
            print(f"{send(producer, Path(sys.argv[1]))} visits sent, all confirmed by Kafka")
    except TrackerError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
