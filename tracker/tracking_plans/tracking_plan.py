"""Tracking plans: which types each source sends with which properties, and how a touchpoint violates its plan.

A file of plans is read with all its problems at once. It does not know what is done about a violation, nor that files
change.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args
from unicodedata import normalize

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

from tracker import paths, patterns
from tracker.problem import Problem, choose
from tracker.tracking_plans.compatibility import narrowings
from tracker.yaml_tree import Mapping as Group
from tracker.yaml_tree import Node, Scalar, Sequence, YamlError, grow, kind, plain

Kind = Literal["unplanned_type", "unplanned_property", "missing", "wrong_type", "wrong_value"]
"""A closed set: each value is a label of `tracker_collector_plan_violations_total`."""
KINDS: Final[tuple[str, ...]] = get_args(Kind)
# By keyword of JSON Schema; a violation of any other keyword is a wrong value.
KIND_OF: Final[Mapping[str, Kind]] = {
    "required": "missing",
    "dependentRequired": "missing",
    "type": "wrong_type",
    "additionalProperties": "unplanned_property",
    "unevaluatedProperties": "unplanned_property",
    "falseSchema": "unplanned_property",
}
MARK: Final = "plan_violations"
"""The key in `context` that lists the violations of a touchpoint that passes nevertheless."""
MOST_REPORTED: Final = 10
"""More violations of one touchpoint are left out: they must fit into its mark."""
SOURCE_KEYS: Final = ("violations", "other_types", "types")
CHOICES: Final = {"violations": ("mark", "reject"), "other_types": ("allow", "violate")}


class Violation(NamedTuple):
    """One violation; its sentence names places and never values, which may be personal."""

    kind: Kind
    detail: str


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """The plan of one source."""

    rejects: bool
    """Whether a touchpoint with violations is rejected; if not, it passes with a mark."""
    closed: bool
    """Whether a type that is not in the plan is a violation."""
    schemas: Mapping[str, Any]
    """By type: the JSON Schema of its properties."""
    validators: Mapping[str, Draft202012Validator]

    def violations(self, type_: str, properties: Mapping[str, Any]) -> list[Violation]:
        """The first violations, at most MOST_REPORTED."""
        validator = self.validators.get(type_)
        if validator is None:
            return [Violation("unplanned_type", "this type is not in the plan")] if self.closed else []
        try:
            if validator.is_valid(properties):
                return []
            found = zip(range(MOST_REPORTED), validator.iter_errors(properties), strict=False)
            return [_violation(error) for _, error in found]
        except ValueError:
            # The validator refuses more than 255 levels.
            return [Violation("wrong_value", "properties: nested too deeply to be checked")]


def _violation(error: ValidationError) -> Violation:
    place = paths.show(("properties", *map(str, error.instance_path)))
    return Violation(KIND_OF.get(error.kind.name, "wrong_value"), f"{place}: {error.message[:200]}")


def compiled(schema: Any) -> Draft202012Validator:
    """A validator that fetches nothing, hides values, and has patterns in linear time. Raises ValueError."""
    return Draft202012Validator(schema, offline=True, mask="the value", pattern_options=RegexOptions())


def read(text: str) -> tuple[dict[str, SourcePlan], list[Problem]]:
    """The plan of each source, and the problems of the file; with problems the plans must not be used."""
    try:
        root, problems = grow(text)
    except YamlError as error:
        return {}, [*error.problems, error.problem]
    found = {name: _source(node, problems) for name, node in _sources(root, problems)}
    return found, sorted(problems)


def _sources(root: Node | None, problems: list[Problem]) -> Iterator[tuple[str, Node]]:
    if not isinstance(root, Group) or "sources" not in root.entries:
        problems.append(Problem(1, 1, "this is no file of tracking plans", "begin with `sources:`"))
        return
    for key, (at, _) in root.entries.items():
        if key != "sources":
            message = f"{key[:80]!r} is not known here"
            problems.append(Problem(at.line, at.column, message, "`sources:` is the only key"))
    yield from _group(root.entries["sources"][1], "source: its plan", problems)


def _group(node: Node, what: str, problems: list[Problem]) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Group):
        for key, (_, value) in node.entries.items():
            yield key, value
    else:
        problems.append(
            Problem(node.line, node.column, f"expected a group of keys, found {kind(node)}", f"write `{what}`")
        )


def _source(node: Node, problems: list[Problem]) -> SourcePlan:
    said: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    validators: dict[str, Draft202012Validator] = {}
    for key, value in _group(node, "types: {...}", problems):
        if key == "types":
            for name, schema in _group(value, "type: JSON Schema of its properties", problems):
                # Types of touchpoints are compared in this form.
                type_ = normalize("NFC", name)
                schemas[type_] = plain(schema)
                _compile(type_, schema, schemas[type_], validators, problems)
        elif key in CHOICES:
            said[key] = plain(value)
            if said[key] not in CHOICES[key]:
                remedy = choose(str(said[key]), CHOICES[key])
                problems.append(Problem(value.line, value.column, f"{key} cannot be {kind(value)}", remedy))
        else:
            message = f"{key[:80]!r} is not known here"
            problems.append(Problem(value.line, value.column, message, choose(key, SOURCE_KEYS)))
    rejects, closed = said.get("violations") == "reject", said.get("other_types") == "violate"
    return SourcePlan(rejects, closed, schemas, validators)


def _compile(
    type_: str, node: Node, schema: Any, validators: dict[str, Draft202012Validator], problems: list[Problem]
) -> None:
    try:
        validators[type_] = compiled(schema)
    except ValueError as error:
        if found := list(_unsupported(node)):
            problems.extend(found)
            return
        why = error.message if isinstance(error, ValidationError) else str(error)
        message = f"the type {type_[:80]!r} has no valid JSON Schema: {why[:200]}"
        problems.append(Problem(node.line, node.column, message, "see JSON Schema 2020-12; references stay inside"))


def _unsupported(node: Node) -> Iterator[Problem]:
    """Patterns that the linear engine does not take, each where it stands: the library says only that one is wrong."""
    for place, pattern in _patterns(node):
        if found := patterns.unsupported(pattern):
            yield Problem(place.line, place.column, f"pattern: {found.message}", found.remedy)


def _patterns(node: Node) -> Iterator[tuple[Scalar, str]]:
    """The patterns of a schema with their places."""
    if isinstance(node, Sequence):
        for each in node.items:
            yield from _patterns(each)
    elif isinstance(node, Group):
        for key, (_, value) in node.entries.items():
            if key == "pattern" and isinstance(value, Scalar):
                yield value, value.text
            elif key == "patternProperties" and isinstance(value, Group):
                yield from ((at, pattern) for pattern, (at, _) in value.entries.items())
            yield from _patterns(value)


def narrowed(before: SourcePlan, now: SourcePlan) -> Iterator[tuple[str, str]]:
    """What the plan accepted before and refuses now, as pairs of type and place.

    A type that an open plan did not mention may get a schema: the plan never promised to accept everything of it.
    """
    for type_, schema in before.schemas.items():
        if type_ in now.schemas:
            yield from ((type_, str(each)) for each in narrowings(schema, now.schemas[type_]))
        elif now.closed:
            yield type_, "is no longer in the plan"
    if now.closed and not before.closed:
        yield "*", "other types are no longer allowed"
