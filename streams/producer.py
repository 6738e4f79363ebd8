"""The former name of `streams.sdk.producer`, kept until 1.0 for the programs that import it."""

import warnings

from streams.sdk.producer import *  # noqa: F403

warnings.warn("streams.producer is streams.sdk.producer now; this name goes with 1.0", DeprecationWarning, 2)
