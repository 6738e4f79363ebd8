"""The fold as the design tells it: plain, slow, and independent of the engine it is compared with.

Every choice where the design is silent is numbered in docs/decisions/0020-what-the-fold-means.md; the numbers are
repeated here. Nothing is incremental: each question looks at the whole ordered set, and the funnel tries all chains.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.reference_rules import as_text, look, meets
from tracker.journey.definition import Definition, Stage
from tracker.touch import Touch

Chain = tuple[tuple[int, int], ...]
"""Steps of (stage, position in the ordered set)."""


@dataclass
class Journey:
    """What became of one customer, or of one instance of a keyed journey."""

    current: str
    furthest: str
    reached: dict[str, int]
    visits: dict[str, int]
    skipped: list[str]
    funnel_depth: int
    taken: list[str]
    """The optional stages at which some chain ends."""
    chain: list[tuple[str, int]]
    """The canonical chain: stage and time of each step."""
    status: str
    dropped_at: int | None
    recovered_at: int | None
    drop_offs: int
    recoveries: int
    segments: dict[str, str] = field(default_factory=dict)
    began_at: int = 0
    last_at: int = 0


def fold(definition: Definition, touches: Sequence[Touch], now_ms: int) -> dict[str | None, Journey]:
    """Each instance's journey (None is the only instance where there is no key); those without one are left out."""
    instances: dict[str | None, list[Touch]] = {}
    for touch in touches:
        if definition.key is None:
            instances.setdefault(None, []).append(touch)
        elif (value := as_text(look(touch, definition.key))) is not None:
            instances.setdefault(value, []).append(touch)
    counting = {name: trusted(definition, group) for name, group in instances.items()}
    folded = {name: fold_one(definition, group, now_ms) for name, group in counting.items()}
    return {name: journey for name, journey in folded.items() if journey is not None}


def trusted(definition: Definition, touches: Sequence[Touch]) -> list[Touch]:
    """The touchpoints without a browser's versions of those that count in a server's version."""
    rules = [*definition.exits, *(exclusion.rule for exclusion in definition.funnel.exclude)]
    servers = {
        touch.event_id
        for touch in touches
        if not touch.is_browser
        and (
            (definition.takes_all and not is_passive(definition, touch))
            or matches(definition, touch)
            or any(meets(rule, touch) for rule in rules)
        )
    }
    return [touch for touch in touches if not touch.is_browser or touch.event_id not in servers]


def fold_one(  # noqa: C901 - one choice after another
    definition: Definition, touches: Sequence[Touch], now_ms: int
) -> Journey | None:
    """One journey over one set of touchpoints."""
    ordered = order(definition, touches)
    stages = definition.stages
    drops: list[int] = []
    recoveries: list[int] = []
    taken_out = False
    reached: dict[int, int] = {}
    visits: dict[int, int] = {}
    counted: list[tuple[Touch, int]] = []
    current: int | None = None
    last_at = 0
    exited = False
    for position, stage in in_counting_order(definition, ordered):
        touch = ordered[position]
        ends = not touch.is_browser and any(meets(rule, touch) for rule in definition.exits)
        if is_passive(definition, touch):  # 20
            if current is not None and not exited and ends:
                exited, taken_out = True, quiet(stages[current], last_at, touch.at_ms)
                if taken_out:
                    drops.append(last_at + drops_after(stages[current]))
            continue
        if taken_out and stage is not None:  # 20
            recoveries.append(touch.at_ms)
            taken_out = False
        if current is not None and not exited and quiet(stages[current], last_at, touch.at_ms):
            drops.append(last_at + drops_after(stages[current]))  # 14
            recoveries.append(touch.at_ms)
        last_at = touch.at_ms
        if stage is not None:
            reached.setdefault(stage, touch.at_ms)  # 5
            counted.append((touch, stage))
            target = stage if definition.order == "free" else max(reached)  # 6
            if target != current or exited:
                visits[target] = visits.get(target, 0) + 1
            current, exited = target, False
        if current is not None and ends:
            exited = True  # 16
    if current is None:
        return None  # 3
    dropped = not exited and quiet(stages[current], last_at, now_ms)
    if dropped:
        drops.append(last_at + drops_after(stages[current]))
    furthest = max(reached)
    chain = deepest_chain(definition, ordered)
    return Journey(
        current=stages[current].name,
        furthest=stages[furthest].name,
        reached={stages[index].name: at for index, at in sorted(reached.items())},
        visits={stages[index].name: count for index, count in sorted(visits.items())},
        skipped=[s.name for i, s in enumerate(stages[:furthest]) if i not in reached and not s.optional],
        funnel_depth=depth(definition, chain) if chain else 0,
        taken=taken(definition, ordered),
        chain=[(stages[stage].name, ordered[position].at_ms) for stage, position in chain],
        status=status(stages[current], exited, dropped),
        dropped_at=max(drops, default=None),
        recovered_at=max(recoveries, default=None),
        drop_offs=len(drops),
        recoveries=len(recoveries),
        segments=segments(definition, counted),
        began_at=counted[0][0].at_ms,
        last_at=last_at,
    )


