"""The dashboards as tables: Funnel, Journey health, Pipeline, Alerts. Each line is a panel with what it asks."""

from typing import Final

from panels import Board, J, Panel, by_choice, by_query, in_order, joined, matrix, new_in, sorted_by, zero

JOURNEY: Final = by_query("journey", "Journey", "label_values(tracker_stage_place, journey)")


AGE: Final = Panel(
    "Age of the figures", "stat", (("min(tracker_figures_age_seconds)", ""),), "s", 4, 4,
    "Everything here is as old as this says.", thresholds=(("orange", 15), ("red", 60)),
)  # fmt: skip
LAG: Final = Panel(
    "Touchpoints waiting", "stat", (("sum(topic:tracker_lag_records:sum)", ""),), "short", 4, 4,
    "Not yet in the figures.", thresholds=(("orange", 1000), ("red", 100_000)),
)  # fmt: skip
COMPLETE: Final = Panel(
    "Figures complete", "stat", (("min(tracker_figures_complete)", ""),), "bool_yes_no", 4, 4,
    "No while Redis is being built anew: then all figures are too low.",
)  # fmt: skip
CONVERSION: Final = "journey_stage_days_cohort:tracker_cohort_conversion:ratio"
COHORT: Final = f'{{{J}, days="$days", cohort="$cohort"}}'
PART: Final = f'max by (value, stage) (tracker_segment_funnel{{{J}, segment="$segment"}}) > 0'
BY_VALUE: Final = f'label_join({in_order(PART)}, "order", "", "value", "place")'
VALUE: Final = f'{{{J}, segment="$segment", days="$days", cohort="$cohort"}}'

