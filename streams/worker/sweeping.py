"""Sweeping: the plan for customers whose timer is due, also where the tracker fails with some of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import structlog

from streams.stores.store import DROPPED, Lease
from streams.worker.halving import Unforeseen, describe, failing, frames
from tracker.engine.migration import UnknownDefinitionError
from tracker.planning.plan import Plan
from tracker.planning.planner import Planner
from tracker.records.state import UnreadableStateError
from tracker.records.timer import DAY_MS

log = structlog.get_logger()

LOGGED: Final = 5
"""Records or timers of one batch that were set aside; the rest is in `touchpoints.rejected`, or only counted."""
CANNOT_HEAL: Final = (UnreadableStateError, UnknownDefinitionError, MemoryError)
"""What no record is to blame for: it ends the process, and nothing is set aside."""


@contextmanager
def unforeseen() -> Iterator[None]:
    """Raise as `Unforeseen` what a record or a customer may be to blame for; what is nobody's passes."""
    try:
        yield
    except CANNOT_HEAL:
        raise
    except Exception as error:
        raise Unforeseen from error


async def swept(planner: Planner, lease: Lease, states: Mapping[str, bytes | None], now_ms: int) -> Plan:
    """Step 5 of a sweep. Customers with whom it fails are looked at again a day later, their states untouched."""

    def attempt(names: Sequence[str]) -> Plan:
        some = {name: states[name] for name in names}
        with unforeseen():
            return planner.sweep(lease.partition, some, now_ms, lease.published.get(DROPPED, 0))

    try:
        return attempt(list(states))
    except Unforeseen:
        culprits = await failing(list(states), attempt)
    plan = attempt([name for name in states if name not in culprits])
    # A day, so that the version that mends the fault heals it by itself, and the fault stays in sight until then.
    plan.timers |= dict.fromkeys(culprits, now_ms + DAY_MS)
    plan.counts["timers set aside"] = len(culprits)
    log.error("timers set aside", partition=lease.partition, customers=len(culprits), first=[
        f"{planner.erasure.digest(name).hex()}: {describe(error)} {' '.join(frames(error))}"
        for name, error in list(culprits.items())[:LOGGED]
    ])  # fmt: skip
    return plan
