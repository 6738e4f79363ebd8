"""Contributions: what one state adds to the figures.

Aggregates change by `contribution(new) - contribution(old)` in the same write as the state, so they are always the sum
over all states. Late touchpoints, merges and erasures need no code of their own: they are changes of states.
The names of the fields are in `tracker/figures/fields.py`.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, NamedTuple

from tracker.figures.feedback import Answers, latest
from tracker.figures.fields import DAY_MS, WITHIN, bucket_names, cohort_day, cohort_of, escape
from tracker.figures.tally import Cell, Tally, change_by, written
from tracker.journey.definition import STATUSES, WITHIN_DAYS, Definition
from tracker.records.state import FIRST_VALUE, OTHER, Instance, Progress

_WITHIN_MS: Final = tuple(days * DAY_MS for days in WITHIN_DAYS)
# Sets of cells, by cohort day and segment values, that are kept between batches. The live tracker needs few at a time.
MAX_CELLS: Final = 2000


def began_ms(progress: Progress) -> int | None:
    """When the journey began: its first touchpoint that matched a stage; None before that."""
    firsts = [at for at in progress.first if at is not None]
    return progress.zero_ms + min(firsts) if firsts else None


class Facts(NamedTuple):
    """The part of a state that the figures depend on.

    A state is changed in place, so facts from before a change must hold copies of its lists (`facts_before`).
    """

    zero_ms: int
    stage: int
    """-1 before the journey begins; such a state adds nothing."""
    status: int
    depth: int
    taken: int
    first: list[int | None]
    visits: list[int]
    spent: list[int]
    gaps: list[int]
    segments: list[int]
    corrections: int
    feedback: Answers
    cohorts_from: int

    def day(self) -> int:
        """The day on which the journey began, counted from 1970; BEFORE where it has no cohort of its own."""
        return cohort_day(self.zero_ms + least(self.first), self.cohorts_from)


NOTHING: Final = Facts(0, -1, 0, 0, 0, [], [], [], [], [], 0, (), 0)
_STATUS: Final = {name: place for place, name in enumerate(STATUSES)}
_DROPPED, _EXITED = _STATUS["dropped"], _STATUS["exited"]
_EXITED_DROPPED, _SHOWN = len(STATUSES), (*STATUSES, STATUSES[_EXITED])  # had dropped off before others ended it


class Cells(NamedTuple):
    """The cells of one cohort day and one set of segment values."""

    cohort: Cell
    current: tuple[tuple[Cell, ...], ...]
    """By stage and status; exited twice, the second time for those who had dropped off."""
    reached: tuple[tuple[Cell, ...], ...]
    """By stage and WITHIN."""
    funnel: tuple[Cell, ...]
    """By depth; nobody is counted at 0."""
    taken: tuple[Cell, ...]
    """By stage, of the optional ones."""
    visits: tuple[Cell, ...]
    dropoffs: tuple[Cell, ...]
    recoveries: tuple[Cell, ...]
    exits: tuple[Cell, ...]
    feedback: dict[tuple[str, int], Cell]
    """By kind and score; made when first needed."""
    moves: dict[tuple[int, int], Cell]
    """By the stage left and the stage entered, for customers who neither dropped off nor exited: both counts of
    `current` and the visit. Made when first needed, because most pairs of stages never occur."""
    ends: tuple[str, ...]
    """The endings of a figure's fields: none for the whole, and one for each segment value."""
    deeper: tuple[Cell, ...]
    """By the new depth: both counts of `funnel`, up at this depth and down at the one before."""


