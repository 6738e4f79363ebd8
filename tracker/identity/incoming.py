"""What a batch brings for one name besides its own touchpoints: the names it was seen with, and messages."""

import msgspec

from schemas.routed import Adopted, Clearance, Enrolled, Forget, History, Member, Release, Ruling, Tie
from tracker.touch import Touch

Original = tuple[bytes, int | None]
"""A touchpoint's bytes, and the time (ms) at which the broker first received them."""


class Incoming(msgspec.Struct, gc=False):
    """What a batch brings for one name besides its own touchpoints."""

    links: list[tuple[str, int, str]] = []
    """Weaker names that it was seen with, when (ms, by `tracker/identity/trust.py`), and in which touchpoint."""
    originals: list[Original] = []
    """For a name that may belong to another: its own touchpoints as bytes, in the order of the touches."""
    under: list[tuple[str, Touch]] = []
    """Touchpoints of its aliases that count for it, each with its alias."""
    messages: list[Tie | Ruling | Clearance | History | Release | Adopted | Forget | Member | Enrolled] = []
    late: list[Tie | Member] = []
    """Messages that replace the one before, but came outside of their sender's order: a newer one may be here already.
    Their sender is asked how things stand."""
