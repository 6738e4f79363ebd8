"""How many series the exporter serves for one journey, counted from the definition before any customer comes.

The names are the exporter's (`streams/exporter/series.py`); a test compares these numbers with what it serves.
"""

from typing import Final

from tracker.journey.definition import STATUSES, WITHIN_DAYS

AGES: Final = 28
"""Cohort days that the exporter shows one by one."""
COHORTS: Final = ("recent", "mature")
_CONVERSIONS: Final = len(WITHIN_DAYS) * len(COHORTS)

BY_STAGE: Final = len(STATUSES) + len(("reached", "visits", "dropoffs", "recoveries", "completions", "exits", "funnel"))
BY_STAGE_AND_VALUE: Final = len(STATUSES) + len(("reached", "visits", "dropoffs", "funnel"))
OF_HISTOGRAM: Final = len(("le inf", "count", "sum"))


def count(stages: int, values: int, bounds: int, scores: int) -> int:
    """The series of a journey, but for one a channel that it looks at.

    `values` are those of all segments, each with its `other`; `bounds` those of both histograms together.
    """
    stage = BY_STAGE + len(("place",)) + _CONVERSIONS + AGES + bounds + 2 * OF_HISTOGRAM
    # Who began, and how many of the cohorts are customers and have matured.
    journey = len(("begun", "corrections")) + 2 * _CONVERSIONS + AGES + scores
    value = stages * (BY_STAGE_AND_VALUE + _CONVERSIONS) + _CONVERSIONS + scores
    return stages * stage + journey + values * value