class Contributor:
    """Computes the contributions of one journey's states."""

    def __init__(self, definition: Definition) -> None:
        self._journey = escape(definition.journey)
        self._stages = tuple(escape(stage.name) for stage in definition.stages)
        self._limits = tuple(stage.drops_after_ms for stage in definition.stages)
        self._goals = tuple(stage.goal for stage in definition.stages)
        self._segments = tuple(
            (escape(segment.name), tuple(escape(value) for value in segment.values)) for segment in definition.segments
        )
        # By stage: the status of a customer who has neither dropped off nor exited.
        self._calm = tuple(
            _STATUS["completed"] if goal else _STATUS["active" if limit is None else "waiting"]
            for goal, limit in zip(self._goals, self._limits, strict=True)
        )
        buckets = definition.buckets
        self.stays = Histogram(self._journey, self._stages, "stay", "seconds", buckets.stay_ms)
        self._converts = Histogram(self._journey, self._stages, "convert", "convert_seconds", buckets.convert_ms)
        self._corrections = Cell([f"{self._journey}|corrections"])
        self._cells: dict[tuple[int, ...], Cells] = {}

    def status(self, progress: Progress) -> str | None:
        """One of STATUSES; None before the journey begins."""
        return STATUSES[min(self._status(progress), _EXITED)] if progress.stage >= 0 else None

    def _status(self, progress: Progress) -> int:
        if progress.exited is not None:
            return _EXITED_DROPPED if progress.is_dropped else _EXITED
        return _DROPPED if progress.is_dropped else self._calm[progress.stage]

    def segment_values(self, progress: Progress) -> list[tuple[str, str]]:
        """The declared value of every segment, `other` where there is none."""
        return self._values(progress.segments)

    def _values(self, codes: Iterable[int]) -> list[tuple[str, str]]:
        return [
            (name, values[code - FIRST_VALUE] if code > OTHER else "other")
            for (name, values), code in zip(self._segments, codes, strict=True)
        ]

    def facts(self, instance: Instance) -> Facts:
        """The facts of an instance; they share its lists, so they are valid until it changes."""
        progress = instance.progress
        return Facts(
            progress.zero_ms,
            progress.stage,
            self._status(progress),
            progress.depth,
            progress.taken,
            progress.first,
            progress.visits,
            progress.spent,
            progress.gaps,
            progress.segments,
            instance.corrections,
            instance.feedback,
            instance.cohorts_from,
        )

    def facts_before(self, instance: Instance) -> Facts:
        """The facts of an instance as copies, to keep while it is changed in place."""
        progress = instance.progress
        return Facts(
            progress.zero_ms,
            progress.stage,
            self._status(progress),
            progress.depth,
            progress.taken,
            progress.first.copy(),
            progress.visits.copy(),
            progress.spent.copy(),
            progress.gaps.copy(),
            progress.segments.copy(),
            instance.corrections,
            instance.feedback,
            instance.cohorts_from,
        )

    def vector(self, instance: Instance) -> dict[str, int]:
        """By field: what an instance adds to the aggregates."""
        tally: Tally = {}
        self._add(tally, self.facts(instance), 1)
        return written(tally)

    def change(self, tally: Tally, before: Facts, after: Facts) -> None:
        """Add the difference between two states of an instance to the tally."""
        if before == after:
            return
        if before.stage >= 0 and after.stage >= 0 and before.segments == after.segments:
            day = after.day()
            # Usually the beginning is the same, and then its day need not be computed again.
            if (before.zero_ms == after.zero_ms and before.first == after.first) or before.day() == day:
                self._change(tally, before, after, self._cells_of(day, after.segments))
                return
        # Another cohort day or other segment values change the names of most fields, so everything is counted anew.
        self._add(tally, before, -1)
        self._add(tally, after, 1)

    def _change(self, tally: Tally, before: Facts, after: Facts, cells: Cells) -> None:  # noqa: C901 - figure by figure
        """The difference where cohort and segments are the same: only the figures that differ are counted."""
        _, was_at, was, was_deep, took, first, visited, spent, gaps, _, corrections, feedback, _ = before
        _, is_at, status, depth, takes, firsts, visits, spends, gaps_now, _, corrections_now, feedback_now, _ = after
        if was_at != is_at or was != status:
            change_by(tally, cells.current[was_at][was], -1)
            change_by(tally, cells.current[is_at][status], 1)
            if was >= _EXITED:
                change_by(tally, cells.exits[was_at], -1)
            if status >= _EXITED:
                change_by(tally, cells.exits[is_at], 1)
        if was_deep != depth:
            if was_deep:
                change_by(tally, cells.funnel[was_deep], -1)
            if depth:
                change_by(tally, cells.funnel[depth], 1)
        self._change_taken(tally, cells, took, takes)
        if first != firsts:
            self._change_reached(tally, before, after, cells)
        if visited != visits or spent != spends or was != status:
            self._change_visits(tally, before, after, cells)
        if gaps != gaps_now or was != status or was == _DROPPED:
            self._add_gaps(tally, cells, before, -1)
            self._add_gaps(tally, cells, after, 1)
        if corrections != corrections_now:
            change_by(tally, self._corrections, corrections_now - corrections)
        if feedback != feedback_now:
            self._add_feedback(tally, cells, before, -1)
            self._add_feedback(tally, cells, after, 1)

    def _change_reached(self, tally: Tally, before: Facts, after: Facts, cells: Cells) -> None:
        # Times count from the journey's beginning, so an earlier beginning moves every stage to another bucket.
        began, begins = least(before.first), least(after.first)
        for stage, (was, at) in enumerate(zip(before.first, after.first, strict=True)):
            if was is None:
                if at is not None:
                    self.add_reached(tally, cells, stage, at - begins, 1)
            elif at is None or at - begins != was - began:
                self.add_reached(tally, cells, stage, was - began, -1)
                if at is not None:
                    self.add_reached(tally, cells, stage, at - begins, 1)

    def _change_visits(self, tally: Tally, before: Facts, after: Facts, cells: Cells) -> None:
        # The last stay in the current stage is open, so it is in no histogram until it ends. An exit ends it.
        was_in = -1 if before.status >= _EXITED else before.stage
        is_in = -1 if after.status >= _EXITED else after.stage
        stages = zip(before.visits, after.visits, before.spent, after.spent, strict=True)
        for stage, (visited, visits, spent, spends) in enumerate(stages):
            if visited != visits:
                change_by(tally, cells.visits[stage], visits - visited)
            elif spent == spends and (stage == was_in) == (stage == is_in):
                continue
            if visited > (stage == was_in):
                self.stays.add(tally, stage, spent, -1)
            if visits > (stage == is_in):
                self.stays.add(tally, stage, spends, 1)

    def _add(self, tally: Tally, facts: Facts, sign: int) -> None:
        """Add everything that a state contributes, times `sign`."""
        _, stage, status, depth, taken, firsts, _, _, _, segments, corrections, feedback, _ = facts
        if stage < 0:
            return
        began = least(firsts)
        cells = self._cells_of(cohort_day(facts.zero_ms + began, facts.cohorts_from), segments)
        change_by(tally, cells.cohort, sign)
        change_by(tally, cells.current[stage][status], sign)
        if status >= _EXITED:
            change_by(tally, cells.exits[stage], sign)
            stage = -1
        if depth:
            change_by(tally, cells.funnel[depth], sign)
        self._change_taken(tally, cells, 0 if sign > 0 else taken, taken if sign > 0 else 0)
        for place, visits in enumerate(facts.visits):
            if visits:
                change_by(tally, cells.visits[place], sign * visits)
            at = firsts[place]
            if at is not None:
                self.add_reached(tally, cells, place, at - began, sign)
            if visits > (place == stage):
                self.stays.add(tally, place, facts.spent[place], sign)
        self._add_gaps(tally, cells, facts, sign)
        if feedback:
            self._add_feedback(tally, cells, facts, sign)
        if corrections:
            change_by(tally, self._corrections, sign * corrections)

    def add_reached(self, tally: Tally, cells: Cells, stage: int, took_ms: int, sign: int = 1) -> None:
        """Count a stage as reached `took_ms` after the beginning; `sign` -1 takes it back."""
        change_by(tally, cells.reached[stage][bisect_left(_WITHIN_MS, took_ms)], sign)
        # A customer who began in the stage did not convert to it.
        if took_ms:
            self._converts.add(tally, stage, took_ms, sign)

    def _add_feedback(self, tally: Tally, cells: Cells, facts: Facts, sign: int) -> None:
        for kind, score, _ in latest(facts.feedback):
            cell = cells.feedback.get((kind, score))
            if cell is None:
                names = (f"{self._journey}|feedback|{kind}|{score}{end}" for end in cells.ends)
                cell = cells.feedback[kind, score] = Cell(names)
            change_by(tally, cell, sign)

    @staticmethod
    def _change_taken(tally: Tally, cells: Cells, before: int, after: int) -> None:
        for stage, cell in enumerate(cells.taken if before != after else ()):
            change_by(tally, cell, (after >> stage & 1) - (before >> stage & 1))

    @staticmethod
    def _add_gaps(tally: Tally, cells: Cells, facts: Facts, sign: int) -> None:
        for stage, gaps in enumerate(facts.gaps):
            if gaps:
                change_by(tally, cells.recoveries[stage], sign * gaps)
                change_by(tally, cells.dropoffs[stage], sign * gaps)
        if facts.status in (_DROPPED, _EXITED_DROPPED):
            change_by(tally, cells.dropoffs[facts.stage], sign)

    def cells(self, instance: Instance, began: int) -> Cells:
        """The cells of an instance whose journey began `began` ms after its first touchpoint."""
        progress = instance.progress
        return self._cells_of(cohort_day(progress.zero_ms + began, instance.cohorts_from), progress.segments)

    def move(self, cells: Cells, was: int, stage: int) -> Cell:
        """The cell of a move between two stages by a customer who neither dropped off nor exited; kept in `moves`."""
        after, before = cells.current[stage][self._calm[stage]], cells.current[was][self._calm[was]]
        cell = cells.moves[was, stage] = Cell(after.fields + cells.visits[stage].fields, before.fields)
        return cell

    def _cells_of(self, day: int, segments: list[int]) -> Cells:
        key = (day, *segments)
        cells = self._cells.get(key)
        if cells is None:
            cells = self._make_cells(day, segments)
            # Cleared whole when full: a replay of history brings many days, and cells are cheap to make again.
            if len(self._cells) >= MAX_CELLS:
                self._cells.clear()
            self._cells[key] = cells
        return cells

    def _make_cells(self, day: int, codes: list[int]) -> Cells:
        cohort = cohort_of(day)
        ends = ["", *(f"|{name}={value}" for name, value in self._values(codes))]

        def fields(*parts: str) -> list[str]:
            whole = "|".join((self._journey, *parts))
            return [whole + end for end in ends]

        def by_stage(figure: str, *parts: str) -> tuple[Cell, ...]:
            return tuple(Cell(fields(figure, *parts, stage)) for stage in stages)

        stages = self._stages
        current = tuple(tuple(Cell(fields("current", stage, status)) for status in _SHOWN) for stage in stages)
        completions = tuple(
            fields("completions", stage) if goal else [] for stage, goal in zip(stages, self._goals, strict=True)
        )
        funnel, visits = (Cell(), *by_stage("funnel", cohort)), by_stage("visits")
        return Cells(
            Cell(fields("cohort", cohort)),
            current,
            tuple(
                tuple(Cell(fields("reached", cohort, stage, days) + goal) for days in WITHIN)
                for stage, goal in zip(stages, completions, strict=True)
            ),
            funnel,
            by_stage("taken", cohort),
            visits,
            by_stage("dropoffs"),
            by_stage("recoveries"),
            by_stage("exits"),
            {},
            {},
            tuple(ends),
            tuple(Cell(cell.fields, before.fields) for before, cell in zip((Cell(), *funnel), funnel, strict=False)),
        )


