"""Accounts on a real Kafka, a real Redis and two workers, one of which is killed half-way."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from kafka import KafkaProducer

from streams.clients.topic_shapes import create
from streams.settings.settings import packaged_journeys
from streams.settings.settings import read as read_settings
from tests.integration.test_tools import Installation
from tests.servers import start_private_servers, wait_until
from tracker.identity.kinds import strongest

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(240)]
AT_MS, DAY_MS = 1_795_000_000_000, 86_400_000
COUNT = 60


@dataclass
class Market(Installation):
    """Companies of three people, of whom each takes steps of their own."""

    partitions: int = 4

    @property
    def environ(self) -> dict[str, str]:
        return super().environ | {"TRACKER_JOURNEYS": str(packaged_journeys() / "b2b.yaml")}

    def see(self, accounts: range, half: int) -> None:
        """Half of what happens to companies; who reads a report first is a visitor without a name."""
        producer = KafkaProducer(bootstrap_servers=self.kafka)
        for number in accounts:
            head, it, buys, visit = (f"{kind}{number}" for kind in ("head", "it", "buys", "visit"))
            firm = {"account_id": f"firm{number}"}
            steps = [
                ({"anonymous_id": visit}, "Report Downloaded", "web", 0),
                (firm | {"customer_id": it}, "Pilot Started", "web", 3),
                (firm | {"customer_id": head, "anonymous_id": visit}, "Handbook Read", "web", 2),
                (firm | {"customer_id": buys}, "Contract Signed", "shop", 9),
            ][2 * half : 2 * half + 2]
            for ids, type_, channel, days in steps:
                event = {"event_id": f"{type_}{number}", "type": type_, "channel": channel, "ids": ids}
                value = json.dumps(event | {"occurred_at": AT_MS + days * DAY_MS}).encode()
                producer.send(f"touchpoints.{channel}", key=(strongest(ids) or "").encode(), value=value)
        producer.flush()
        producer.close()

    def came_to(self, stage: str) -> int:
        """How many companies came to a stage."""
        return self.figures().by("b2b_accounts", "reached", "stage").get((stage,), 0)


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    with start_private_servers() as servers:
        made = Market(servers.kafka().bootstrap, servers.redis().url)
        create(read_settings(made.environ))
        yield made


def test_companies_are_whole_after_a_kill(market: Market) -> None:
    """Every company has come to what its people have, the visitor among them; figures and records agree."""
    with ExitStack() as workers:
        first, _ = (workers.enter_context(market.running("worker")) for _ in range(2))
        market.see(range(COUNT), 0)
        wait_until(lambda: market.came_to("pilot") > COUNT // 3, 60)
        first.send_signal(signal.SIGKILL)
        market.see(range(COUNT), 1)
        wait_until(lambda: market.came_to("purchase") == market.came_to("awareness") == COUNT, 90)
        wait_until(lambda: market.printed("audit")["ok"], 30)
    assert [market.came_to(stage) for stage in ("pilot", "purchase", "expansion")] == [COUNT, COUNT, 0]
    found = market.printed("show", "account_id:firm7")
    [account] = [one for journey in found["journeys"] for one in journey["instances"]]
    assert (account["current"], account["status"], account["funnel_depth"]) == ("purchase", "completed", 3)
    assert {one["person"]: list(one["reached"]) for one in found["people"]} == {
        "head7": ["awareness"],
        "it7": ["pilot"],
        "buys7": ["purchase"],
    }
