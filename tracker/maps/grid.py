"""The journey map as rows and columns: the content of each form of map, before it is drawn.

It knows the definition and, where there are any, a replay's figures; no pixel, no markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tracker import paths
from tracker.duration import show
from tracker.journey.definition import Condition, Definition, Rule, Stage
from tracker.journey.fields import FORMS, LANES

ANY_CHANNEL: Final = "any channel"

# By form, the rows from top to bottom. A name with "line:" is a line of the service blueprint.
ROWS: Final[dict[str, tuple[str, ...]]] = {
    "current": (
        "figures", "touchpoints", "physical", "digital", "actions", "curve", "feelings", "pain_points",
        "opportunities", "owners",
    ),
    "day": ("day", "actions", "touchpoints", "physical", "digital", "curve", "feelings", "pain_points"),
    "future": ("figures", "targets", "actions", "curve", "feelings", "opportunities", "changes", "owners"),
    "blueprint": (
        "figures", "physical", "digital", "actions", "line:Line of interaction", "touchpoints", "frontstage",
        "line:Line of visibility", "backstage", "line:Line of internal interaction", "support", "pain_points",
        "owners",
    ),
}  # fmt: skip

# Titles of rows that differ from the lane's own title.
TITLES: Final = {
    ("blueprint", "physical"): "Physical evidence",
    ("blueprint", "digital"): "Digital evidence",
    ("blueprint", "pain_points"): "Where it can fail",
    ("future", "actions"): "Customer actions",
}

SIGNS: Final = {
    "eq": "=", "ne": "≠", "in": "in", "not_in": "not in", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤",
    "contains": "contains", "matches": "matches",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One stage at the head of the map."""

    name: str
    title: str
    notes: tuple[str, ...]
    goal: bool
    optional: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """One touchpoint rule as a chip."""

    channel: str
    words: str
    condition: str


@dataclass(frozen=True, slots=True)
class Figure:
    """The figures of one stage."""

    reached: int
    share: float
    """The share of all customers, 0 to 1."""
    rows: tuple[tuple[str, str], ...]
    """Further figures: a tone (`plain` or `bad`) and the words."""


@dataclass(frozen=True, slots=True)
class MapRow:
    """One lane across all stages; `cells` holds texts, chips, figures or moods by `kind`."""

    kind: str
    """`texts`, `chips`, `figures`, `curve` or `line`."""
    name: str
    title: str
    cells: tuple[Any, ...] = ()
    also: tuple[Any, ...] = ()
    """A second series: the curve of today, under the target curve."""


@dataclass(frozen=True, slots=True)
class Map:
    """A journey map, ready to be drawn."""

    form: str
    form_title: str
    title: str
    description: str
    persona: str
    footer: str
    columns: tuple[Column, ...]
    rows: tuple[MapRow, ...]
    channels: tuple[str, ...] = field(default=())
    """Channels in the order of their first touchpoint, which determines colours."""


def journey_map(definition: Definition, form: str = "current", figures: Mapping[str, Any] | None = None) -> Map:
    """The map of a journey in one of the FORMS; `figures` is what a replay prints as JSON."""
    rows = [_row(definition, form, name, figures) for name in ROWS[form]]
    return Map(
        form=form,
        form_title=FORMS[form],
        title=definition.title or _title(definition.journey),
        description=definition.description or "",
        persona=definition.persona or "",
        footer=_footer(definition, figures),
        columns=tuple(_column(stage) for stage in definition.stages),
        rows=tuple(_without_lone_lines([row for row in rows if row is not None])),
        channels=tuple(dict.fromkeys(chip.channel for stage in definition.stages for chip in _chips(stage))),
    )


