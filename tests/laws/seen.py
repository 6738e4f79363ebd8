"""What the engine and the reference both say of a customer, in one form."""

from collections.abc import Sequence
from typing import Any

from tests import reference
from tracker.engine.customer import CustomerFold
from tracker.engine.instances import InstanceFold
from tracker.engine.summary import funnel_chain, summarise
from tracker.journey.definition import Definition
from tracker.records.state import Instance, decode
from tracker.touch import Touch

# fmt: off
FIELDS = ("current", "furthest", "reached", "visits", "funnel_depth", "status", "drop_offs", "recoveries", "segments")
# fmt: on
Seen = dict[str | None, dict[str, Any]]


def by_engine(definition: Definition, touches: Sequence[Touch], now_ms: int) -> Seen:
    """The engine's answer, by instance, after one batch without a horizon."""
    change = CustomerFold([definition], horizon_ms=None).fold("customer", None, touches, now_ms)
    return of_record(definition, change.after)


def of_record(definition: Definition, record: bytes) -> Seen:
    """What a stored record says."""
    instance_fold = CustomerFold([definition], horizon_ms=None).instance_folds[0]
    return {
        instance.key: _of_instance(instance_fold, instance)
        for journey in decode(record).journeys
        for instance in journey.instances
        if instance.progress.stage >= 0
    }


def _of_instance(instance_fold: InstanceFold, instance: Instance) -> dict[str, Any]:
    summary = summarise(instance_fold, instance)
    return {name: getattr(summary, name) for name in FIELDS} | {
        "taken": list(summary.taken),
        "dropped_at": summary.dropped_ms,
        "recovered_at": summary.recovered_ms,
        "chain": sorted((at_ms, stage) for stage, at_ms, _ in funnel_chain(instance_fold, instance)),
    }


def by_reference(definition: Definition, touches: Sequence[Touch], now_ms: int) -> Seen:
    """The reference's answer, by instance."""
    return {
        key: {name: getattr(journey, name) for name in (*FIELDS, "taken", "dropped_at", "recovered_at")}
        | {"chain": sorted((at, name) for name, at in journey.chain)}
        for key, journey in reference.fold(definition, touches, now_ms).items()
    }
