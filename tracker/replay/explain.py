"""An explanation: why a customer is where they are, touchpoint by touchpoint, and what would move them on.

It folds one customer step by step and notes what each step changed. It knows no file and no store; the caller decides
how moments are written.
"""

from collections.abc import Iterable, Sequence
from itertools import compress, groupby
from typing import Final

from schemas.transition import Transition
from tracker import paths
from tracker.duration import show as lasting
from tracker.engine.customer import MAX_INSTANCES, CustomerFold
from tracker.engine.fold import UNCOUNTED
from tracker.engine.instances import InstanceFold
from tracker.engine.matcher import rule_names
from tracker.engine.summary import Summary, summarise
from tracker.figures.feedback import Answers, Listener, latest
from tracker.identity.kinds import MAX_ALIASES
from tracker.identity.ties import read
from tracker.identity.trust import trust_of
from tracker.journey.definition import Definition
from tracker.journey.words import describe
from tracker.records.log import NO_RULE, Entry, counting, is_browsers, twin
from tracker.records.state import Instance, Journey, Progress, Record, decode, decode_progress
from tracker.replay.columns import Columns, Event
from tracker.replay.explanation import Explanation, Line, Story
from tracker.replay.line import is_nameless
from tracker.replay.replay import NOT_ACTIVITY, Folder, unique
from tracker.touch import Touch


class _Narrator:
    """Folds entries one by one and describes what each changed."""

    def __init__(self, instance_fold: InstanceFold, customer: str) -> None:
        self.instance_fold = instance_fold
        self.customer = customer
        definition = instance_fold.definition
        self.names = [stage.name for stage in definition.stages]
        self._rules = rule_names(definition)
        stages = [rule for stage in definition.stages for rule in stage.touchpoints]
        self._listener = Listener(definition.feedback)
        exclusions = (exclusion.rule for exclusion in definition.funnel.exclude)
        self._texts = [*stages, *definition.exits, *exclusions, *definition.not_activity]

    def rule(self, number: int) -> str | None:
        """The rule of a number in words, with its stage and place."""
        if number == NO_RULE or number >= len(self._rules):
            return None
        owner, place = self._rules[number]
        return f"{owner}, rule {place + 1}: {describe(self._texts[number])}"

    def answers(self, touches: Sequence[Touch]) -> Answers:
        """The latest answers in the touches."""
        return self._listener.hear((), touches)

    def step_all(self, progress: Progress, pairs: Sequence[tuple[Entry, Line]], key: str | None) -> list[Line]:
        """Fold sorted entries into the progress; returns their lines, complete, in the order in which they count."""
        lines = []
        for at_ms, group in groupby(pairs, lambda pair: pair[0].at_ms):
            together, depth = list(group), progress.depth
            order = self.instance_fold.engine.counted(progress, at_ms, [entry.bits for entry, _ in together])
            # The funnel has counted those of one instant together already: the last of them reports it.
            last = max((at for at, (_, stage) in enumerate(order) if stage != UNCOUNTED), default=-1)
            for at, (place, stage) in enumerate(order):
                entry, line = together[place]
                effects = self._step(progress, entry, key, stage, depth if at == last else progress.depth)
                line.effects = [*effects, *(f"answered {kind} with {score}" for kind, score, _ in latest(line.answers))]
                lines.append(line)
        return lines

    def _step(self, progress: Progress, entry: Entry, key: str | None, counted: int, depth: int) -> list[str]:
        """Fold an entry into the progress; returns what it changed, in words."""
        before = self.instance_fold.teller.before(progress)
        self.instance_fold.engine.step(progress, entry.at_ms, entry.bits, entry.segments, counted)
        touch = Touch(self.customer, entry.at_ms, "", "", "", {}, {})
        transitions = self.instance_fold.teller.step(self.customer, key, before, progress, touch, entry.rule)
        effects = [_sentence(one) for one in transitions]
        if not effects and entry.bits & ((1 << len(self.names)) - 1):
            effects.append(f"stayed in {self.names[progress.stage]}")
        if progress.depth > depth:
            effects.append(f"reached funnel depth {progress.depth} ({self.names[progress.depth - 1]})")
        if entry.bits & self.instance_fold.engine.passive:
            return [*effects, NOT_ACTIVITY]
        return effects or ["changed nothing, but shows that the customer is not quiet"]


