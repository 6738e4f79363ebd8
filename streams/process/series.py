"""The table of pipeline series: each name once, with its type, unit and labels.

Label values come from closed sets (channels, topics, reasons, steps), never from input.
"""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a worker's /metrics."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


RESTARTS: Final = Series(
    "tracker_process_restarts_total", "counter", "Times that the supervisor has started this process again."
)
"""Of workers and collectors: the supervisor tells each process of its predecessors."""

PIPELINE: Final = (
    Series("tracker_touchpoints_read_total", "counter", "Records taken from Kafka.", ("topic",)),
    Series("tracker_touchpoints_applied_total", "counter", "Touchpoints folded into a state."),
    Series("tracker_touchpoints_duplicate_total", "counter", "Touchpoints seen before, which count once."),
    Series("tracker_touchpoints_late_total", "counter", "Touchpoints older than the lateness horizon."),
    Series("tracker_touchpoints_rejected_total", "counter", "Records that are not touchpoints.", ("reason",)),
    Series("tracker_touchpoints_routed_total", "counter", "Touchpoints sent on to the partition of their customer."),
    Series("tracker_touchpoints_forwarded_total", "counter", "Touchpoints of aliases sent on to their customers."),
    Series("tracker_routed_repeats_total", "counter", "Messages between partitions dropped because they came before."),
    Series("tracker_touchpoints_suppressed_total", "counter", "Touchpoints dropped because their customer is erased."),
    Series("tracker_identity_conflicts_total", "counter", "Aliases refused to a customer: they belong to another."),
    Series("tracker_identity_suspects_total", "counter",
           "Names that became suspect: they were seen with too many people within a day."),
    Series("tracker_aliases_refused_total", "counter", "Ties refused: the name has as many as it may have."),
    Series("tracker_members_refused_total", "counter", "Times that an account with its most people met one more."),
    Series("tracker_instances_refused_total", "counter",
           "Instances of keyed journeys that did not begin or gave way: the customer has the most that are kept."),
    Series("tracker_names_erased_total", "counter", "Names whose record was removed for good."),
    Series("tracker_touchpoints_missing_total", "counter", "Offsets never applied that Kafka no longer had.",
           ("topic",)),
    Series("tracker_timestamps_replaced_total", "counter",
           "Records whose Kafka timestamp lies before 1980 or years ahead; that of the one before counts.", ("topic",)),
    Series("tracker_batches_stale_total", "counter", "Batches read before a rewind or a rebalance, and dropped."),
    Series("tracker_transitions_total", "counter",
           "Transitions of customers: entered, advanced, returned, dropped, recovered, completed, exited, corrected.",
           ("journey", "kind")),
    Series("tracker_timers_fired_total", "counter", "Customers looked at because their timer was due."),
    Series("tracker_states_migrated_total", "counter", "States brought to a newer definition by the look at all."),
    Series("tracker_timers_set_aside_total", "counter",
           "Timers put off for a day because the tracker failed with their customer."),
    Series("tracker_messages_published_total", "counter", "Messages that Kafka has confirmed.", ("topic",)),
    Series("tracker_partitions_rebuilt_total", "counter", "Partitions built again because Redis had lost keys."),
    Series("tracker_writes_refused_total", "counter", "Writes that the store refused.", ("why",)),
    Series("tracker_outages_total", "counter", "Calls to a server that failed and were tried again.", ("server",)),
    Series("tracker_cache_reads_total", "counter", "States needed, by where they were found.", ("found",)),
    Series("tracker_batch_records", "histogram", "Records in a batch."),
    Series("tracker_step_seconds", "histogram", "Time that a step of the delivery took for a batch.", ("step",)),
    Series("tracker_event_to_state_seconds", "histogram", "From the broker's timestamp of a record to its state."),
    Series("tracker_lag_records", "gauge", "Records that wait behind the last batch.", ("topic", "partition")),
    Series("tracker_applied_time_seconds", "gauge", "Unix time of the last batch applied."),
    Series("tracker_partitions_owned", "gauge", "Partitions that this process owns."),
    RESTARTS,
    Series("tracker_server_available", "gauge", "1 when the last call to the server was answered.", ("server",)),
)  # fmt: skip

CANARY: Final = (
    Series("tracker_canary_sent_total", "counter", "Touchpoints of the canary that were sent.", ("channel",)),
    Series("tracker_canary_delay_seconds", "histogram", "From sending a canary's touchpoint to its state in Redis."),
    Series("tracker_canary_lost_total", "counter", "Canary touchpoints that later ones have overtaken."),
    Series("tracker_canary_waiting_seconds", "gauge",
           "Age of the oldest canary touchpoint that has not reached its state; 0 when all have.",
           ("partition",)),
)  # fmt: skip
"""What `tracker canary` serves."""

BUCKETS: Final = {
    "tracker_batch_records": (1, 10, 100, 500, 1000, 2500, 5000, 10_000),
    "tracker_step_seconds": (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
    "tracker_canary_delay_seconds": (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
    "tracker_event_to_state_seconds": (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600, 86_400),
}