FUNNEL: Final = Board(
    "journey-funnel", "Funnel",
    (
        AGE, LAG, COMPLETE,
        Panel("Began in the last hour", "stat", ((new_in("tracker_journeys_begun", "journey"), ""),), "short", 4, 4),
        Panel("Customers of the cohort", "stat", ((f"max(tracker_cohort_customers{COHORT})", ""),), "short", 4, 4),
        Panel("Maturity of the cohort", "stat",
              ((f"max(journey_days_cohort:tracker_cohort_maturity:ratio{COHORT})", ""),), "percentunit", 4, 4,
              "The share of the cohort for whom the days have passed. The others may yet convert."),
        Panel("Funnel: customers who came so far, in order", "bargauge",
              ((in_order(f"max by (stage) (tracker_funnel{{{J}}})"), "{{stage}}"),), "short", 12, 9, instant=True,
              transformations=sorted_by("place")),
        Panel("Conversion within $days days of the beginning", "bargauge",
              ((in_order(f"max by (stage) ({CONVERSION}{COHORT})"), "{{stage}}"),), "percentunit", 12, 9,
              "Of those who began on 28 days, the newest or the newest for which the time has passed (mature), the "
              "share that reached the stage within so many days.", instant=True, transformations=sorted_by("place")),
        Panel("Stage by stage", "table",
              ((f"max by (stage) (tracker_stage_place{{{J}}})", ""),
               (f"max by (stage) (tracker_stage_reached{{{J}}})", ""),
               (f"max by (stage) ({CONVERSION}{COHORT})", ""),
               (f'max by (stage) (tracker_customers{{{J}, status="waiting"}})', ""),
               (f'max by (stage) (tracker_customers{{{J}, status="dropped"}})', ""),
               (f"max by (stage) (tracker_stage_dropoffs{{{J}}})", ""),
               ((f"max by (stage) (journey_stage:tracker_stage_dropoffs:max{{{J}}}"
                f" / (journey_stage:tracker_stage_decided:max{{{J}}} > 0))"), "")),
              "short", 24, 10, "Who waits has not dropped off.", instant=True,
              transformations=joined("stage", "place", "reached", "conversion", "waiting", "dropped out now",
                                     "drop-offs ever", "drop-off share")),
        Panel("Drop-off share of the last hour", "timeseries",
              ((f"journey_stage:tracker_dropoff_share:ratio1h{{{J}}}", "{{stage}}"),), "percentunit", 12,
              help="Of the stays that were decided within the hour, those that ended by a drop-off."),
        Panel("... at this hour a day and a week before", "timeseries",
              ((f"journey_stage:tracker_dropoff_share:ratio1h_before{{{J}}}", "{{stage}}"),), "percentunit", 12),
        Panel("Entries in the last hour (a flow, no conversion)", "timeseries",
              ((f"journey_stage:tracker_stage_visits:delta1h{{{J}}}", "{{stage}}"),), "short", 12),
        Panel("Began by day", "bargauge",
              ((f"max by (age_days) (tracker_cohort_age_customers{{{J}}})", "{{age_days}} days ago"),), "short", 12,
              instant=True, transformations=({"id": "sortBy", "options": {
                  "sort": [{"field": "age_days", "desc": False}]}},)),
        Panel("Cohorts: share that has reached the stage, by days since they began", "table",
              ((in_order(
                  f"max by (age_days, stage) (tracker_cohort_age_reached{{{J}}}) / on (age_days) group_left "
                  f"max by (age_days) (tracker_cohort_age_customers{{{J}}} > 0)"), ""),), "percentunit", 24, 14,
              "Young cohorts have had less time: read along a row of equal age.", instant=True,
              transformations=(*matrix("age_days", "stage"), {"id": "sortBy", "options": {
                  "sort": [{"field": "age_days\\stage", "desc": False}]}}),
              thresholds=(("yellow", 0.25), ("orange", 0.5), ("blue", 0.75)), cell="color-background"),
        Panel("Funnel by $segment", "bargauge",
              ((BY_VALUE, "{{value}} · {{stage}}"),), "short", 12, 12, "A segment may be a channel: `from: channel`.",
              instant=True, transformations=sorted_by("order", "place")),
        Panel("Conversion within $days days, by $segment", "table",
              ((in_order(f"max by (value, stage) (tracker_segment_cohort_reached{VALUE}) / on (value) group_left "
                         f"max by (value) (tracker_segment_cohort_customers{VALUE} > 0)"), ""),), "percentunit", 12, 12,
              instant=True, transformations=matrix("stage", "value")),
        Panel("Reached, by $segment", "table",
              ((in_order(f'max by (value, stage) (tracker_segment_reached{{{J}, segment="$segment"}})'), ""),),
              "short", 12, 12, instant=True, transformations=matrix("stage", "value")),
        Panel("Drop-offs in the last hour, by $segment", "timeseries",
              ((new_in("tracker_segment_dropoffs", "value, stage", where=f'{J}, segment="$segment"'),
                "{{value}} · {{stage}}"),), "short", 12),
        Panel("Shadow: customers who came so far, beside the live funnel", "table",
              ((f"max by (stage) (tracker_funnel{{{J}}})", ""),
               (f"max by (stage) (tracker_shadow_funnel{{{J}}})", ""),
               (f"max by (stage) (tracker_shadow_stage_reached{{{J}}})", ""),
               (f"sum by (stage) (max by (stage, status) (tracker_shadow_customers{{{J}}}))", ""),
               (f"max by (stage) (tracker_shadow_stage_dropoffs{{{J}}})", ""),
               ((f"max by (stage) (tracker_shadow_cohort_reached{COHORT}) / on () group_left "
                 f"max(tracker_shadow_cohort_customers{COHORT} > 0)"), "")),
              "short", 12, 12, "What `tracker shadow` counts by a changed definition; empty without one.", instant=True,
              transformations=joined("stage", "live funnel", "shadow funnel", "shadow reached", "in the stage now",
                                     "drop-offs ever", "conversion")),
        Panel("Shadow: touchpoints behind the live figures", "stat",
              (("max(tracker_shadow_behind_records)", "behind"),
               (f"max(tracker_shadow_journeys_begun{{{J}}})", "journeys begun")), "short", 12, 12),
        Panel("Touchpoints that have arrived, by channel", "timeseries",
              (("channel:tracker_applied_records:delta30m", "{{channel}}"),), "short", 12,
              help="In half an hour. Where a channel is silent, look there before you blame customers."),
    ),
    (JOURNEY,
     by_choice("days", "Within days", "7", "1", "28"),
     by_choice("cohort", "Cohort", "recent", "mature"),
     by_query("segment", "Segment", f"label_values(tracker_segment_reached{{{J}}}, segment)")),
)  # fmt: skip

