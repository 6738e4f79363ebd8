"""A journey definition: the frozen value that everything downstream is computed from.

It knows nothing of YAML (`tracker/journey/file.py` reads that) and nothing of customers.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

Operator = Literal["eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "exists", "contains", "matches"]
Order = Literal["free", "forward"]
Mode = Literal["sequential", "strict", "any"]
Severity = Literal["page", "ticket"]
AccountRule = Literal["furthest", "quorum", "role"]

STATUSES: Final = ("active", "waiting", "dropped", "completed", "exited")
# Days from the beginning of a journey, end point inclusive, for conversion within so many.
WITHIN_DAYS: Final = (1, 7, 28)
SCALES: Final = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
"""By kind: the lowest and the highest score. What lies outside, or is no number, is no answer."""
MAX_STEPS_BY_SETS: Final = 10
"""How many steps a funnel in any order may have where its chains are kept by sets of steps (`engine/any_order.py`)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One `where` line: the value at `path` compared with `value`."""

    path: tuple[str, ...]
    """Begins with `properties`, `context` or `channel`."""
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Rule:
    """Which touchpoints are meant: all that is given must hold; None means any."""

    channel: str | None = None
    type: str | None = None
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class DropOffAlert:
    """When drop-off in a stage is news. The last quarter of an hour asks for a third of the customers and half of z."""

    customers: float = 30
    """As many drop-offs in the hour."""
    odds: float = 2.0
    """The odds of dropping off times so much: 5 % to 10 % and 50 % to 67 % are equally large."""
    z: float = 4.0
    """As unlikely by chance: with ninety stages looked at every minute, 3 would page every few hours."""
    severity: Severity = "page"


@dataclass(frozen=True, slots=True)
class ConversionAlert:
    """When it is news that today's cohort converts worse than those of yesterday and a week ago did at its age."""

    customers: float = 200
    """As many in today's cohort."""
    fall: float = 0.3
    """Fewer by this share."""
    z: float = 4.0
    severity: Severity = "ticket"


@dataclass(frozen=True, slots=True)
class StalledAlert:
    """When it is news that nobody leaves a stage any more."""

    customers: float = 20
    """As many came in the hour; as many left in the hours before that it is compared with."""
    severity: Severity = "ticket"


@dataclass(frozen=True, slots=True)
class Alerts:
    """What is told of a stage; None is never told."""

    drop_off: DropOffAlert | None = DropOffAlert()
    conversion_fall: ConversionAlert | None = ConversionAlert()
    stalled: StalledAlert | None = StalledAlert()


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the journey."""

    name: str
    touchpoints: tuple[Rule, ...]
    """A touchpoint that meets any of these belongs to the stage."""
    drops_after_ms: int | None = None
    optional: bool = False
    goal: bool = False
    lanes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What the journey map says of the stage, by lane: actions, feelings, pains, and so on."""
    mood: int | None = None
    """How the customer feels here, from -2 to 2: the curve of the journey map."""
    target_mood: int | None = None
    alerts: Alerts = Alerts()
    """Those of the journey, with what the stage says otherwise."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A touchpoint that takes the customer out of the funnel between two steps (None: anywhere)."""

    rule: Rule
    between: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Funnel:
    """How the steps are counted."""

    mode: Mode = "sequential"
    window_ms: int | None = None
    """From the entry to the last step, end point inclusive; None: no limit."""
    step_windows_ms: dict[str, int] = field(default_factory=dict)
    """By stage: the time since the step before it, end point inclusive."""
    exclude: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A declared property to break the figures down by; what is not declared counts as `other`."""

    name: str
    path: tuple[str, ...]
    values: tuple[str, ...]
    attribution: str = "first"
    """`first`, `last`, or the name of the stage whose touchpoint gives the value."""


BOUNDS_MS: Final = tuple(seconds * 1000 for seconds in (60, 600, 3600, 21600, 86400, 259200, 604800, 2592000, 7776000))
"""From a minute to 90 days."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """The upper bounds of the histograms, inclusive, in whole seconds; one more bucket holds what is longer."""

    stay_ms: tuple[int, ...] = BOUNDS_MS
    """For the time in a stage."""
    convert_ms: tuple[int, ...] = BOUNDS_MS
    """For the time from the journey's beginning to a stage."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Which touchpoints answer a question of customer feedback, and where the score stands in them."""

    kind: str
    """`nps`, `csat` or `ces`: with it goes the scale."""
    rule: Rule
    score: tuple[str, ...] = ("properties", "score")


@dataclass(frozen=True, slots=True)
class Accounts:
    """The journey of accounts that is derived from this one, which is their people's."""

    journey: str
    """What it is called."""
    rule: AccountRule = "furthest"
    people: int = 1
    """As many must have come to a stage for the account to be there."""
    role: str | None = None
    """Only people who were seen with this value count."""
    path: tuple[str, ...] | None = None
    """Where the role is found in a touchpoint."""


@dataclass(frozen=True, slots=True)
class Given:
    """One touchpoint of an example, at a time after the example's beginning."""

    at_ms: int
    type: str
    channel: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    person: str | None = None
    """Which of an account's people."""


@dataclass(frozen=True, slots=True)
class Example:
    """These touchpoints lead to this state; where they are of persons, the account's."""

    given: tuple[Given, ...]
    expect: dict[str, Any]
    """Any of: current, furthest, reached, skipped, funnel_depth, status."""
    at_ms: int | None = None
    """The moment of looking; the newest touchpoint's where it is not given."""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """One journey, checked and complete."""

    journey: str
    version: int
    stages: tuple[Stage, ...]
    order: Order = "free"
    funnel: Funnel = field(default_factory=Funnel)
    exits: tuple[Rule, ...] = ()
    segments: tuple[Segment, ...] = ()
    key: tuple[str, ...] | None = None
    """The path of the property that tells parallel instances apart."""
    examples: tuple[Example, ...] = ()
    title: str | None = None
    description: str | None = None
    persona: str | None = None
    buckets: Buckets = field(default_factory=Buckets)
    feedback: tuple[Survey, ...] = ()
    accounts: Accounts | None = None
    of_people: str | None = None
    """Of a journey of accounts: its people's journey. No touchpoint belongs to it by itself."""
