"""A finding: what one check says of one area, how bad it is, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from streams.errors import ExitCode
from streams.settings.settings import Settings
from tracker.duration import show

State = Literal["problem", "warning", "unknown", "remark", "ok"]
WORST_FIRST: Final[tuple[State, ...]] = ("problem", "warning", "unknown", "remark", "ok")
"""`problem`: something does not work. `warning`: it works, and may not for long. `unknown`: it could not be asked, so
nobody knows. `remark`: it passes by itself. `ok`: it is as it should be."""

Result = tuple[State, str, str] | tuple[State, str, str, ExitCode]
"""What a check yields: state, message, remedy, and for a problem the exit code where it is not MISMATCH."""


class Unaskable(Exception):  # noqa: N818  # what follows from the findings, not an error
    """A check has yielded its findings, and what needs its area cannot be asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    area: str
    state: State
    message: str
    remedy: str = ""
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a check may look at, and how patiently."""

    settings: Settings
    exporter: str | None = None
    """The exporter's address, where one was named; otherwise that of the settings."""
    canary: str | None = None
    look_s: float = 3.0
    """How long lies between two looks at what moves."""
    patient_s: float = 12.0
    """How long to look where nothing moves before it counts as standing still: one batch may take some seconds."""
    in_full: bool = False
    """Whether to tell what is in order at length."""
    named: frozenset[str] = field(default_factory=frozenset)
    """Environment variables that are set: an address that somebody chose must answer, a default need not."""


def span(seconds: float) -> str:
    """A span of time as people say it: `4s`, `2m10s`, `3h20m`, `2d4h`."""
    whole_s = max(1, round(seconds))
    step_s = 1 if whole_s < 3600 else 60 if whole_s < 86_400 else 3600
    return show(whole_s // step_s * step_s * 1000)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By state; within a state, a fault comes before the faults that it causes, as the checks do."""
    return sorted(findings, key=lambda finding: WORST_FIRST.index(finding.state))


def verdict(findings: Iterable[Finding]) -> ExitCode:
    """The exit code of the first problem; OK where there is none."""
    return next((finding.exit_code for finding in findings if finding.state == "problem"), ExitCode.OK)
