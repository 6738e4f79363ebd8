"""Conditions into lists, and names with dots: from the file to the touch."""

import pytest

from tests.tracker.making import touch
from tracker.journey.conditions import compile_where, getter
from tracker.journey.file import read
from tracker.touch import Touch

SHOES = {"products": [{"category": "shoes", "price": 80}, {"category": "hats", "price": "15"}]}


def meets(condition: str, properties: dict) -> bool:
    """Whether a touch with these properties meets the condition as it is written in a journey file."""
    definition, problems = read(f"stages: {{name: s, touchpoints: {{type: a, where: {{{condition}}}}}}}", "x.yaml")
    assert definition is not None, problems
    where = compile_where(definition.stages[0].touchpoints[0])
    assert where is not None
    return where(touch("a", properties=properties))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("properties.products.0.category: shoes", True),
        ("properties.products.1.category: shoes", False),
        ("properties.products.2.category: {exists: false}", True),
        ("properties.products.category: shoes", False),
        ("properties.products.*.category: hats", True),
        ("properties.products.*.category: [boots, hats]", True),
        ("properties.products.*.category: {matches: ^sh}", True),
        ("properties.products.*.price: {lt: 20}", True),
        ("properties.products.*.price: {gt: 80}", False),
        ("properties.products.*.category: {ne: hats}", False),
        ("properties.products.*.category: {ne: boots}", True),
        ("properties.products.*.category: {not_in: [boots, shoes]}", False),
        ("properties.products.*.category: {not_in: [boots, gloves]}", True),
        ("properties.products.*.category: {exists: true}", True),
        ("properties.products.*.category: {exists: false}", False),
        ("properties.products.*.colour: {exists: false}", True),
        ("properties.products.*: {exists: true}", True),
        ("properties.products.*.category: shoes, properties.products.*.price: {lt: 20}", True),
    ],
)
def test_a_condition_reaches_into_a_list(condition: str, holds: bool) -> None:
    """One element must meet it; what denies something holds where no element meets that."""
    assert meets(condition, SHOES) is holds


@pytest.mark.parametrize("products", [[], None, "shoes", 3, {}, [None], [[]], [{"category": None}], ["shoes"]])
def test_what_is_not_there_meets_denials_alone(products) -> None:
    """Without an element, without the part, or where a text is in the list's place, only denials hold."""
    given = {"products": products}
    assert not meets("properties.products.*.category: shoes", given)
    assert not meets("properties.products.0.category: {exists: true}", given)
    assert meets("properties.products.*.category: {ne: shoes}", given)
    assert meets("properties.products.*.category: {exists: false}", given)


@pytest.mark.parametrize(
    ("condition", "properties"),
    [
        ('properties."utm.source": mail', {"utm.source": "mail"}),
        ('properties."a.b".c: 1', {"a.b": {"c": 1}}),
        ("properties.lines.0: 7", {"lines": {"0": 7}}),
        ("properties.lines.*.sku: x", {"lines": {"3": {"sku": "y"}, "5": {"sku": "x"}}}),
        ("properties.rows.*.*: 4", {"rows": [[1, 2], [3, 4]]}),
        ('properties."*": star', {"*": "star"}),
    ],
)
def test_names_with_dots_and_objects_with_numbers(condition: str, properties: dict) -> None:
    """A name in quotes may have dots; a number is a key too, and a star goes through an object's values."""
    assert meets(condition, properties)
    assert not meets(condition, dict.fromkeys(properties))


def test_a_place_gives_the_first_value() -> None:
    """Where one value is asked for, as by a segment or a key, a star gives the first one that is there."""
    one: Touch = touch("a", properties={"products": [{}, {"category": "hats"}, {"category": "shoes"}]})
    path = ("properties", "products", "", "category")
    assert getter(path)(one) == "hats"
    assert getter(path)(touch("a")) is None
    assert getter(("properties", "products", "2", "category"))(one) == "shoes"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("key: properties..order_id", "has an empty part"),
        ("key: property.order_id", "no place in a touchpoint"),
        ("segments: {s: {from: 'context.\"utm.source', values: [x]}}", "the quotes are not closed"),
        ("feedback: {nps: {type: a, score: properties.}}", "no place in a touchpoint"),
        ("exits: {type: a, where: {properties.a..b: 1}}", "has an empty part"),
        ("exits: {type: b, where: {properties.a: 1, properties.a.b: 2}}", "single value and have the part b"),
    ],
)
def test_a_path_that_can_never_match_is_a_problem(line: str, words: str) -> None:
    """Wherever a journey file names a place, a path that leads nowhere is refused."""
    definition, problems = read(f"stages: {{name: s, touchpoints: {{type: a}}}}\n{line}", "x.yaml")
    assert definition is None
    assert any(words in each.message and each.line == 2 for each in problems), problems


@pytest.mark.parametrize(
    "line",
    [
        "key: properties.order_id.0",
        "segments: {s: {from: properties.category.0, values: [x]}}",
        "feedback: {nps: {type: a, score: properties.score.value}}",
        "exits: {type: b, where: {properties.status.*: paid}}",
        "exits: {type: b, channel: web, where: {properties.price.amount: {gt: 3}}}",
    ],
)
def test_a_part_of_a_text_is_warned_of(line: str) -> None:
    """What the common properties say is a text or a number has no parts and no elements."""
    definition, problems = read(f"stages: {{name: s, touchpoints: {{type: a}}}}\n{line}", "x.yaml")
    assert definition is not None
    assert [("can hardly match" in each.message, each.line) for each in problems] == [(True, 2)], problems
