"""A job for cron: what is new at a help desk, as touchpoints of the channel `support`.

python examples/producers/help_desk.py https://desk.example.com/api/events position.txt. The desk is asked for what came
after the position, which is written down only when Kafka has everything before it: a crash repeats, and never skips.
"""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from streams.errors import TrackerError
from streams.sdk.producer import Producer, connect, event_id

TYPES = {"created": "Ticket Opened", "solved": "Ticket Solved", "rated": "Satisfaction Rated"}


def bring(producer: Producer, news: Iterable[dict[str, Any]]) -> str | None:
    """Sends what is new, in order; the place of the last one, when Kafka has all of them."""
    last = None
    for one in news:
        properties = {"ticket_id": str(one["ticket"]), "priority": one.get("priority") or "normal"}
        if one["what"] == "rated":
            properties |= {"score": one["score"], "scale": "csat"}
        producer.touch(
            "support",
            TYPES[one["what"]],
            customer_id=one.get("customer"),
            email=one.get("email"),
            event_id=event_id("desk", one["ticket"], one["what"], one["at"]),
            occurred_at=one["at"],
            properties=properties,
        )
        last = str(one["id"])
    producer.flush()
    return last


def run(producer: Producer, ask: Callable[[str], Iterable[dict[str, Any]]], position: Path) -> None:
    """One round: from the position that is written down to the newest."""
    after = position.read_text(encoding="utf-8").strip() if position.exists() else ""
    last = bring(producer, ask(after))
    if last is not None:
        draft = position.with_suffix(".new")
        draft.write_text(last, encoding="utf-8")
        draft.replace(position)


def main() -> int:
    """One line for whatever goes wrong, and an exit code."""
    address, position = sys.argv[1], Path(sys.argv[2])

    def ask(after: str) -> Iterable[dict[str, Any]]:
        with urlopen(f"{address}?after={quote(after)}", timeout=30) as answer:  # noqa: S310  # the address is ours
            return json.load(answer)

    try:
        with connect() as producer:
            run(producer, ask, position)
    except TrackerError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
