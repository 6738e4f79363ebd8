"""A summary: one customer's state in readable form, with the names of stages and with times since 1970 (ms).

It serves replays, explanations and queries. It reads states and changes none.
"""

import msgspec

from tracker.engine.chain import chain_of, seconds_to_reach
from tracker.engine.customer import CustomerFold
from tracker.engine.instances import InstanceFold
from tracker.figures.contribution import began_ms
from tracker.records.state import Instance, decode


class Summary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One instance of one journey. Stages are named; moments are milliseconds since 1970."""

    journey: str
    version: int
    key: str | None
    """The value of the journey's `key`, where it has one."""
    status: str
    current: str
    furthest: str
    began_ms: int
    reached: dict[str, int]
    """By stage reached: when first, in stage order."""
    skipped: tuple[str, ...]
    """Stages before the furthest that were never reached and are not optional."""
    visits: dict[str, int]
    spent_ms: dict[str, int]
    """By stage: the time in stays that have ended."""
    funnel_depth: int
    dropped_ms: int | None
    recovered_ms: int | None
    exited_ms: int | None
    drop_offs: int
    recoveries: int
    corrections: int
    segments: dict[str, str]
    due_ms: int | None
    """When the clock alone will change the status."""
    taken: tuple[str, ...] = ()
    """The optional stages that a chain of the funnel took, in stage order; left out in JSON where there are none."""


def summaries(journeys: CustomerFold, data: bytes) -> list[Summary]:
    """The summaries of a record: one for every instance that has begun."""
    instance_folds = {instance_fold.definition.journey: instance_fold for instance_fold in journeys.instance_folds}
    return [
        summarise(instance_folds[journey.name], instance)
        for journey in decode(data).journeys
        if journey.name in instance_folds
        for instance in journey.instances
        if instance.progress.stage >= 0
    ]


def summarise(instance_fold: InstanceFold, instance: Instance) -> Summary:
    """The summary of one instance, which must have begun."""
    progress, definition = instance.progress, instance_fold.definition
    names = [stage.name for stage in definition.stages]
    zero = progress.zero_ms
    first = {name: zero + at for name, at in zip(names, progress.first, strict=True) if at is not None}
    began = began_ms(progress)
    assert began is not None
    return Summary(
        journey=definition.journey,
        version=definition.version,
        key=instance.key,
        status=instance_fold.contributor.status(progress) or "",
        current=names[progress.stage],
        furthest=names[progress.furthest],
        began_ms=began,
        reached=first,
        skipped=tuple(
            stage.name
            for stage in definition.stages[: progress.furthest]
            if stage.name not in first and not stage.optional
        ),
        visits={name: count for name, count in zip(names, progress.visits, strict=True) if count},
        spent_ms={name: spent for name, spent in zip(names, progress.spent, strict=True) if spent},
        funnel_depth=progress.depth,
        dropped_ms=instance_fold.engine.dropped_ms(progress),
        recovered_ms=None if progress.recovered is None else zero + progress.recovered,
        exited_ms=None if progress.exited is None else zero + progress.exited,
        drop_offs=sum(progress.gaps) + progress.is_dropped,
        recoveries=sum(progress.gaps),
        corrections=instance.corrections,
        segments=dict(instance_fold.contributor.segment_values(progress)),
        due_ms=instance_fold.due_ms(instance),
        taken=tuple(name for place, name in enumerate(names) if progress.taken >> place & 1),
    )


def funnel_chain(instance_fold: InstanceFold, instance: Instance) -> list[tuple[str, int, float | None]]:
    """The deepest chain: stage, moment (ms), seconds since the touchpoint before; empty where unknown.

    It is found in the log, so it is known without a horizon, and else while the log reaches back to the entry.
    """
    names = [stage.name for stage in instance_fold.definition.stages]
    chain = chain_of(
        instance_fold.engine.steps, instance_fold.engine.layout.unpack(instance.log), instance.progress.depth
    )
    seconds = seconds_to_reach(chain)
    return [(names[link.step], link.at_ms, seconds.get(link.step)) for link in chain]
