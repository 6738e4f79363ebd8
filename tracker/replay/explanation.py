"""What an explanation says, as JSON and as text; the caller decides how moments are written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tracker.engine.summary import Summary
from tracker.figures.feedback import Answers, latest

ShowTime = Callable[[int | None], str | None]


@dataclass(slots=True)
class Line:
    """One touchpoint and its effects."""

    at_ms: int
    what: str
    """Channel and type, or the id where these are not stored."""
    event_id: str | None
    rule: str | None
    """The first rule that it met."""
    effects: list[str] = field(default_factory=list)
    answers: Answers = ()
    """What it answers to questions of feedback."""


@dataclass(slots=True)
class Story:
    """One instance of the journey."""

    summary: Summary
    lines: list[Line]
    next: list[str]
    """What would move the customer on, and what happens without a touchpoint."""
    folded_away: int | None = None
    """Touchpoints before this moment (ms) are folded together; None where all are known."""
    answers: Answers = ()
    """The latest answer to each question of feedback."""


@dataclass(slots=True)
class Explanation:
    """The explanation of one customer in one journey."""

    customer: str
    journey: str
    version: int
    now_ms: int
    stories: list[Story]
    others: list[Line]
    """Touchpoints that belong to no instance, and duplicates."""
    limits: list[str] = field(default_factory=list)
    """What the customer has the most of that is kept, in sentences."""

    def as_json(self, show_time: ShowTime) -> dict[str, Any]:
        """The explanation as plain data."""
        return {
            "customer": self.customer,
            "journey": self.journey,
            "version": self.version,
            "now": show_time(self.now_ms),
            "instances": [
                {
                    "key": story.summary.key,
                    "current": story.summary.current,
                    "furthest": story.summary.furthest,
                    "status": story.summary.status,
                    "funnel_depth": story.summary.funnel_depth,
                    "skipped": list(story.summary.skipped),
                    "touchpoints": [_line_as_json(line, show_time) for line in story.lines],
                    "answers": [
                        {"question": kind, "score": score, "at": show_time(at_ms)}
                        for kind, score, at_ms in latest(story.answers)
                    ],
                    "next": story.next,
                }
                for story in self.stories
            ],
            "others": [_line_as_json(line, show_time) for line in self.others],
            "limits": self.limits,
        }

    def as_text(self, show_time: ShowTime) -> str:
        """The explanation as text."""
        parts = [
            f"{_on_one_line(self.customer)} in {self.journey} (version {self.version}), at {show_time(self.now_ms)}"
        ]
        if not self.stories:
            parts.append("No touchpoint belongs to this journey: the customer is not in it.")
        for story in self.stories:
            parts += _story_as_text(story, show_time)
        if self.others:
            parts.append("\nWithout effect")
            parts += [text for line in self.others for text in _line_as_text(line, show_time)]
        parts += ["\nLimits reached", *(f"  {text}" for text in self.limits)] if self.limits else []
        return "\n".join(parts)


def _on_one_line(text: str) -> str:
    """What a sender wrote, without line breaks: it must not look like a line of the explanation."""
    return " ".join(text.splitlines())


def _line_as_json(line: Line, show_time: ShowTime) -> dict[str, Any]:
    return {
        "at": show_time(line.at_ms),
        "what": line.what,
        "event_id": line.event_id,
        "rule": line.rule,
        "effects": line.effects,
    }


def _story_as_text(story: Story, show_time: ShowTime) -> list[str]:
    summary = story.summary
    name = f"\n{_on_one_line(summary.key)}: " if summary.key is not None else "\n"
    facts = [
        f"{name}{summary.status} in {summary.current}",
        f"furthest {summary.furthest}",
        f"funnel depth {summary.funnel_depth}",
        *([f"skipped {', '.join(summary.skipped)}"] if summary.skipped else []),
    ]
    parts = ["; ".join(facts), ""]
    if story.folded_away is not None:
        parts.append(f"  Touchpoints before {show_time(story.folded_away)} are folded together.")
    for line in story.lines:
        parts += _line_as_text(line, show_time)
    if story.answers:
        parts.append("\nAnswers")
        parts += [f"  {show_time(at_ms)}  {kind}: {score}" for kind, score, at_ms in latest(story.answers)]
    parts.append("\nWhat next")
    parts += [f"  {text}" for text in story.next]
    return parts


def _line_as_text(line: Line, show_time: ShowTime) -> list[str]:
    named = f"  [{_on_one_line(line.event_id)}]" if line.event_id else ""
    parts = [f"  {show_time(line.at_ms)}  {_on_one_line(line.what)}{named}"]
    if line.rule:
        parts.append(f"      met    {line.rule}")
    return parts + [f"      {'did  ' if not place else '     '}  {text}" for place, text in enumerate(line.effects)]