ENTRIES: Final = new_in("tracker_segment_visits", "value, stage", where=f'{J}, segment="$segment"')
STAY: Final = f"tracker_stage_stay_seconds_bucket{{{J}}}"
CONVERT: Final = f"tracker_stage_convert_seconds_bucket{{{J}}}"


def answers(kind: str, scores: str = ".+") -> str:
    """How many customers answered with one of these scores."""
    return f'sum(max by (score) (tracker_feedback_customers{{{J}, kind="{kind}", score=~"{scores}"}}))'


def times(title: str, query: str, text: str = "") -> Panel:
    """A bar of time for each stage, in their order."""
    # No bar where nobody was: 0 / 0 is no time.
    return Panel(title, "bargauge", ((in_order(f"({query}) >= 0"), "{{stage}}"),), "s", 8, 9, text, instant=True,
                 transformations=sorted_by("place"))  # fmt: skip


SCORES: Final = f"max by (kind, score) (tracker_feedback_customers{{{J}}})"
# Two digits, so that 10 comes after 9.
SHORT: Final = f'label_replace({SCORES}, "place", "0$1", "score", "(.)")'
PADDED: Final = f'label_replace({SHORT}, "place", "$1", "score", "(..)")'


def by_value(scores: str) -> str:
    """The same for the values of a segment, of the question that NPS asks."""
    where = f'{J}, segment="$segment", kind="nps", score=~"{scores}"'
    return f"sum by (value) (max by (value, score) (tracker_segment_feedback_customers{{{where}}}))"


