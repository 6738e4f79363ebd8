import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from tracker.journey.fields import BLOCKS, OPERATORS
from tracker.journey.reader import READERS
from tracker.journey.schema import SHAPES, WORDS, document
from tracker.journey.values import OPERANDS

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "schemas" / "published" / "journey.schema.json"


def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(document())


def test_every_shape_is_known_to_reader_schema_and_reference() -> None:
    """Each kind of value in the table can be read, described to editors and put in words."""
    kinds = {each.kind for fields in BLOCKS.values() for each in fields}
    assert kinds == set(READERS) == set(SHAPES)
    assert kinds - set(WORDS) == {"choice", "whole", "count", "number"}
    assert set(OPERATORS) == set(OPERANDS)


def test_the_schema_is_one() -> None:
    """It keeps to the rules of JSON Schema 2020-12, and the published one is read as such; `make docs` writes it."""
    jsonschema.Draft202012Validator.check_schema(document())
    assert json.loads(PUBLISHED.read_text()) == document()


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "journeys").glob("*.yaml")), ids=lambda path: path.stem)
def test_templates_fit_the_schema(path: Path) -> None:
    """What ships is valid for an editor that knows the schema."""
    validator().validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "stages: []",
        "{stages: [{name: a}], order: up}",
        "stages: [{name: a|b}]",
        "stages: [{name: a, drops_after: 30}]",
        "stages: [{name: a, drops_after: 3 days}]",
        "stages: [{name: a, touchpoint: []}]",
        "stages: [{name: a, touchpoints: {where: {price: 1}}}]",
        "stages: [{name: a, touchpoints: {where: {properties.price: {like: 1}}}}]",
    ],
)
def test_an_editor_marks_what_the_reader_refuses(text: str) -> None:
    """Faults of shape are faults by the schema too."""
    assert not validator().is_valid(yaml.safe_load(text))
