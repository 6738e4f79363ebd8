"""Which touchpoints of a file meet the rules of a journey, and which stages none meets.

It counts single touchpoints and folds no customer; `tracker replay` does.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from tracker.engine.matcher import Matcher
from tracker.journey.definition import Definition
from tracker.touch import Touch

MAX_TYPES: Final = 1_000
"""Types that are counted apart; a sender that puts numbers into its types has one for each touchpoint."""
SHOWN: Final = 12
OTHERS: Final = "(other types)"


class Meeting:
    """The counts of one journey file."""

    def __init__(self, file: str, definition: Definition) -> None:
        self.file: Final = file
        self.definition: Final = definition
        self.touchpoints = 0
        self.unmet: Counter[str] = Counter()
        """By channel and type: touchpoints that meet no rule."""
        self._bits: Counter[int] = Counter()
        self._match: Final = Matcher(definition).match

    def see(self, touch: Touch) -> None:
        """Count a touchpoint."""
        self.touchpoints += 1
        bits = self._match(touch).bits
        if bits:
            self._bits[bits] += 1
            return
        name = f"{touch.channel}: {touch.type}"
        self.unmet[name if name in self.unmet or len(self.unmet) < MAX_TYPES else OTHERS] += 1

    def stages(self) -> dict[str, int]:
        """By stage: how many touchpoints meet one of its rules."""
        return {
            stage.name: sum(count for bits, count in self._bits.items() if bits >> place & 1)
            for place, stage in enumerate(self.definition.stages)
        }

    def as_lines(self) -> Iterator[str]:
        """The counts as text."""
        met = self.touchpoints - self.unmet.total()
        yield ""
        yield f"{self.file} against the touchpoints: {met:,} of {self.touchpoints:,} meet a rule"
        for name, count in self.unmet.most_common(SHOWN):
            yield f"    no rule  {name}  {count:,}"
        if len(self.unmet) > SHOWN:
            yield f"    no rule  {len(self.unmet) - SHOWN:,} more types; --json prints all"
        for name in (name for name, count in self.stages().items() if not count):
            yield f"    no touchpoint meets the stage {name!r}"

    def as_data(self) -> dict[str, Any]:
        """The counts as plain data."""
        return {
            "file": self.file,
            "touchpoints": self.touchpoints,
            "stages": self.stages(),
            "unmet": dict(self.unmet.most_common()),
        }