HEALTH: Final = Board(
    "journey-health", "Journey health",
    (
        AGE, LAG, COMPLETE,
        Panel("Recoveries in the last hour", "stat",
              ((f"sum({new_in('tracker_stage_recoveries', 'stage')})", ""),), "short", 4, 4),
        Panel("Corrections in the last hour", "stat", ((new_in("tracker_corrections", "journey"), ""),), "short", 4, 4,
              "What had been reported and late touchpoints have changed."),
        Panel("Goals reached in the last hour", "stat",
              ((f"sum({new_in('tracker_stage_completions', 'stage')})", ""),), "short", 4, 4),
        times("Time in stage, median", f"histogram_quantile(0.5, max by (stage, le) ({STAY}))",
              "Of those who are not there any more."),
        times("Time in stage, nine of ten", f"histogram_quantile(0.9, max by (stage, le) ({STAY}))"),
        times("Time in stage, mean", (f"max by (stage) (tracker_stage_stay_seconds_sum{{{J}}})"
              f" / max by (stage) (tracker_stage_stay_seconds_count{{{J}}})")),
        times("Time to convert, median", f"histogram_quantile(0.5, max by (stage, le) ({CONVERT}))",
              "From the beginning of the journey to the stage, of those who did not begin there."),
        times("Time to convert, nine of ten", f"histogram_quantile(0.9, max by (stage, le) ({CONVERT}))"),
        times("Time to convert, mean", (f"max by (stage) (tracker_stage_convert_seconds_sum{{{J}}})"
              f" / max by (stage) (tracker_stage_convert_seconds_count{{{J}}})")),
        Panel("Customers by status", "timeseries",
              ((f"sum by (status) (max by (stage, status) (tracker_customers{{{J}}}))", "{{status}}"),), "short", 12),
        Panel("Waiting, by stage", "timeseries",
              ((f'max by (stage) (tracker_customers{{{J}, status="waiting"}})', "{{stage}}"),), "short", 12),
        Panel("Came in the last hour", "timeseries",
              ((f"journey_stage:tracker_stage_visits:delta1h{{{J}}}", "{{stage}}"),), "short", 12),
        Panel("Left in the last hour", "timeseries",
              ((f"journey_stage:tracker_stage_departures:delta1h{{{J}}}", "{{stage}}"),), "short", 12,
              help="A stage that many come to and nobody leaves is stalled."),
        Panel("Drop-offs in the last hour", "timeseries",
              ((f"journey_stage:tracker_stage_dropoffs:delta1h{{{J}}}", "{{stage}}"),), "short", 12),
        Panel("Recoveries in the last hour, by stage", "timeseries",
              ((new_in("tracker_stage_recoveries", "stage"), "{{stage}}"),), "short", 12),
        Panel("Published in the last hour, by kind", "timeseries",
              ((f"sum by (kind) (increase(tracker_transitions_total{{{J}}}[1h]))", "{{kind}}"),), "short", 12,
              help="What the workers published, as it happened; corrections are counted apart, not subtracted."),
        Panel("Exits in the last hour", "timeseries",
              ((new_in("tracker_stage_exits", "stage"), "{{stage}}"),), "short", 12),
        Panel("Waiting, by $segment", "timeseries",
              (((f'sum by (value) (max by (value, stage) (tracker_segment_customers{{{J}, segment="$segment",'
                f' status="waiting"}}))'), "{{value}}"),), "short", 12),
        Panel("Entries in the last hour, by $segment", "timeseries",
              ((f"sum by (value) ({ENTRIES})", "{{value}}"),), "short", 12),
        Panel("Late and doubled touchpoints", "timeseries",
              (("sum(rate(tracker_touchpoints_late_total[5m]))", "late"),
               ("sum(rate(tracker_touchpoints_duplicate_total[5m]))", "doubled")), "cps", 12),
        Panel("NPS: promoters less detractors", "stat",
              ((f'round(100 * ({answers("nps", "9|10")} - {answers("nps", "[0-6]")}) / {answers("nps")})', "NPS"),
               (answers("nps"), "n")), "short", 8, 5, "From -100 to 100. The latest answer of each customer counts."),
        Panel("CSAT: share of 4 and 5", "stat",
              ((f'round(100 * {answers("csat", "4|5")} / {answers("csat")})', "per cent"), (answers("csat"), "n")),
              "short", 8, 5),
        Panel("CES: share of 5 to 7", "stat",
              ((f'round(100 * {answers("ces", "[5-7]")} / {answers("ces")})', "per cent"), (answers("ces"), "n")),
              "short", 8, 5),
        Panel("Customers by their latest score", "bargauge",
              ((f'label_join({PADDED}, "order", "", "kind", "place")', "{{kind}} {{score}}"),), "short", 12, 12,
              instant=True, transformations=sorted_by("order", "place")),
        Panel("NPS by $segment", "timeseries",
              (((f'100 * ({by_value("9|10")} - {by_value("[0-6]")}) / {by_value(".+")}'), "{{value}}"),),
              "short", 12, 12),
    ),
    (JOURNEY, by_query("segment", "Segment", f"label_values(tracker_segment_reached{{{J}}}, segment)")),
)  # fmt: skip

