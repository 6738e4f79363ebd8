"""A wish: how many customers, how fast and how long a caller asked for; and the scenario that follows from it.

The present time is an argument.
"""

from dataclasses import dataclass

from streams.errors import UsageError
from streams.simulator.deviations import LIVELY, Deviations
from streams.simulator.stream import Scenario

# Without a rate the times of sending are unknown, so the stream's touchpoints spread over the last hour.
DEFAULT_SPAN_MS = 3_600_000
SPAN_KEPT_FREE = 0.03
DEFAULT_CUSTOMERS = 10_000
# The most that kafka-python can send: the rate of the stream's clock where neither rate nor number is given.
FASTEST_PER_S = 10_000


@dataclass(frozen=True, slots=True)
class Wish:
    """The parameters that were asked for; None: not given."""

    seed: int = 1
    customers: int | None = None
    rate: float | None = None
    duration_s: float | None = None
    span_ms: int | None = None
    """The time that the touchpoints spread over, ending when the simulation begins."""
    starts_ms: int | None = None
    """When the first touchpoint happens."""
    deviations: Deviations = LIVELY


def scenario(wish: Wish, now_ms: int) -> Scenario:
    """The scenario for a wish. Raises UsageError where it contradicts itself."""
    _check(wish)
    customers = wish.customers
    if customers is None and wish.duration_s is None:
        customers = DEFAULT_CUSTOMERS
    messages = None
    if wish.duration_s is not None and wish.rate is not None and customers is None:
        messages = max(round(wish.duration_s * wish.rate), 1)
    draft = Scenario(
        starts_ms=now_ms,
        interval_ms=1,
        seed=wish.seed,
        customers=customers,
        messages=messages,
        deviations=wish.deviations,
    )
    live = wish.rate is not None and wish.span_ms is None
    if live:
        interval_ms = 1000 / (wish.rate or 1)
        starts_ms = now_ms
    else:
        span_ms = DEFAULT_SPAN_MS if wish.span_ms is None else wish.span_ms
        expected = draft.expected_messages or round((wish.duration_s or 1) * FASTEST_PER_S)
        # A part of the span is kept free, so that more duplicates than expected do not lie in the future.
        interval_ms = span_ms * (1 - SPAN_KEPT_FREE) / max(expected, 1)
        starts_ms = now_ms - span_ms
    return Scenario(
        starts_ms=starts_ms if wish.starts_ms is None else wish.starts_ms,
        interval_ms=interval_ms,
        seed=wish.seed,
        customers=customers,
        messages=messages,
        deviations=wish.deviations,
    )


def _check(wish: Wish) -> None:
    if wish.rate is not None and wish.rate <= 0:
        raise UsageError(f"--rate is {wish.rate:g}.", "Give the messages a second, such as 200.")
    if wish.customers is not None and wish.customers < 1:
        raise UsageError(f"--customers is {wish.customers}.", "Give at least 1.")
    if wish.duration_s is not None and wish.duration_s <= 0:
        raise UsageError("--duration is 0.", "Give a time such as 30s or 5m.")
