"""A journey definition: the frozen value that everything downstream is computed from.

It knows nothing of YAML (`tracker/journey_file.py` reads that) and nothing of customers.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Operator = Literal["eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "exists", "contains", "matches"]
Order = Literal["free", "forward"]
Mode = Literal["sequential", "strict", "any"]


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


@dataclass(frozen=True, slots=True)
class Given:
    """One touchpoint of an example, at a time after the example's beginning."""

    at_ms: int
    type: str
    channel: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """These touchpoints lead to this state."""

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