def status(stage: Stage, exited: bool, dropped: bool) -> str:
    """Choice 17."""
    if exited:
        return "exited"
    if dropped:
        return "dropped"
    if stage.goal:
        return "completed"
    return "active" if stage.drops_after_ms is None else "waiting"


# Order and rules


def order(definition: Definition, touches: Sequence[Touch]) -> list[Touch]:
    """The set in its order: choices 1 and 2."""

    def key(touch: Touch) -> tuple[int, int, int, str]:
        matching = matches(definition, touch) or [len(definition.stages)]
        return touch.at_ms, matching[0], matching[-1], touch.event_id

    # A browser's version is a touchpoint of its own where the server's does not count.
    seen: set[tuple[str, bool]] = set()
    ordered = []
    for touch in sorted(touches, key=key):
        if (touch.event_id, touch.is_browser) not in seen:
            seen.add((touch.event_id, touch.is_browser))
            ordered.append(touch)
    return ordered


def matches(definition: Definition, touch: Touch) -> list[int]:
    """The indices of all stages that the touchpoint matches; none where it is not the customer's activity."""
    if is_passive(definition, touch):
        return []
    return [i for i, stage in enumerate(definition.stages) if any(meets(rule, touch) for rule in stage.touchpoints)]


def is_passive(definition: Definition, touch: Touch) -> bool:
    """Choice 20: whether it is not the customer's activity."""
    return any(meets(rule, touch) for rule in definition.not_activity)


# Drop-off


def drops_after(stage: Stage) -> int:
    assert stage.drops_after_ms is not None
    return stage.drops_after_ms


def quiet(stage: Stage, last_at: int, at: int) -> bool:
    """Choice 14: longer than, not as long as."""
    return stage.drops_after_ms is not None and at - last_at > stage.drops_after_ms


# Which stage a touchpoint counts for


def in_counting_order(definition: Definition, ordered: list[Touch]) -> list[tuple[int, int | None]]:
    """Positions with the stage that each counts for: those of one instant by that stage, those of none last."""
    chains = list(all_chains(definition, ordered))
    counted: list[tuple[int, int | None]] = []
    for at_ms in sorted({touch.at_ms for touch in ordered}):
        here = [position for position, touch in enumerate(ordered) if touch.at_ms == at_ms]
        stages = stages_counted(definition, ordered, chains, here)
        bearing = [position for position in here if position in stages]
        counted += [(position, stages[position]) for position in sorted(bearing, key=lambda one: (stages[one], one))]
        counted += [(position, None) for position in here if position not in stages]
    return counted


def stages_counted(
    definition: Definition, ordered: list[Touch], chains: list[Chain], here: list[int]
) -> dict[int, int]:
    """Choice 4: the stages of the touchpoints of one instant, by position."""
    ending_here = [chain for chain in chains if chain[-1][1] in here]
    deepest = max((depth(definition, chain) for chain in ending_here), default=0)
    steps_here = [
        tuple(link for link in chain if link[1] in here) for chain in ending_here if depth(definition, chain) == deepest
    ]
    taken = min(steps_here, key=lambda links: (-len(links), links), default=())
    stages = {position: stage for stage, position in taken}
    for position in here:
        matching = matches(definition, ordered[position])
        if matching and position not in stages:
            stages[position] = stage_alone(definition, matching, ending_here, position)
    return stages


def stage_alone(definition: Definition, matching: list[int], ending_here: list[Chain], position: int) -> int:
    """Choice 4, for a touchpoint that the deepest chain of its instant leaves out."""
    own = [chain for chain in ending_here if chain[-1][1] == position]
    if len(matching) == 1 or not own:
        return matching[0]
    deepest = max(depth(definition, chain) for chain in own)
    return max(chain[-1][0] for chain in own if depth(definition, chain) == deepest)


# The funnel


def deepest_chain(definition: Definition, ordered: list[Touch]) -> Chain:
    """Of the deepest chains the one complete first; of those the one with the latest entry, then the earliest steps."""

    def rank(chain: Chain) -> tuple[int, int, int, list[tuple[int, int]]]:
        moments = [(-ordered[position].at_ms, -stage) for stage, position in chain]
        return depth(definition, chain), moments[-1][0], -moments[0][0], moments

    return max(all_chains(definition, ordered), key=rank, default=())


