"""How many examples the laws are tried on: `LAWS=quick|ci|long` (see docs/replay.md), `ci` unless said."""

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("laws-quick", max_examples=200, deadline=None, derandomize=True, suppress_health_check=SLOW)
# The same examples on every machine, so that a change that passes here passes there.
settings.register_profile("laws-ci", max_examples=2_000, deadline=None, derandomize=True, suppress_health_check=SLOW)
# New examples each time.
settings.register_profile("laws-long", max_examples=30_000, deadline=None, print_blob=True, suppress_health_check=SLOW)
settings.load_profile(f"laws-{os.environ.get('LAWS', 'ci')}")