def _title(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _column(stage: Stage) -> Column:
    notes = []
    if stage.drops_after_ms is not None:
        notes.append(f"drop-off after {show(stage.drops_after_ms)} of silence")
    return Column(stage.name, _title(stage.name), tuple(notes), stage.goal, stage.optional)


def _row(definition: Definition, form: str, name: str, figures: Mapping[str, Any] | None) -> MapRow | None:
    if name.startswith("line:"):
        return MapRow("line", name, name.removeprefix("line:"))
    if name == "figures":
        return _figures(definition, figures) if figures else None
    if name == "touchpoints":
        return _filled(
            MapRow("chips", name, "Tracked touchpoints", tuple(_chips(stage) for stage in definition.stages))
        )
    if name == "curve":
        return _curve(definition, form)
    lane = next(each for each in LANES if each.name == name)
    cells = tuple(stage.lanes.get(name, ()) for stage in definition.stages)
    return _filled(MapRow("texts", name, TITLES.get((form, name), lane.title), cells))


def _filled(row: MapRow) -> MapRow | None:
    return row if any(row.cells) else None


def _curve(definition: Definition, form: str) -> MapRow | None:
    moods = tuple(stage.mood for stage in definition.stages)
    if form == "future":
        targets = tuple(stage.target_mood for stage in definition.stages)
        if _is_curve(targets):
            return MapRow("curve", "curve", "How it shall feel", targets, moods if _is_curve(moods) else ())
    return MapRow("curve", "curve", "How it feels", moods) if _is_curve(moods) else None


def _is_curve(moods: Sequence[int | None]) -> bool:
    return any(mood is not None for mood in moods)


def _without_lone_lines(rows: list[MapRow]) -> list[MapRow]:
    """Keep lines of the blueprint only between lanes: none at the ends, no two in a row."""
    kept: list[MapRow] = []
    for place, row in enumerate(rows):
        lanes_below = any(each.kind != "line" for each in rows[place:])
        if row.kind == "line" and (not kept or not lanes_below):
            continue
        if row.kind == "line" and kept[-1].kind == "line":
            kept.pop()
        kept.append(row)
    return kept


def _chips(stage: Stage) -> tuple[Chip, ...]:
    return tuple(
        Chip(rule.channel or ANY_CHANNEL, rule.type or "any touchpoint", condition_words(rule))
        for rule in stage.touchpoints
    )


def condition_words(rule: Rule) -> str:
    """A rule's conditions in a few words: `price ≥ 10, country in SE, NO`."""
    return ", ".join(_condition(each) for each in rule.where)


def _condition(condition: Condition) -> str:
    names = [part for part in condition.path if part != paths.ANY and paths.index_of(part) < 0]
    name = names[-1].replace("_", " ")
    if condition.operator == "exists":
        return f"with {name}" if condition.value else f"without {name}"
    if condition.operator == "eq" and isinstance(condition.value, bool):
        return name if condition.value else f"not {name}"
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    more = ", …" if len(values) > 4 else ""
    return f"{name} {SIGNS[condition.operator]} {', '.join(str(value) for value in values[:4])}{more}"


def _figures(definition: Definition, figures: Mapping[str, Any]) -> MapRow:
    by_stage = {each["stage"]: each for each in figures["stages"]}
    customers = figures["customers"] or 1
    cells = tuple(_figure(by_stage.get(stage.name, {}), customers) for stage in definition.stages)
    return MapRow("figures", "figures", "What happened", cells)


def _figure(stage: Mapping[str, Any], customers: int) -> Figure:
    reached = stage.get("reached", 0)
    dropped = stage.get("dropped", 0)
    # The report counts a customer who dropped off as still in the stage; on the map the two add up.
    rows = [("plain", f"{max(stage.get('current', 0) - dropped, 0):,} here now")]
    if dropped:
        rows.append(("bad", f"{dropped:,} dropped off"))
    median = (stage.get("seconds_to_reach") or {}).get("median")
    if median is not None:
        rows.append(("plain", f"{time_words(median)} from the step before"))
    return Figure(reached, reached / customers, tuple(rows))


def percent(share: float) -> str:
    """A share in per cent, with a decimal where it is small."""
    value = share * 100
    return f"{value:.0f} %" if value >= 9.95 or value == 0 else f"{value:.1f} %"


def time_words(seconds: float) -> str:
    """A time in its two largest units: `2 d 3 h`, `45 s`."""
    for size, unit, smaller, below in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = int(seconds % size // smaller)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{int(seconds)} s"


def _footer(definition: Definition, figures: Mapping[str, Any] | None) -> str:
    words = f"{definition.journey}, version {definition.version}"
    if definition.key:
        words += f", one journey for each {definition.key[-1].replace('_', ' ')}"
    if figures:
        counted = "journeys" if definition.key else "customers"
        words += f"; figures of {figures['customers']:,} {counted} from {_events(figures)} touchpoints"
    return words


def _events(figures: Mapping[str, Any]) -> str:
    return f"{(figures.get('events') or {}).get('applied', 0):,}"
