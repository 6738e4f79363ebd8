import pytest

from streams.simulator.stream import events
from streams.simulator.wish import DEFAULT_CUSTOMERS, DEFAULT_SPAN_MS, Wish, scenario

NOW_MS = 1_795_341_600_000


def test_a_rate_makes_it_live() -> None:
    """The first touchpoint happens now, and one message a rate's interval follows."""
    plan = scenario(Wish(rate=200, duration_s=60), NOW_MS)
    assert (plan.starts_ms, plan.interval_ms, plan.messages, plan.customers) == (NOW_MS, 5, 12_000, None)


@pytest.mark.parametrize("span_ms", [None, 3 * 86_400_000])
def test_without_a_rate_it_has_just_happened(span_ms) -> None:
    """Spread over the span before now, and nothing in the future."""
    plan = scenario(Wish(span_ms=span_ms), NOW_MS)
    times = [event.at_ms for event in events(plan) if not event.poison]
    assert plan.customers == DEFAULT_CUSTOMERS
    span_ms = span_ms or DEFAULT_SPAN_MS
    assert min(times) == NOW_MS - span_ms
    assert NOW_MS - span_ms * 0.06 < max(times) <= NOW_MS


def test_a_start_is_a_start() -> None:
    """A start that is given is the first touchpoint's, live or not."""
    assert scenario(Wish(rate=10, customers=5, starts_ms=5), NOW_MS).starts_ms == 5


def test_customers_and_duration_both_bound_it() -> None:
    """With both given, whichever ends first ends it; the messages are not bounded by themselves."""
    plan = scenario(Wish(rate=10, customers=5, duration_s=60), NOW_MS)
    assert (plan.customers, plan.messages) == (5, None)