def taken(definition: Definition, ordered: list[Touch]) -> list[str]:
    """Choice 7: the optional stages that a chain took. In any order depth counts them like all."""
    if definition.funnel.mode == "any":
        return []
    ends = {chain[-1][0] for chain in all_chains(definition, ordered)}
    return [stage.name for place, stage in enumerate(definition.stages) if stage.optional and place in ends]


def depth(definition: Definition, chain: Chain) -> int:
    """How deep a chain is: choices 7 and 12."""
    return len(chain) if definition.funnel.mode == "any" else chain[-1][0] + 1


def all_chains(definition: Definition, ordered: list[Touch]) -> Iterator[Chain]:
    """Every chain there is, the short ones too."""
    entries = [
        ((stage, position),)
        for position, touch in enumerate(ordered)
        for stage in matches(definition, touch)
        if may_follow(definition, None, stage, ())
    ]
    open_chains: list[Chain] = entries
    while open_chains:
        chain = open_chains.pop()
        yield chain
        open_chains.extend(longer(definition, ordered, chain))


def longer(definition: Definition, ordered: list[Touch], chain: Chain) -> Iterator[Chain]:
    """The chains that go one step beyond this one. At one instant any order will do: choice 1."""
    first, (last_stage, last) = ordered[chain[0][1]], chain[-1]
    served = tuple(stage for stage, _ in chain)
    for position, touch in enumerate(ordered):
        if touch.at_ms < ordered[last].at_ms or position in {used for _, used in chain}:
            continue
        in_window = definition.funnel.window_ms is None or touch.at_ms - first.at_ms <= definition.funnel.window_ms  # 8
        for stage in matches(definition, touch):
            if in_window and may_follow(definition, last_stage, stage, served):
                limit = definition.funnel.step_windows_ms.get(definition.stages[stage].name)
                if limit is None or touch.at_ms - ordered[last].at_ms <= limit:
                    found = (*chain, (stage, position))
                    if all(has_place(definition, ordered, found, other) for other in range(len(ordered))):
                        yield found


def has_place(definition: Definition, ordered: list[Touch], chain: Chain, other: int) -> bool:
    """Whether some order lets the touchpoint come before, between or after those of the chain without ending it."""
    if other in {position for _, position in chain}:
        return True
    touch = ordered[other]
    times = [ordered[position].at_ms for _, position in chain]
    for place in range(len(chain) + 1):
        before, after = times[:place], times[place:]
        if any(at_ms > touch.at_ms for at_ms in before) or any(at_ms < touch.at_ms for at_ms in after):
            continue
        if not matches(definition, touch) and touch.at_ms in after:
            continue  # 1: it comes last in its instant
        if place in {0, len(chain)} or not ends(definition, tuple(stage for stage, _ in chain[:place]), touch):
            return True
    return False


def may_follow(definition: Definition, last: int | None, stage: int, served: tuple[int, ...]) -> bool:
    """Whether a step may come after the last one: later, and only optional stages between."""
    if definition.funnel.mode == "any":
        return stage not in served
    between = definition.stages[(0 if last is None else last + 1) : stage]
    return (last is None or stage > last) and all(left_out.optional for left_out in between)


def ends(definition: Definition, served: tuple[int, ...], touch: Touch) -> bool:
    """Whether a touchpoint that serves no step of a chain ends it: choices 10, 11 and 20."""
    strict = definition.funnel.mode == "strict"
    if strict and not is_passive(definition, touch):
        return True
    return any(
        meets(exclusion.rule, touch) and (strict or within(definition, exclusion.between, served))
        for exclusion in definition.funnel.exclude
    )


def within(definition: Definition, between: tuple[str, str] | None, served: tuple[int, ...]) -> bool:
    """Whether a chain stands between the two steps: choices 10 and 12."""
    if between is None:
        return True
    names = [stage.name for stage in definition.stages]
    begin, end = names.index(between[0]), names.index(between[1])
    if definition.funnel.mode == "any":
        return begin in served and end not in served
    return begin <= served[-1] < end


# Segments


def segments(definition: Definition, counted: list[tuple[Touch, int]]) -> dict[str, str]:
    """Choice 18."""
    chosen = {}
    for segment in definition.segments:
        values = [
            value
            for touch, stage in counted
            if segment.attribution in {"first", "last", definition.stages[stage].name}
            if (value := as_text(look(touch, segment.path))) is not None
        ]
        value = (values[-1] if segment.attribution == "last" else values[0]) if values else None
        chosen[segment.name] = value if value in segment.values else "other"
    return chosen
