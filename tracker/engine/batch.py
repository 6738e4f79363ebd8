"""A batch of one customer: the touches of one fold, and the result for each.

It knows no journey.
"""

from collections.abc import Sequence

from schemas.transition import Transition
from tracker.figures.tally import Tally
from tracker.records.log import Entry
from tracker.touch import Touch

# The result for a touch, as bits; each is set when it holds in any journey.
BEARING, DUPLICATE, LATE = 1, 2, 4

Item = tuple[Entry, int]
"""An entry and the place of its touch in the batch."""


class Batch:
    """The touches of one fold; `fates` holds the result bits by the place of the touch."""

    __slots__ = ("customer", "fates", "now_ms", "refused", "tally", "touches", "transitions")

    def __init__(self, customer: str, touches: Sequence[Touch], now_ms: int, tally: Tally) -> None:
        self.customer = customer
        self.touches = touches
        self.now_ms = now_ms
        self.tally = tally
        self.fates = bytearray(len(touches))
        self.transitions: list[Transition] = []
        self.refused = 0
