"""Feedback: the latest answer of a customer to each question of satisfaction, kept as the maximum of a set.

An answer is (kind, moment, score). The newest of each kind is kept, and of two at the same moment the one with the
higher score. A maximum depends neither on the order nor on the repetition of touchpoints, so no log is needed, and two
customers who turn out to be one are merged by the same rule. It knows scales; NPS and the like are computed where they
are shown.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from tracker.journey.conditions import compile_rule, getter, number
from tracker.journey.definition import SCALES, Survey
from tracker.touch import Touch

KINDS: Final = tuple(SCALES)

Answers = tuple[int, ...]
"""Kind (its place in KINDS), milliseconds since 1970, score; again for each kind that was answered, in KINDS' order."""


def latest(answers: Answers) -> Iterator[tuple[str, int, int]]:
    """Each kind that was answered, with its score and when, in milliseconds since 1970."""
    for place in range(0, len(answers), 3):
        yield KINDS[answers[place]], answers[place + 2], answers[place + 1]


def join(one: Answers, other: Answers) -> Answers:
    """The newest answer of each kind in both."""
    newest: dict[int, tuple[int, int]] = {}
    both = one + other
    for place in range(0, len(both), 3):
        kind, at_ms, score = both[place : place + 3]
        newest[kind] = max(newest.get(kind, (at_ms, score)), (at_ms, score))
    return tuple(part for kind in sorted(newest) for part in (kind, *newest[kind]))


class Listener:
    """Finds answers in the touchpoints of one journey."""

    def __init__(self, surveys: Sequence[Survey]) -> None:
        self._surveys = [
            (compile_rule(survey.rule), getter(survey.score), KINDS.index(survey.kind), *SCALES[survey.kind])
            for survey in surveys
        ]

    def hear(self, answers: Answers, touches: Sequence[Touch]) -> Answers:
        """The answers so far, joined with those in the touches; what is no whole number on the scale is no answer."""
        for touch in touches:
            for meant, score_in, kind, lowest, highest in self._surveys:
                if not meant(touch):
                    continue
                score = number(score_in(touch))
                # Scores of all three questions are whole numbers: half a point is on no scale.
                if score is not None and lowest <= score <= highest and score == int(score):
                    answers = join(answers, (kind, touch.at_ms, int(score)))
        return answers
