"""Hypothesis strategies: small definitions and small sets of touchpoints that meet often.

Few types, few stages, coarse times: ties, repeated steps, overlapping rules and windows that just hold or just do
not hold come up in almost every example.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tracker.journey.definition import Buckets, Condition, Definition, Exclusion, Funnel, Rule, Segment, Stage, Survey
from tracker.touch import Touch

BASE_MS = 1_760_000_000_000
UNIT_MS = 3_600_000
TYPES = ("a", "b", "c", "d")
STAGES = ("first", "second", "third", "fourth", "fifth")
SEGMENT_VALUES = ("x", "y")

units = st.integers(1, 6).map(lambda n: n * UNIT_MS)
maybe_units = st.none() | units


def rules() -> st.SearchStrategy[Rule]:
    """Mostly one type; sometimes any type, a channel, or a condition."""
    where = st.just(()) | st.sampled_from(
        [
            (Condition(("properties", "n"), "gte", 2),),
            (Condition(("properties", "n"), "in", (1, 3)),),
            (Condition(("context", "seg"), "exists", True),),
            (Condition(("context", "seg"), "ne", "x"),),
            (Condition(("properties", "items", "", "n"), "gte", 2),),
            (Condition(("properties", "items", "", "n"), "not_in", (1, 3)),),
            (Condition(("properties", "items", "0", "n"), "eq", 1),),
        ]
    )
    plain = st.builds(Rule, type=st.sampled_from(TYPES))
    rich = st.builds(
        Rule, channel=st.none() | st.sampled_from(("web", "shop")), type=st.none() | st.sampled_from(TYPES), where=where
    )
    return plain | plain | plain | rich


@st.composite
def definitions(
    draw: st.DrawFn, *, keyed: bool | None = None, modes: Sequence[str] = ("sequential", "strict", "any")
) -> Definition:
    """A checked definition's value, of one to five stages."""
    count = draw(st.integers(1, 5))
    optional = draw(st.lists(st.booleans(), min_size=count, max_size=count)) if draw(st.booleans()) else [False] * count
    optional[-1] = False
    stages = tuple(
        Stage(
            name=STAGES[i],
            touchpoints=tuple(draw(st.lists(rules(), min_size=1, max_size=2))),
            drops_after_ms=draw(maybe_units),
            optional=optional[i],
            goal=draw(st.booleans()) if i else False,
        )
        for i in range(count)
    )
    key = ("properties", "key") if (draw(st.integers(0, 4)) == 0 if keyed is None else keyed) else None
    return Definition(
        journey="law",
        version=1,
        stages=stages,
        order=draw(st.sampled_from(("free", "forward"))),
        funnel=draw(_funnels(count, modes)),
        exits=tuple(draw(st.lists(rules(), max_size=1))) if draw(st.integers(0, 2)) == 0 else (),
        not_activity=draw(_not_activity()),
        segments=draw(_segments(count)),
        key=key,
        buckets=draw(st.sampled_from((Buckets(), Buckets((UNIT_MS,), (2 * UNIT_MS, 9 * UNIT_MS))))),
        feedback=tuple(draw(st.lists(_surveys(), max_size=2))) if draw(st.integers(0, 2)) == 0 else (),
    )


@st.composite
def _funnels(draw: st.DrawFn, count: int, modes: Sequence[str]) -> Funnel:
    pairs = [(STAGES[i], STAGES[j]) for i in range(count) for j in range(i + 1, count)]
    exclusions = st.builds(Exclusion, rules(), st.none() | st.sampled_from(pairs) if pairs else st.none())
    step_windows = st.dictionaries(st.sampled_from(STAGES[1:count]), units, max_size=2) if count > 1 else st.just({})
    return Funnel(
        mode=draw(st.sampled_from(modes)),
        window_ms=draw(maybe_units),
        step_windows_ms=draw(step_windows) if draw(st.booleans()) else {},
        exclude=tuple(draw(st.lists(exclusions, max_size=2))) if draw(st.booleans()) else (),
    )


def _not_activity() -> st.SearchStrategy[tuple[Rule, ...]]:
    business = Rule(where=(Condition(("context", "by"), "eq", "business"),))
    return st.sampled_from(((), (business,), (Rule(type="b"),), (Rule(type="a", channel="web"), business)))


def _surveys() -> st.SearchStrategy[Survey]:
    return st.builds(Survey, st.sampled_from(("nps", "csat")), rules(), st.just(("properties", "n")))


def _segments(count: int) -> st.SearchStrategy[tuple[Segment, ...]]:
    attributions = st.sampled_from(("first", "last", *STAGES[:count]))
    one = st.builds(
        Segment, st.just("seg"), st.just(("context", "seg")), st.just(SEGMENT_VALUES), attribution=attributions
    )
    return st.lists(one, max_size=1).map(tuple)


@st.composite
def touch_sets(draw: st.DrawFn, *, most: int = 8, hours: int = 12, versions: bool = False) -> list[Touch]:
    """Touchpoints of one customer in no particular order, each with an id of its own.

    `versions`: some ids come twice, from a browser and from a server.
    """
    count = draw(st.integers(0, most))
    ids = draw(st.permutations([f"e{i}" for i in range(count)]))
    # A long one, whose short form is a hash.
    ids = [f"{name}-{name * 8}" if draw(st.integers(0, 3)) == 0 else name for name in ids]
    touches = [draw(_touches(name, hours)) for name in ids]
    if versions and touches:
        for one in draw(st.lists(st.sampled_from(touches), max_size=3, unique_by=id)):
            other = draw(_touches(one.event_id, hours))
            other.is_browser = not one.is_browser
            touches.append(other)
    return touches


@st.composite
def _touches(draw: st.DrawFn, event_id: str, hours: int) -> Touch:
    properties: dict[str, Any] = {}
    context: dict[str, Any] = {}
    if draw(st.booleans()):
        properties["n"] = draw(st.integers(1, 3))
    if draw(st.booleans()):
        properties["items"] = [{"n": draw(st.integers(1, 3))} for _ in range(draw(st.integers(0, 2)))]
    if draw(st.integers(0, 3)):
        properties["key"] = draw(st.sampled_from(("k1", "k2", 3)))
    if draw(st.booleans()):
        context["seg"] = draw(st.sampled_from(("x", "y", "undeclared", None)))
    if draw(st.integers(0, 3)) == 0:
        context["by"] = "business"
    at_ms = BASE_MS + draw(st.integers(0, hours)) * UNIT_MS
    return Touch(
        "customer",
        at_ms,
        draw(st.sampled_from((*TYPES, "other"))),
        draw(st.sampled_from(("web", "shop"))),
        event_id,
        properties,
        context,
        at_ms,
        is_browser=draw(st.integers(0, 2)) == 0,
    )


def moments(hours: int = 24) -> st.SearchStrategy[int]:
    """A moment to look at: during or after the touchpoints; sometimes a millisecond beside a whole hour."""
    return st.builds(
        lambda hour, beside: BASE_MS + hour * UNIT_MS + beside, st.integers(0, hours), st.sampled_from((-1, 0, 0, 1))
    )


@st.composite
def splits(draw: st.DrawFn, touches: Sequence[Touch]) -> list[list[Touch]]:
    """The touchpoints in any order, some of them twice, cut into batches."""
    again = draw(st.lists(st.sampled_from(list(touches)), max_size=3)) if touches else []
    arriving = draw(st.permutations([*touches, *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(arriving)), max_size=3)))
    return [list(arriving[i:j]) for i, j in zip([0, *cuts], [*cuts, len(arriving)], strict=True)]
