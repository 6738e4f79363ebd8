"""Trust: how the moments of what a browser says sort behind those of what a server says.

A browser's key can be read by anybody, so its ties are the last to count and the first to go. One number holds trust
and time: all that compares moments heeds trust by itself, in states and messages of the same form as before. It knows
numbers alone; `tracker/identity/ties.py` decides what follows.
"""

from typing import Final

from schemas.routed import BROWSER_MS

NEVER_MS: Final = 1 << 62
"""In place of a moment, where nothing was seen; later than all others."""


def ranked_ms(at_ms: int, *, is_browser: bool) -> int:
    """The moment (ms) of something seen, as it is kept and compared."""
    return at_ms + BROWSER_MS if is_browser else at_ms


def seen_ms(ranked: int) -> int:
    """The moment (ms) by the clock; NEVER_MS stays."""
    return ranked - BROWSER_MS if BROWSER_MS <= ranked < NEVER_MS else ranked


def trust_of(ranked: int) -> str | None:
    """`browser` or `server`, by whom it was seen; None where nobody has seen it."""
    return None if ranked == NEVER_MS else "server" if is_by_server(ranked) else "browser"


def is_by_server(ranked: int) -> bool:
    """Whether a server has seen it; of NEVER_MS nobody has."""
    return ranked < BROWSER_MS
