"""What the parts of a journey file must be to each other: names that differ, stages that exist, rules that can match.

It knows the blocks as they were read, and notes problems and warnings at their places.
"""

from collections.abc import Sequence

from tracker.journey_fields import MAX_STAGES
from tracker.journey_reader import Block, Reader, Word
from tracker.problem import choose
from tracker.yaml_tree import Node

RESERVED = ("all", "first", "last", "other")


def check(reader: Reader, journey: Block, channels: Sequence[str]) -> None:
    """Notes all that is wrong or doubtful in a journey as a whole."""
    names = _stage_names(reader, journey)
    _funnel(reader, journey.get("funnel"), names)
    _segments(reader, journey, names)
    _examples(reader, journey, names)


def _stage_names(reader: Reader, journey: Block) -> list[str]:
    stages: tuple[Block, ...] = journey.get("stages", ())
    if "stages" in journey.values and not stages:
        reader.note(journey.place("stages"), "no stages", "write at least one: [{name: …, touchpoints: [{type: …}]}]")
    if len(stages) > MAX_STAGES:
        reader.note(stages[MAX_STAGES].node, f"{len(stages)} stages", f"use up to {MAX_STAGES}, or several journeys")
    first: dict[str, Node] = {}
    for stage in stages:
        name = stage.get("name")
        if name is None:
            continue
        place = stage.place("name")
        if name in RESERVED:
            reader.note(place, f"{name!r} has a meaning of its own", "choose another name for the stage")
        elif name in first:
            reader.note(place, f"a second stage is called {name!r}; the first is on line {first[name].line}",
                        "give each stage a name of its own")  # fmt: skip
        else:
            first[name] = place
    return list(first)


def _known(reader: Reader, word: Word, names: list[str], also: tuple[str, ...] = ()) -> bool:
    if word.text in names or word.text in also:
        return True
    reader.note(word.node, f"no stage is called {word.text[:60]!r}", choose(word.text, [*also, *names]))
    return False


def _funnel(reader: Reader, funnel: Block | None, names: list[str]) -> None:
    if funnel is None:
        return
    for name, (node, _) in funnel.get("window", {}).items():
        _known(reader, Word(name, node), names, ("all",))
    for each in funnel.get("exclude", ()):
        between = each.get("between")
        if between and all([_known(reader, word, names) for word in between]):
            first, second = (names.index(word.text) for word in between)
            if first >= second:
                reader.note(between[0].node, f"{between[0].text!r} does not come before {between[1].text!r}",
                            f"write between: [{between[1].text}, {between[0].text}]")  # fmt: skip


def _segments(reader: Reader, journey: Block, names: list[str]) -> None:
    for _, segment in journey.get("segments", {}).values():
        attribution: Word | None = segment.get("attribution")
        if attribution:
            _known(reader, attribution, names, ("first", "last"))


def _examples(reader: Reader, journey: Block, names: list[str]) -> None:
    for example in journey.get("examples", ()):
        expect = example.get("expect")
        if expect is None:
            continue
        for key in ("current", "furthest"):
            if word := expect.get(key):
                _known(reader, word, names)
        for key in ("reached", "skipped"):
            for word in expect.get(key, ()):
                _known(reader, word, names)
