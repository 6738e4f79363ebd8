"""The former name of `streams.sdk.repeats`, kept until 1.0 for the programs that import it."""

import warnings

from streams.sdk.repeats import *  # noqa: F403

warnings.warn("streams.repeats is streams.sdk.repeats now; this name goes with 1.0", DeprecationWarning, 2)
