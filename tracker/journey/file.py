"""A journey file: YAML text to a Definition, or all its problems at once.

It builds the definition; the reader knows the shapes of values, and the caller decides what a problem means.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from schemas.topics import CHANNELS
from tracker.journey.check import check
from tracker.journey.definition import (
    BOUNDS_MS,
    Accounts,
    Alerts,
    Buckets,
    Definition,
    Example,
    Exclusion,
    Funnel,
    Given,
    Segment,
    Stage,
    Survey,
)
from tracker.journey.doubts import doubt
from tracker.journey.fields import ACCOUNTS, ALERTS, LANES, MAX_NAME, NAME
from tracker.journey.reader import Block, Reader, rule_of
from tracker.journey.values import Word
from tracker.problem import Problem
from tracker.yaml_tree import MAX_BYTES, Mapping, YamlError, grow

__all__ = ["JourneyFileError", "Problem", "load", "read", "read_bytes"]

EMPTY_REMEDY: Final = "write a journey: `stages: [{name: …, touchpoints: [{type: …}]}]`"


class JourneyFileError(Exception):
    """A journey file that cannot be used; `problems` has all its problems."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self.name = name
        self.problems = problems
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{name}:{first.line}:{first.column}: {first.message}: {first.remedy}{more}")


def load(path: Path | str, channels: Sequence[str] = CHANNELS) -> Definition:
    """The definition in a file; raises JourneyFileError with all its problems. Warnings are ignored."""
    definition, problems = read_file(path, channels)
    if definition is None:
        raise JourneyFileError(str(path), [each for each in problems if each.severity == "problem"])
    return definition


