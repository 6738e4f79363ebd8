"""How long faults last: short by default, as long as in production with FAULTS=long."""

import os

LONG = os.environ.get("FAULTS") == "long"


def seconds(short: float, long: float) -> float:
    """The length of a fault in the profile that was asked for."""
    return long if LONG else short
