"""A journey definition: the frozen value from which everything else is computed.

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
# Conversion is counted within these numbers of days from the beginning of a journey, end point inclusive.
WITHIN_DAYS: Final = (1, 7, 28)
SCALES: Final = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
"""By kind: the lowest and the highest score. Other values are no answers."""
MAX_STEPS_BY_SETS: Final = 10
"""The most steps of a funnel in any order whose chains are kept by sets of steps (`tracker/engine/any_order.py`).
Each step doubles the number of sets."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One `where` line: the value at `path` compared with `value`."""

    path: tuple[str, ...]
    """Begins with `properties`, `context` or `channel`."""
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Rule:
    """Touchpoints by channel, type and conditions. Everything given must hold; None means any."""

    channel: str | None = None
    type: str | None = None
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class DropOffAlert:
    """Thresholds of the drop-off alert. The last quarter of an hour must have a third of `customers`, half of z."""

    customers: float = 30
    """At least this many drop-offs in the hour."""
    odds: float = 2.0
    """The odds of dropping off grew at least so many times. By odds, 5 % to 10 % and 50 % to 67 % are equally large."""
    z: float = 4.0
    """z of two proportions is at least this. With ninety stages judged every minute, 3 would page every few hours."""
    severity: Severity = "page"


@dataclass(frozen=True, slots=True)
class ConversionAlert:
    """The thresholds of the conversion alert: today's cohort against those of a day and a week ago at the same age."""

    customers: float = 200
    """At least this many customers in today's cohort."""
    fall: float = 0.3
    """The conversion is lower by at least this share of the earlier one."""
    z: float = 4.0
    severity: Severity = "ticket"


@dataclass(frozen=True, slots=True)
class StalledAlert:
    """The thresholds of the alert that nobody leaves a stage any more."""

    customers: float = 20
    """At least this many came in the hour, and at least this many left in the hours compared with."""
    severity: Severity = "ticket"


@dataclass(frozen=True, slots=True)
class Alerts:
    """The alerts of a stage; None: this one is never raised."""

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
    """By lane: the texts of the stage in the journey map, such as actions, feelings and pains."""
    mood: int | None = None
    """How the customer feels here, from -2 to 2: the curve of the journey map."""
    target_mood: int | None = None
    alerts: Alerts = Alerts()
    """Those of the journey, with the stage's own thresholds over them."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A touchpoint that takes the customer out of the funnel between two steps (None: anywhere)."""

    rule: Rule
    between: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Funnel:
    """How the steps of the funnel are counted."""

    mode: Mode = "sequential"
    window_ms: int | None = None
    """From the entry to the last step, end point inclusive; None: no limit."""
    step_windows_ms: dict[str, int] = field(default_factory=dict)
    """By stage: the time since the step before it, end point inclusive."""
    exclude: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A declared property to break the figures down by; values that are not declared count as `other`."""

    name: str
    path: tuple[str, ...]
    values: tuple[str, ...]
    attribution: str = "first"
    """`first`, `last`, or the name of the stage whose touchpoint gives the value."""


BOUNDS_MS: Final = tuple(seconds * 1000 for seconds in (60, 600, 3600, 21600, 86400, 259200, 604800, 2592000, 7776000))
"""1 min, 10 min, 1 h, 6 h, 1 d, 3 d, 7 d, 30 d and 90 d."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """The upper bounds of the histograms, inclusive, in whole seconds; one more bucket holds longer times."""

    stay_ms: tuple[int, ...] = BOUNDS_MS
    """For the time in a stage."""
    convert_ms: tuple[int, ...] = BOUNDS_MS
    """For the time from the journey's beginning to a stage."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Which touchpoints answer a question of customer feedback, and the path of the score in them."""

    kind: str
    """`nps`, `csat` or `ces`; it determines the scale."""
    rule: Rule
    score: tuple[str, ...] = ("properties", "score")


@dataclass(frozen=True, slots=True)
class Accounts:
    """The journey of accounts that is derived from this one, the journey of their people."""

    journey: str
    """The name of the journey of accounts."""
    rule: AccountRule = "furthest"
    people: int = 1
    """How many people must have reached a stage for the account to reach it."""
    role: str | None = None
    """Only people seen with this value count; None: all do."""
    path: tuple[str, ...] | None = None
    """The path of the role in a touchpoint."""


@dataclass(frozen=True, slots=True)
class Given:
    """One touchpoint of an example, at a time after the example's beginning."""

    at_ms: int
    type: str
    channel: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    person: str | None = None
    """Which of an account's people it belongs to; None: there is one customer."""


@dataclass(frozen=True, slots=True)
class Example:
    """Touchpoints and the state that they must lead to; with persons, the state is the account's."""

    given: tuple[Given, ...]
    expect: dict[str, Any]
    """Any of: current, furthest, reached, skipped, funnel_depth, status."""
    at_ms: int | None = None
    """The moment at which the state is read; None: that of the newest touchpoint."""
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
    """The path of the property whose value identifies an instance; None: one instance for each customer."""
    examples: tuple[Example, ...] = ()
    title: str | None = None
    description: str | None = None
    persona: str | None = None
    buckets: Buckets = field(default_factory=Buckets)
    feedback: tuple[Survey, ...] = ()
    accounts: Accounts | None = None
    not_activity: tuple[Rule, ...] = ()
    """Touchpoints that the customer has no part in, such as mails that were sent. They break no silence, bear on no
    stage and lie between no steps; they may still end the journey or a chain."""
    of_people: str | None = None
    """For a journey of accounts: the journey of its people. It matches no touchpoints itself."""

    @property
    def optional_steps(self) -> frozenset[str]:
        """The stages that a chain of the funnel may pass by; none in any order, where depth counts what was met."""
        return frozenset(stage.name for stage in self.stages if stage.optional and self.funnel.mode != "any")

    @property
    def takes_all(self) -> bool:
        """Whether states hold touchpoints that meet no rule: they show that the customer is not quiet, break a strict
        chain, or answer a survey.
        """
        is_timed = any(stage.drops_after_ms is not None for stage in self.stages)
        return is_timed or self.funnel.mode == "strict" or bool(self.feedback)