PIPELINE: Final = Board(
    "journey-pipeline", "Pipeline",
    (
        AGE, LAG, COMPLETE,
        Panel("Partitions owned", "stat", (("sum(tracker_partitions_owned)", "owned"),
              ("max(tracker_partitions)", "of"), ("max(tracker_partitions_neglected)", "that nobody looks after")),
              "short", 4, 4),
        Panel("Servers answer", "stat", (("min by (server) (tracker_server_available)", "{{server}}"),
              ("max(tracker_figures_redis_available)", "redis, for the exporter")), "bool_yes_no", 4, 4),
        Panel("Reading the figures takes", "stat", (("max(tracker_figures_read_seconds)", ""),), "s", 4, 4),
        Panel("Lag in time", "timeseries", (("topic:tracker_lag:seconds", "{{topic}}"),), "s", 12,
              help="How long the backlog takes at the present speed."),
        Panel("Lag", "timeseries", (("topic:tracker_lag_records:sum", "{{topic}}"),), "short", 12),
        Panel("Records taken", "timeseries", (("topic:tracker_touchpoints_read:rate5m", "{{topic}}"),), "cps"),
        Panel("Touchpoints applied", "timeseries",
              (("sum by (instance) (rate(tracker_touchpoints_applied_total[5m]))", "{{instance}}"),), "cps"),
        Panel("From the broker to the state, p99", "timeseries",
              (("tracker:event_to_state_seconds:p99_5m", "p99"),), "s"),
        Panel("From the producer to the state, by the canary", "timeseries",
              (("histogram_quantile(0.5, sum by (le) (rate(tracker_canary_delay_seconds_bucket[5m])))", "median"),
               ("histogram_quantile(0.99, sum by (le) (rate(tracker_canary_delay_seconds_bucket[5m])))", "p99")), "s",
              help="A synthetic customer of each partition; no funnel counts them."),
        Panel("Canaries on their way", "timeseries",
              (("max(tracker_canary_waiting_seconds)", "the longest waits"),), "s"),
        Panel("Canaries sent and lost in 5 minutes", "timeseries",
              (("sum by (channel) (increase(tracker_canary_sent_total[5m]))", "sent {{channel}}"),
               ("sum(increase(tracker_canary_lost_total[5m]))", "lost"))),
        Panel("Time per step, p99", "timeseries", (("step:tracker_step_seconds:p99_5m", "step {{step}}"),), "s",
              help="The steps of docs/delivery.md."),
        Panel("Records in a batch, median", "timeseries",
              (("histogram_quantile(0.5, sum by (le) (rate(tracker_batch_records_bucket[5m])))", "median"),)),
        Panel("States found in the cache", "timeseries",
              (('sum(rate(tracker_cache_reads_total{found="cache"}[5m])) / sum(rate(tracker_cache_reads_total[5m]))',
                "share"),), "percentunit"),
        Panel("Rejected in 15 minutes, by reason", "timeseries",
              ((zero("reason:tracker_touchpoints_rejected:increase15m"), "{{reason}}"),)),
        Panel("Share rejected", "timeseries", ((zero("tracker:touchpoints_rejected:ratio15m"), "share"),),
              "percentunit"),
        Panel("Webhooks that made no touchpoint, in an hour", "timeseries",
              ((zero("sum by (source, topic, why) (increase(tracker_collector_passed_over_total[1h]))"),
                "{{source}} {{topic}}: {{why}}"),),
              help="unmapped: no table maps it; nobody: it has no id of a person; no_answer: a survey that was only "
                   "offered. docs/webhooks.md."),
        Panel("Sent to their customer's partition", "timeseries",
              (("sum(rate(tracker_touchpoints_routed_total[5m]))", "to another partition"),
               ("sum(rate(tracker_touchpoints_forwarded_total[5m]))", "from an alias to its customer")), "cps"),
        Panel("Who is who, in an hour", "timeseries",
              (("sum(increase(tracker_identity_conflicts_total[1h]))", "aliases claimed by two"),
               ("sum(increase(tracker_identity_suspects_total[1h]))", "ids that gather too much"),
               ("sum(increase(tracker_aliases_refused_total[1h]))", "ties beyond the limit"),
               ("sum(increase(tracker_members_refused_total[1h]))", "people beyond an account's limit"),
               ("sum(increase(tracker_instances_refused_total[1h]))", "instances beyond a customer's limit"),
               ("sum(increase(tracker_names_erased_total[1h]))", "names erased"),
               ("sum(increase(tracker_touchpoints_suppressed_total[1h]))", "touchpoints of the erased")),
              help="tracker identity conflicts and suspects list the first two; docs/identity.md."),
        Panel("Published", "timeseries",
              (("sum by (topic) (rate(tracker_messages_published_total[5m]))", "{{topic}}"),), "cps"),
        Panel("Timers fired", "timeseries", (("sum(rate(tracker_timers_fired_total[5m]))", "timers"),), "cps"),
        Panel("Owners", "timeseries", (("sum by (instance) (tracker_partitions_owned)", "{{instance}}"),)),
        Panel("Errors in 5 minutes", "timeseries",
              ((zero("sum by (server) (increase(tracker_outages_total[5m]))"), "failed calls {{server}}"),
               (zero("sum by (why) (increase(tracker_writes_refused_total[5m]))"), "refused {{why}}"),
               ("sum(increase(tracker_batches_stale_total[5m]))", "stale batches"),
               (zero("sum(increase(tracker_touchpoints_missing_total[5m]))"), "missing in Kafka"),
               (zero("sum(increase(tracker_routed_repeats_total[5m]))"), "repeats dropped"),
               (zero("sum(increase(tracker_process_restarts_total[5m]))"), "processes started again"),
               (zero("sum(increase(tracker_partitions_rebuilt_total[5m]))"), "partitions rebuilt"),
               (zero("sum by (topic) (increase(tracker_timestamps_replaced_total[5m]))"), "wrong timestamps {{topic}}"),
               (zero("sum(increase(tracker_timers_set_aside_total[5m]))"), "timers set aside")), "short", 16),
        Panel("Since the last batch", "timeseries",
              (("time() - max by (instance) (tracker_applied_time_seconds)", "{{instance}}"),
               ("time() - max(tracker_figures_changed_time_seconds)", "as the exporter saw")), "s"),
        Panel("Applied, as the exporter saw it", "timeseries",
              (("max by (topic) (tracker_applied_records)", "{{topic}}"),), "short", 12),
        Panel("Version of each definition", "timeseries",
              (("max by (journey) (tracker_definition_version)", "{{journey}}"),), "short", 12,
              help="By which version of the journey the figures are counted."),
        Panel("States of earlier definitions", "timeseries",
              (("max by (journey) (tracker_states_outdated)", "{{journey}}"),
               ("sum(rate(tracker_states_migrated_total[5m]))", "migrated a second")), "short", 12,
              help="Until there are none, figures of the journey are mixed."),
        Panel("Journey counted by one definition", "timeseries",
              (("min by (journey) (tracker_journey_complete)", "{{journey}}"),), "bool_yes_no", 12),
        Panel("Trust in the figures", "timeseries", (("tracker:figures_usable:min1h", "usable"),), "bool_yes_no", 12,
              help="While this is no, nothing is said about customers."),
    ),
)  # fmt: skip