class Histogram:
    """A histogram by stage: counts by bucket, and the sum in whole seconds.

    Each time is rounded down before it is added, so that taking it back leaves no remainder.
    """

    def __init__(
        self, journey: str, stages: tuple[str, ...], figure: str, sums: str, bounds_ms: tuple[int, ...]
    ) -> None:
        self._bounds_ms = bounds_ms
        buckets = bucket_names(bounds_ms)
        self._counts = tuple(tuple(Cell([f"{journey}|{figure}|{stage}|{one}"]) for one in buckets) for stage in stages)
        self._sums = tuple(Cell([f"{journey}|{sums}|{stage}"]) for stage in stages)

    def add(self, tally: Tally, stage: int, took_ms: int, sign: int = 1) -> None:
        """Count a time; `sign` -1 takes it back."""
        cell = self._counts[stage][bisect_left(self._bounds_ms, took_ms)]
        tally[cell] = tally.get(cell, 0) + sign
        if took_ms >= 1000:
            cell = self._sums[stage]
            tally[cell] = tally.get(cell, 0) + sign * (took_ms // 1000)

    def grow(self, tally: Tally, stage: int, took_ms: int, takes_ms: int) -> None:
        """Replace a time that was counted before by a longer one."""
        before, after = bisect_left(self._bounds_ms, took_ms), bisect_left(self._bounds_ms, takes_ms)
        if before != after:
            change_by(tally, self._counts[stage][before], -1)
            change_by(tally, self._counts[stage][after], 1)
        cell = self._sums[stage]
        tally[cell] = tally.get(cell, 0) + takes_ms // 1000 - took_ms // 1000


def least(first: list[int | None]) -> int:
    """The least value that is not None; there must be one."""
    found: int | None = None
    for at in first:
        if at is not None and (found is None or at < found):
            found = at
    assert found is not None
    return found
