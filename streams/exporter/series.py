"""The table of funnel series: each name once, with the figure of the aggregates that it shows.

All are gauges, also those that mostly grow: a correction, a merge or an erasure lowers them, and Prometheus takes a
counter that falls for one that was reset. `x - x offset 1h` is exactly what an hour added.
The age of the figures is here too, since it says how current all others are.
"""

from dataclasses import dataclass
from typing import Final, Literal

from streams.process.series import Series


@dataclass(frozen=True, slots=True)
class FunnelSeries:
    """One series of the exporter, read off a figure of `tracker/figures/fields.py`."""

    name: str
    help: str
    figure: str
    parts: tuple[str, ...] = ()
    """What it is broken down by besides the journey."""
    whole: tuple[str, ...] = ("journey",)
    kind: Literal["gauge"] = "gauge"

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, in order."""
        return (*self.whole, *self.parts)


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
    "tracker_funnel",
    "Customers whose funnel is at least as deep as the stage; of an optional stage, those who took it.",
    "funnel",
    ("stage",),
)
"""Apart from the others, because the aggregates count exact depths and this series sums them."""

_VALUE: Final = ("journey", "segment", "value")
BY_SEGMENT: Final = (
    FunnelSeries("tracker_segment_customers", "Customers of the segment value now in the stage, by status.", "current",
                 ("stage", "status"), _VALUE),
    FunnelSeries("tracker_segment_reached", "Customers of the segment value who ever reached the stage.", "reached",
                 ("stage",), _VALUE),
    FunnelSeries("tracker_segment_visits", "Times the stage was entered, by segment value.", "visits",
                 ("stage",), _VALUE),
    FunnelSeries("tracker_segment_dropoffs", "Drop-offs in the stage, by segment value.", "dropoffs",
                 ("stage",), _VALUE),
)  # fmt: skip
DEEP_BY_SEGMENT: Final = FunnelSeries(
    "tracker_segment_funnel",
    "Customers of the segment value whose funnel is at least so deep; of an optional stage, those who took it.",
    "funnel", ("stage",), _VALUE,
)  # fmt: skip

ANSWERS: Final = FunnelSeries(
    "tracker_feedback_customers", "Customers whose latest answer to a survey was this score.", "feedback",
    ("kind", "score"),
)  # fmt: skip
ANSWERS_BY_SEGMENT: Final = FunnelSeries(
    "tracker_segment_feedback_customers", "Customers of the segment value whose latest answer was this score.",
    "feedback", ("kind", "score"), _VALUE,
)  # fmt: skip

COHORT_CUSTOMERS: Final = Series(
    "tracker_cohort_customers", "gauge",
    "Customers whose journey began on one of 28 UTC days: the newest (recent), or the newest for all of whose "
    "customers so many days have passed since (mature).",
    ("journey", "days", "cohort"),
)  # fmt: skip
COHORT_MATURED: Final = Series(
    "tracker_cohort_matured", "gauge",
    "Those of the cohort for whom so many days have passed since they began, by whole UTC days.",
    ("journey", "days", "cohort"),
)  # fmt: skip
COHORT_REACHED: Final = Series(
    "tracker_cohort_reached", "gauge",
    "Those of the cohort who have reached the stage within so many days of their beginning.",
    ("journey", "stage", "days", "cohort"),
)  # fmt: skip
SEGMENT_COHORT_CUSTOMERS: Final = Series(
    "tracker_segment_cohort_customers", "gauge", "Customers of the cohort, by segment value.",
    (*_VALUE, "days", "cohort"),
)  # fmt: skip
SEGMENT_COHORT_REACHED: Final = Series(
    "tracker_segment_cohort_reached", "gauge",
    "Those of the cohort who have reached the stage within so many days, by segment value.",
    (*_VALUE, "stage", "days", "cohort"),
)  # fmt: skip
COHORT_AGE_CUSTOMERS: Final = Series(
    "tracker_cohort_age_customers", "gauge", "Customers whose journey began so many UTC days ago.",
    ("journey", "age_days"),
)  # fmt: skip
COHORT_AGE_REACHED: Final = Series(
    "tracker_cohort_age_reached", "gauge", "Those who began so many UTC days ago and have reached the stage.",
    ("journey", "stage", "age_days"),
)  # fmt: skip
COHORTS: Final = (
    COHORT_CUSTOMERS, COHORT_MATURED, COHORT_REACHED, SEGMENT_COHORT_CUSTOMERS, SEGMENT_COHORT_REACHED,
    COHORT_AGE_CUSTOMERS, COHORT_AGE_REACHED,
)  # fmt: skip

STAY: Final = Series(
    "tracker_stage_stay_seconds", "histogram",
    "Time that customers who are not in the stage any more have spent there, all their visits together.",
    ("journey", "stage"),
)  # fmt: skip
"""It shows the present, not a history: a customer who comes back and leaves again moves to a higher bucket."""
CONVERT: Final = Series(
    "tracker_stage_convert_seconds", "histogram",
    "Time from the beginning of their journey to the stage, of customers who did not begin in it.",
    ("journey", "stage"),
)  # fmt: skip

STAGE_PLACE: Final = Series(
    "tracker_stage_place", "gauge", "The stage's place in the journey, counted from 1.", ("journey", "stage")
)
JOURNEY_CHANNELS: Final = Series(
    "tracker_journey_channels", "gauge", "1 for each channel that a stage of the journey looks at.",
    ("journey", "channel"),
)  # fmt: skip
DECLARED: Final = (STAGE_PLACE, JOURNEY_CHANNELS)

STATES_OUTDATED: Final = Series(
    "tracker_states_outdated", "gauge",
    "States that may be of an earlier definition of the journey; its figures are mixed until there are none.",
    ("journey",),
)  # fmt: skip
DEFINITION_CHANGED: Final = Series(
    "tracker_definition_changed_time_seconds", "gauge",
    "Unix time at which what the journey counts was last changed; 0 where it never was.", ("journey",),
)  # fmt: skip
DEFINITION_VERSION: Final = Series(
    "tracker_definition_version", "gauge", "The version of the journey by which the figures are counted.", ("journey",)
)
JOURNEY_COMPLETE: Final = Series(
    "tracker_journey_complete", "gauge", "0 while states of the journey may be of an earlier definition.", ("journey",)
)
DEFINED: Final = (STATES_OUTDATED, DEFINITION_CHANGED, DEFINITION_VERSION, JOURNEY_COMPLETE)
"""About the definitions that the figures are counted by."""

_OF_SHADOW: Final = ("journey", "version", "role")
SHADOW_BEHIND: Final = Series(
    "tracker_shadow_behind_records", "gauge",
    "Touchpoints that the served build has applied and the shadow has not; absent without a shadow.",
)  # fmt: skip


def _of_shadow(of: "FunnelSeries | Series") -> tuple[Series, "FunnelSeries | Series"]:
    name = of.name.replace("tracker_", "tracker_shadow_", 1)
    return Series(name, "gauge", f"Of a shadow: {of.help}", (*_OF_SHADOW, *of.labels[1:])), of


_FUNNEL_OF_SHADOW: Final[tuple[FunnelSeries | Series, ...]] = (*(FUNNEL[place] for place in (0, 1, 2, 4)), DEEP)
SHADOW: Final = tuple(_of_shadow(one) for one in (*_FUNNEL_OF_SHADOW, COHORT_CUSTOMERS, COHORT_REACHED))
"""The series of a shadow, each with the served one that is counted alike."""
FRESHNESS: Final = (
    Series("tracker_figures_age_seconds", "gauge", "Time since the figures were last read from Redis."),
    Series("tracker_figures_changed_time_seconds", "gauge", "Unix time at which a worker's progress was last seen."),
    Series("tracker_figures_redis_available", "gauge", "1 when Redis gave the figures at the last attempt."),
    Series("tracker_figures_read_seconds", "gauge", "Time that the last reading of the figures took."),
    Series("tracker_figures_complete", "gauge",
           "0 while a partition is applied less far than it was seen before, or no worker looks after it."),
    Series("tracker_partitions_neglected", "gauge",
           "Partitions that no worker has looked after for longer than a rebalance takes: nothing of them is applied."),
    Series("tracker_partitions", "gauge", "Partitions that workers must own together."),
    Series("tracker_applied_records", "gauge", "Offset up to which a topic is applied, over its partitions.",
           ("topic",)),
)  # fmt: skip

COUNTED: Final = (
    *FUNNEL, DEEP, *BY_SEGMENT, DEEP_BY_SEGMENT, *COHORTS, ANSWERS, ANSWERS_BY_SEGMENT, *DECLARED,
)  # fmt: skip
"""All series that are counted from the figures of one moment, except the histograms."""
HISTOGRAMS: Final = (STAY, CONVERT)
EXPORTED: Final = (*FRESHNESS, *DEFINED, *COUNTED, *HISTOGRAMS, *(one for one, _ in SHADOW), SHADOW_BEHIND)
"""Every series of the exporter."""