ALERTS: Final = Board(
    "journey-alerts", "Alerts",
    (
        Panel("Firing", "stat", (('count(ALERTS{alertstate="firing"})', ""),), "short", 4, 4,
              "The watchdog is always one of them."),
        Panel("Watchdog", "stat", (('count(ALERTS{alertname="Watchdog"})', ""),), "short", 4, 4,
              thresholds=(("green", 1),)),
        Panel("Channels that each journey looks at", "stat",
              (("count by (journey) (tracker_journey_channels)", "{{journey}}"),), "short", 16, 4),
        Panel("Alerts now", "table",
              (("max by (alertname, alertstate, severity, about, journey, stage, channel) (ALERTS)", ""),),
              "short", 24, 8, instant=True),
        Panel("Alerts over time", "timeseries", (("count by (alertname) (ALERTS)", "{{alertname}}"),), "short", 24),
        Panel("Drop-off: z of the hour (fires from 4 on)", "timeseries",
              ((f"journey_stage:tracker_dropoff_share:z1h{{{J}}}", "{{stage}}"),), "short", 12,
              thresholds=(("red", 4),)),
        Panel("Drop-off: z of the quarter (fires from 2 on)", "timeseries",
              ((f"journey_stage:tracker_dropoff_share:z15m{{{J}}}", "{{stage}}"),), "short", 12,
              thresholds=(("red", 2),)),
        Panel("Today's conversion so far", "timeseries",
              ((f"journey_stage:tracker_cohort_today_conversion:ratio{{{J}}}", "{{stage}}"),), "percentunit", 12,
              help="Rises all day, since today's customers are on their way."),
        Panel("... at the same time yesterday and a week ago", "timeseries",
              ((f"journey_stage:tracker_cohort_today_conversion:ratio_before{{{J}}}", "{{stage}}"),), "percentunit",
              12),
        Panel("Channels: touchpoints in half an hour", "timeseries",
              (("channel:tracker_applied_records:delta30m", "{{channel}}"),
               ("channel:tracker_applied_records:delta30m_before", "{{channel}}, a day and a week before")),
              "short", 12),
        Panel("Rules that failed", "timeseries",
              (("sum(increase(prometheus_rule_evaluation_failures_total[5m]))", "failures"),), "short", 12),
    ),
    (JOURNEY,),
)  # fmt: skip
