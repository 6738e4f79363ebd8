"""The table of funnel series: each name once, with the figure of the aggregates that it shows.

All are gauges, also those that mostly grow: a correction, a merge or an erasure lowers them, and Prometheus would
take a counter that falls for one that began again. `x - x offset 1h` is what was added in an hour, exactly.
The age of the figures lives here too, for it says what all the others are worth.
"""

from dataclasses import dataclass
from typing import Final

from streams.series import Series


@dataclass(frozen=True, slots=True)
class FunnelSeries:
    """One series of the exporter, read off a figure of `tracker/contribution.py`."""

    name: str
    help: str
    figure: str
    parts: tuple[str, ...] = ()
    """What it is broken down by besides the journey."""


FUNNEL: Final = (
    FunnelSeries("tracker_customers", "Customers now in the stage, by status.", "current", ("stage", "status")),
    FunnelSeries("tracker_journeys_begun", "Customers whose journey has begun.", "cohort"),
    FunnelSeries("tracker_stage_reached", "Customers who ever reached the stage.", "reached", ("stage",)),
    FunnelSeries("tracker_stage_visits", "Times the stage was entered.", "visits", ("stage",)),
    FunnelSeries("tracker_stage_dropoffs", "Drop-offs in the stage.", "dropoffs", ("stage",)),
    FunnelSeries("tracker_stage_recoveries", "Drop-offs after which the customer came back.", "recoveries", ("stage",)),
    FunnelSeries("tracker_stage_completions", "Customers who reached the stage, a goal.", "completions", ("stage",)),
    FunnelSeries("tracker_stage_exits", "Customers who left the journey in the stage.", "exits", ("stage",)),
    FunnelSeries("tracker_corrections", "Reports that late touchpoints have changed.", "corrections"),
)
DEEP: Final = FunnelSeries(
    "tracker_funnel", "Customers whose funnel is at least as deep as the stage.", "funnel", ("stage",)
)
"""Apart from the others because the aggregates count the exact depth."""

FRESHNESS: Final = (
    Series("tracker_figures_age_seconds", "gauge", "Time since the figures were last read from Redis."),
    Series("tracker_figures_changed_time_seconds", "gauge", "Unix time at which a worker's progress was last seen."),
    Series("tracker_figures_redis_available", "gauge", "1 when Redis gave the figures at the last attempt."),
    Series("tracker_figures_read_seconds", "gauge", "Time that the last reading of the figures took."),
    Series("tracker_applied_records", "gauge", "Offset up to which a topic is applied, over its partitions.",
           ("topic",)),
)  # fmt: skip