def read_file(path: Path | str, channels: Sequence[str] = CHANNELS) -> tuple[Definition | None, list[Problem]]:
    """As `read`, for a file; a file that cannot be opened is a problem too."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return None, [Problem(1, 1, f"cannot be opened: {error.strerror}", "check the path and its permissions")]
    return read_bytes(data, str(path), channels)


def read_bytes(data: bytes, name: str, channels: Sequence[str] = CHANNELS) -> tuple[Definition | None, list[Problem]]:
    """As `read`, for the bytes of a file; they must be UTF-8."""
    if len(data) > MAX_BYTES:
        message = f"larger than {MAX_BYTES // 1024} kB"
        return None, [Problem(1, 1, message, "a journey file holds a definition, not the touchpoints themselves")]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        message = f"no UTF-8: the byte 0x{data[error.start]:02x} cannot be read"
        return None, [Problem(line, column, message, "save the file as UTF-8 in your editor")]
    return read(text, name, channels)


def read(text: str, name: str, channels: Sequence[str] = CHANNELS) -> tuple[Definition | None, list[Problem]]:
    """The definition, and all problems and warnings by line; None where there is a problem.

    `name`: the name of the file, which names the journey where the key is left out.
    """
    if len(text) > MAX_BYTES:
        return read_bytes(text.encode("utf-8", "surrogatepass"), name, channels)
    try:
        root, problems = grow(text)
    except YamlError as error:
        return None, _before(error)
    if root is None:
        return None, [Problem(1, 1, "the file is empty", EMPTY_REMEDY)]
    reader = Reader()
    reader.problems += problems
    block = reader.block(root, "journey")
    definition = None
    if isinstance(block, Block):
        check(reader, block)
        doubt(reader, block, channels)
        if not any(each.severity == "problem" for each in reader.problems):
            definition = _definition(block, name)
    return definition, sorted(set(reader.problems))


def _before(error: YamlError) -> list[Problem]:
    """The problem of syntax, after the problems in the part of the file before it."""
    reader = Reader(whole=False)
    if isinstance(error.root, Mapping):
        reader.block(error.root, "journey")
    above = [each for each in (*error.problems, *reader.problems) if each.line < error.problem.line]
    return [*sorted(set(above)), error.problem]


def _definition(block: Block, name: str) -> Definition:
    journey = block.get("journey") or _name_from(name)
    return Definition(
        journey=journey,
        version=block.get("version", 1),
        stages=tuple(_stage(each, block.get("alerts")) for each in block.get("stages", ())),
        order=block.get("order", "free"),
        funnel=_funnel(block.get("funnel")),
        exits=tuple(rule_of(each) for each in block.get("exits", ())),
        not_activity=tuple(rule_of(each) for each in block.get("not_activity", ())),
        segments=tuple(_segment(key, each) for key, (_, each) in block.get("segments", {}).items()),
        key=block.get("key"),
        buckets=_buckets(block.get("buckets")),
        feedback=tuple(_survey(kind, each) for kind, (_, each) in block.get("feedback", {}).items()),
        examples=tuple(_example(each) for each in block.get("examples", ())),
        title=block.get("title"),
        description=block.get("description"),
        persona=block.get("persona"),
        accounts=_accounts(block.get("accounts"), journey),
    )


def _name_from(name: str) -> str:
    stem = re.sub(r"[^\w .&/+-]", "_", Path(name).name.split(".")[0])[:64]
    return stem if re.fullmatch(NAME, stem) else "journey"


def _stage(block: Block, alerts: Block | None) -> Stage:
    return Stage(
        name=block.get("name"),
        touchpoints=tuple(rule_of(each) for each in block.get("touchpoints", ())),
        drops_after_ms=block.get("drops_after"),
        optional=block.get("optional", False),
        goal=block.get("goal", False),
        lanes={lane.name: block.get(lane.name) for lane in LANES if block.get(lane.name)},
        mood=block.get("mood"),
        target_mood=block.get("target_mood"),
        alerts=_alerts([each for each in (alerts, block.get("alerts")) if each is not None]),
    )


def _alerts(blocks: Sequence[Block]) -> Alerts:
    """The thresholds of a stage: a later block overrides an earlier one, key by key."""
    alerts: dict[str, Any] = {}
    for name, kind in ALERTS.items():
        said = [block.values[name] for block in blocks if name in block.values]
        if not said or said[-1] is not None:
            alerts[name] = kind(**{key: value for block in said if block for key, value in block.values.items()})
        else:
            alerts[name] = None
    return Alerts(**alerts)


def _funnel(block: Block | None) -> Funnel:
    if block is None:
        return Funnel()
    windows = {key: window for key, (_, window) in block.get("window", {}).items()}
    return Funnel(
        mode=block.get("mode", "sequential"),
        window_ms=windows.pop("all", None),
        step_windows_ms=windows,
        exclude=tuple(Exclusion(rule_of(each), _texts(each.get("between"))) for each in block.get("exclude", ())),
    )


def _buckets(block: Block | None) -> Buckets:
    stay_ms = block.get("stay", BOUNDS_MS) if block else BOUNDS_MS
    return Buckets(stay_ms, block.get("convert", stay_ms) if block else stay_ms)


def _accounts(block: Block | None, people: str) -> Accounts | None:
    if block is None:
        return None
    name = block.get("journey") or f"{people[: MAX_NAME - len(ACCOUNTS)]}{ACCOUNTS}"
    return Accounts(name, block.get("rule"), block.get("people", 1), block.get("role"), block.get("from"))


def _survey(kind: str, block: Block) -> Survey:
    return Survey(kind, rule_of(block), block.get("score", ("properties", "score")))


def _texts(words: tuple[Word, ...] | None) -> Any:
    return None if words is None else tuple(word.text for word in words)


def _segment(name: str, block: Block) -> Segment:
    attribution: Word | None = block.get("attribution")
    return Segment(name, block.get("from"), _texts(block.get("values")), attribution.text if attribution else "first")


def _example(block: Block) -> Example:
    given = tuple(
        Given(each.get("at"), each.get("type"), each.get("channel", "web"),
              each.get("properties", {}), each.get("context", {}), each.get("person"))
        for each in block.get("given", ())
    )  # fmt: skip
    expect = {key: EXPECTED.get(key, _as_is)(value) for key, value in block.get("expect").values.items()}
    return Example(given, expect, block.get("at"), block.node.line)


def _as_is(value: Any) -> Any:
    return value


def _text_of(word: Word) -> str:
    return word.text


EXPECTED: Final[dict[str, Callable[[Any], Any]]] = {
    "current": _text_of,
    "furthest": _text_of,
    "reached": _texts,
    "skipped": _texts,
}
