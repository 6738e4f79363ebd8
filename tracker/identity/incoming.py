"""What a batch brings for one name, besides the name's own touchpoints: whom it was seen with, and messages for it."""

import msgspec

from schemas.routed import Adopted, Enrolled, Forget, History, Member, Release, Ruling, Tie
from tracker.touch import Touch

Original = tuple[bytes, int | None]
"""A touchpoint's bytes, and when the broker first had them."""


class Incoming(msgspec.Struct, gc=False):
    """What a batch brings for one name besides its own touchpoints."""

    links: list[tuple[str, int, str]] = []
    """Weaker names that it was seen with, when (ms), and in which touchpoint."""
    originals: list[Original] = []
    """Of a name that may belong to another: its own touchpoints as they came, in the order of the touches."""
    under: list[tuple[str, Touch]] = []
    """Touchpoints that count for it, and the alias under which each came."""
    messages: list[Tie | Ruling | History | Release | Adopted | Forget | Member | Enrolled] = []