SENTENCES: Final = {
    "entered": "entered the journey at {stage}",
    "advanced": "moved on from {origin} to {stage}",
    "returned": "returned from {origin} to {stage}",
    "dropped": "had dropped off in {stage}, {ago}",
    "recovered": "came back after dropping off in {stage}",
    "completed": "reached a goal",
    "exited": "left the journey from {stage}",
    "corrected": "corrected what had been reported",
}


def _sentence(transition: Transition) -> str:
    text = SENTENCES[transition.kind].format(
        stage=transition.stage, origin=transition.origin, ago="having been quiet for too long"
    )
    return f"{text}, skipping {', '.join(transition.skipped)}" if transition.skipped else text


def _next(instance_fold: InstanceFold, summary: Summary, now_ms: int) -> list[str]:
    """What would move the customer on, and what the clock will do, in sentences."""
    definition = instance_fold.definition
    names = [stage.name for stage in definition.stages]
    lines = []
    for stage in definition.stages[names.index(summary.current) + 1 :]:
        rules = " or ".join(describe(rule) for rule in stage.touchpoints) or "nothing can"
        lines.append(f"To {stage.name}{' (optional)' if stage.optional else ''}: {rules}.")
        if not stage.optional:
            break
    else:
        lines.append("This is the last stage.")
    step = next((name for name in names[summary.funnel_depth :]), None)
    if definition.funnel.mode != "any" and step and step != _first_after(names, summary.current):
        lines.append(f"The funnel's next step is {step}.")
    limit = definition.stages[names.index(summary.current)].drops_after_ms
    if summary.status == "dropped":
        lines.append("The customer has dropped off; any touchpoint is a recovery.")
    elif summary.due_ms is not None and limit is not None:
        left = max(summary.due_ms - 1 - now_ms, 0)
        lines.append(
            f"Without a touchpoint the customer drops off in {lasting(left // 1000 * 1000)} ({lasting(limit)})."
        )
    elif summary.status == "exited":
        lines.append("The customer has left; the next touchpoint of a stage starts the journey again.")
    return lines


def _first_after(names: Sequence[str], current: str) -> str | None:
    place = names.index(current) + 1
    return names[place] if place < len(names) else None


def explain(
    definition: Definition, columns: Columns, customer: str, events: Sequence[Event], now_ms: int
) -> Explanation:
    """The explanation of one customer of a replay. Events are in order of time."""
    folder = Folder(definition, columns)
    narrator = _Narrator(folder.instance_fold, customer)
    once = unique(columns, events)
    others = [_other(columns, customer, event, "a duplicate: it counts once") for event in _repeated(columns, events)]
    groups: dict[str | None, list[tuple[Entry, Line]]] = {}
    heard: dict[str | None, list[Touch]] = {}
    for event in once:
        entry, key = folder.entry(event), folder.key(event)
        if entry is None or (definition.key is not None and not key):
            why = folder.why_not(event) if entry is None else f"it has no {paths.show(definition.key or ())}"
            others.append(_other(columns, customer, event, why))
        else:
            line, touch = _line(columns, customer, event), columns.touch(customer, event)
            line.rule = narrator.rule(entry.rule)
            line.answers = narrator.answers([touch])
            groups.setdefault(key, []).append((entry, line))
            heard.setdefault(key, []).append(touch)
    for key, pairs in groups.items():
        left = {entry.id for entry in counting(entry for entry, _ in pairs)}
        for _, line in (pair for pair in pairs if pair[0].id not in left):
            line.effects = ["a browser's version: a server's with the same id counts"]
            others.append(line)
        counted = [entry.id in left for entry, _ in pairs]
        groups[key], heard[key] = list(compress(pairs, counted)), list(compress(heard[key], counted))
    stories = [_story(narrator, key, pairs, now_ms) for key, pairs in groups.items()]
    for story, (key, pairs) in zip(stories, groups.items(), strict=True):
        if story is not None:
            story.answers = narrator.answers(heard.get(key, ()))
        else:
            others += [line for _, line in pairs]
    return Explanation(
        customer,
        definition.journey,
        definition.version,
        now_ms,
        [story for story in stories if story is not None],
        sorted(others, key=lambda line: line.at_ms),
    )


