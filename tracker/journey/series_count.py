"""The number of series that the exporter serves for one journey, computed from the definition alone.

The names are the exporter's (`streams/exporter/series.py`); a test compares these numbers with what it serves.
"""

from typing import Final

from tracker.journey.definition import STATUSES, WITHIN_DAYS

AGES: Final = 28
"""Cohort days that the exporter serves one by one."""
COHORTS: Final = ("recent", "mature")
_CONVERSIONS: Final = len(WITHIN_DAYS) * len(COHORTS)

BY_STAGE: Final = len(STATUSES) + len(("reached", "visits", "dropoffs", "recoveries", "completions", "exits", "funnel"))
BY_STAGE_AND_VALUE: Final = len(STATUSES) + len(("reached", "visits", "dropoffs", "funnel"))
OF_HISTOGRAM: Final = len(("le inf", "count", "sum"))


def count(stages: int, values: int, bounds: int, scores: int) -> int:
    """The number of series of a journey, without the one for each channel that it names.

    `values`: the number of values of all segments, with an `other` for each segment. `bounds`: the number of bounds of
    both histograms together.
    """
    stage = BY_STAGE + len(("place",)) + _CONVERSIONS + AGES + bounds + 2 * OF_HISTOGRAM
    # Customers who began, and by cohort the number of customers and of mature ones.
    journey = len(("begun", "corrections")) + 2 * _CONVERSIONS + AGES + scores
    value = stages * (BY_STAGE_AND_VALUE + _CONVERSIONS) + _CONVERSIONS + scores
    return stages * stage + journey + values * value
