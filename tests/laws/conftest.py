"""How many examples the laws are tried on: `LAWS=quick|ci|long` (docs/replay.md); `ci` where CI is set."""

import os

import pytest
from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
# By profile: the time-out of one law in seconds. A small machine that does other things too tries 20 examples a second.
TIMEOUTS_S = {"quick": 300, "ci": 1_200, "long": 6 * 3600}
PROFILE = os.environ.get("LAWS", "ci" if os.environ.get("CI") else "quick")

settings.register_profile("laws-quick", max_examples=300, deadline=None, derandomize=True, suppress_health_check=SLOW)
# The same examples on every machine, so that a change that passes here passes there.
settings.register_profile("laws-ci", max_examples=1_000, deadline=None, derandomize=True, suppress_health_check=SLOW)
# New examples each time.
settings.register_profile("laws-long", max_examples=30_000, deadline=None, print_blob=True, suppress_health_check=SLOW)
settings.load_profile(f"laws-{PROFILE}")


def pytest_collection_modifyitems(items):
    """Gives each law the time that its profile needs."""
    for item in items:
        if "tests/laws" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(TIMEOUTS_S[PROFILE]))