def _story(narrator: _Narrator, key: str | None, pairs: Iterable[tuple[Entry, Line]], now_ms: int) -> Story | None:
    """The story of one instance; None where the journey never begins."""
    ordered = sorted(pairs, key=lambda pair: pair[0])
    instance = narrator.instance_fold.engine.open(key, ordered[0][0])
    lines = narrator.step_all(instance.progress, ordered, key)
    if instance.progress.stage < 0:
        return None
    return _finished(narrator, instance, lines, now_ms)


def _finished(narrator: _Narrator, instance: Instance, lines: list[Line], now_ms: int) -> Story:
    instance_fold = narrator.instance_fold
    instance_fold.engine.look(instance.progress, now_ms)
    summary = summarise(instance_fold, instance)
    return Story(summary, lines, _next(instance_fold, summary, now_ms))


def _repeated(columns: Columns, events: Sequence[Event]) -> list[Event]:
    seen: set[tuple[str, bool]] = set()
    repeated = []
    for event in events:
        version = event[1], columns.is_browser(event[2])
        if version in seen:
            repeated.append(event)
        seen.add(version)
    return repeated


def _line(columns: Columns, customer: str, event: Event) -> Line:
    touch = columns.touch(customer, event)
    event_id = None if is_nameless(touch.event_id) else touch.event_id
    return Line(touch.at_ms, f"{touch.channel} {touch.type}", event_id, None)


def _other(columns: Columns, customer: str, event: Event, why: str) -> Line:
    line = _line(columns, customer, event)
    line.effects = [why]
    return line


def explain_record(journeys: CustomerFold, customer: str, record: bytes, now_ms: int) -> list[Explanation]:
    """The explanations of a stored record, one for each journey, by the present definitions.

    Touchpoints older than the log are folded together. Raises UnknownDefinitionError.
    """
    instance_folds = {instance_fold.definition.journey: instance_fold for instance_fold in journeys.instance_folds}
    explanations = []
    stored = decode(record)
    journeys.modernise(stored)
    beyond = _limits_of_ties(stored)
    for journey in stored.journeys:
        instance_fold = instance_folds.get(journey.name)
        if instance_fold is None:
            continue
        narrator = _Narrator(instance_fold, customer)
        stories = [_stored(narrator, instance, now_ms) for instance in journey.instances]
        begun = [story for story in stories if story is not None]
        limits = [*_limits_of(journey), *beyond]
        explanations.append(Explanation(customer, journey.name, journey.version, now_ms, begun, [], limits))
    return explanations


def _limits_of(journey: Journey) -> list[str]:
    if len(journey.instances) < MAX_INSTANCES:
        return []
    browsers = sum(one.by_browsers for one in journey.instances)
    said = (
        f"{MAX_INSTANCES} instances, the most that a customer may have: no further ones begin. {browsers} of them are "
        "of browsers alone, and give way to those of which a server sends something."
    )
    return [said]


def _limits_of_ties(record: Record) -> list[str]:
    ties = read(record.ties).edges.values()
    if len(ties) < MAX_ALIASES:
        return []
    browsers = sum(trust_of(edge.at_ms) == "browser" for edge in ties)
    said = (
        f"{MAX_ALIASES} ties to other names, the most that a name may have: the earliest stay. {browsers} of them were "
        "seen by browsers alone, and are the first to go."
    )
    return [said]


def _stored(narrator: _Narrator, instance: Instance, now_ms: int) -> Story | None:
    if instance.progress.stage < 0:
        return None
    instance_fold = narrator.instance_fold
    entries = instance_fold.engine.layout.unpack(instance.log)
    base = decode_progress(instance.base) if instance.base else None
    progress = base or instance_fold.engine.open(instance.key, entries[0]).progress
    pairs = [
        (entry, Line(entry.at_ms, f"touchpoint {_short(entry.id)}", None, narrator.rule(entry.rule)))
        for entry in entries
    ]
    lines = narrator.step_all(progress, pairs, instance.key)
    story = _finished(narrator, instance, lines, now_ms)
    story.folded_away = entries[0].at_ms if base is not None and entries else None
    story.answers = instance.feedback
    return story


def _short(short: bytes) -> str:
    """A stored id as text: whole, or its beginning, or its bytes in hexadecimal."""
    short = twin(short) if is_browsers(short) else short
    for kept, more in ((short.rstrip(b"\0"), ""), (short[: len(short) // 2], "…")):
        if kept.isascii() and kept.decode("ascii").isprintable():
            return kept.decode("ascii") + more
    return short.hex() + "…"
