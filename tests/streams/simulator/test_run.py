import pytest

from streams.simulator.run import Simulation
from streams.simulator.stream import Scenario
from streams.simulator.targets import Confirmations, DeliveryFailed
from streams.simulator.truth import Truth


class Sink:
    """A target that confirms everything, up to a limit."""

    def __init__(self, limit: int = 10**9) -> None:
        self.delivery = Confirmations()
        self.limit = limit

    def send(self, event) -> None:
        self.delivery.sent += 1
        if self.delivery.sent > self.limit:
            self.delivery.failed += 1
            self.delivery.first_error = "full"

    def finish(self) -> Confirmations:
        self.delivery.confirmed = min(self.delivery.sent, self.limit)
        return self.delivery


SCENARIO = Scenario(starts_ms=1_795_341_600_000, interval_ms=1, customers=1_000)


def test_the_report_is_the_truth() -> None:
    """What was sent, by kind and channel, and the funnel it makes."""
    reported: list[int] = []
    report = Simulation(SCENARIO, Sink(), Truth()).run(reported.append)
    assert report.funnel["awareness"] == report.customers == 1_000
    assert report.messages == report.confirmed == sum(report.by_channel.values()) == reported[-1]
    assert report.messages == report.touchpoints + report.copies + sum(report.poison.values())


def test_it_ends_at_the_first_failure() -> None:
    """A target that fails is not filled up any further."""
    sink = Sink(limit=10)
    with pytest.raises(DeliveryFailed, match="1 of 11 messages were not confirmed: full"):
        Simulation(SCENARIO, sink, Truth()).run()


def test_it_can_be_stopped() -> None:
    """Stopped from outside, it reports what it has sent until then."""
    run = Simulation(SCENARIO, Sink(), Truth())
    run.stop()
    assert run.run().messages == 0
