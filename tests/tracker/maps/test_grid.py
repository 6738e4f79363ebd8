from xml.etree import ElementTree as ET

import pytest

from tracker.journey.definition import Definition
from tracker.journey.fields import FORMS, LANES
from tracker.journey.file import read
from tracker.maps.grid import ROWS, Chip, MapRow, condition_words, journey_map, percent, time_words
from tracker.maps.html import to_html
from tracker.maps.markdown import to_markdown
from tracker.maps.picture import to_svg

FILLED = """
title: From <a> to "b" & on
persona: Someone | who pays
stages:
  - name: first_look
    touchpoints: [{channel: web, type: Page <Viewed>}]
    drops_after: 30d
    optional: true
    mood: -1
    target_mood: 2
    actions: [Looks, "<script>alert(1)</script>"]
    backstage: Prepares
    day: 08:00 on the train
    targets: 9 of 10
  - name: buys
    touchpoints: [{channel: shop, type: Order, where: {properties.price: {gte: 10}, context.physical: true}}]
    goal: true
    mood: 2
    support: Payment
funnel: {window: 30d}
"""
FIGURES = {
    "customers": 200,
    "events": {"applied": 1234},
    "stages": [
        {"stage": "first_look", "reached": 200, "current": 150, "dropped": 0},
        {"stage": "buys", "reached": 50, "current": 40, "dropped": 7, "seconds_to_reach": {"median": 93_784.0}},
    ],
}


def journey(text: str = FILLED) -> Definition:
    definition, problems = read(text, "map.yaml")
    assert definition is not None, problems
    return definition


def row(form: str, name: str, figures: dict[str, object] | None = None) -> MapRow:
    return next(each for each in journey_map(journey(), form, figures).rows if each.name == name)


def test_each_form_has_its_rows() -> None:
    """A form shows its lanes in its order, and leaves out those that no stage fills."""
    names = {form: [each.name for each in journey_map(journey(), form).rows] for form in FORMS}
    assert names["current"] == ["touchpoints", "actions", "curve"]
    assert names["day"] == ["day", "actions", "touchpoints", "curve"]
    assert names["future"] == ["targets", "actions", "curve"]
    assert names["blueprint"] == [
        "actions", "line:Line of interaction", "touchpoints", "line:Line of visibility", "backstage",
        "line:Line of internal interaction", "support",
    ]  # fmt: skip


def test_every_lane_is_shown_in_the_forms_that_its_table_names() -> None:
    """The table of lanes and the rows of the forms agree."""
    for lane in LANES:
        assert {form for form in FORMS if lane.name in ROWS[form]} == set(lane.forms), lane.name


def test_touchpoints_are_signs_with_channel_and_condition() -> None:
    """A rule is shown by its channel, its type and its conditions in words."""
    assert row("current", "touchpoints").cells[1] == (Chip("shop", "Order", "price ≥ 10, physical"),)


def test_the_future_shows_both_curves() -> None:
    """The curve of the future state has the present one behind it."""
    curve = row("future", "curve")
    assert (curve.cells, curve.also) == ((2, None), (-1, 2))


def test_figures_are_shares_of_all_customers() -> None:
    """With a replay's figures each stage says how many reached it, are there and dropped off, and how long it took."""
    first, second = row("current", "figures", FIGURES).cells
    assert (first.reached, first.share, first.rows) == (200, 1.0, (("plain", "150 here now"),))
    assert (second.reached, second.share) == (50, 0.25)
    assert second.rows[0] == ("plain", "33 here now")
    assert second.rows[1:] == (("bad", "7 dropped off"), ("plain", "1 d 2 h from the step before"))


def test_small_shares_have_a_decimal() -> None:
    """A share below ten per cent is said with a decimal, none at all without."""
    assert [percent(each) for each in (1, 0.1, 0.0496, 0.002, 0)] == ["100 %", "10 %", "5.0 %", "0.2 %", "0 %"]


def test_times_are_said_in_two_units() -> None:
    """A time is said by its two largest units."""
    assert [time_words(each) for each in (5, 60, 5400, 86_400, 1e6)] == [
        "5 s",
        "1 min",
        "1 h 30 min",
        "1 d",
        "11 d 13 h",
    ]


def test_conditions_read_as_words() -> None:
    """Each operator has its sign, and long lists end with dots."""
    text = "{a: {exists: false}, b: [1, 2, 3, 4, 5], c: {ne: x}, d: false}".replace("{a", "{properties.a")
    for letter in "bcd":
        text = text.replace(f" {letter}:", f" properties.{letter}:")
    definition = journey(f"stages: [{{name: s, touchpoints: {{where: {text}}}}}]")
    assert condition_words(definition.stages[0].touchpoints[0]) == "without a, b in 1, 2, 3, 4, …, c ≠ x, not d"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("figures", [None, FIGURES])
def test_every_form_is_a_sound_picture(form: str, figures: dict[str, object] | None) -> None:
    """The SVG is well-formed, nothing of the user's is markup, and no text leaves the picture."""
    drawn = to_svg(journey_map(journey(), form, figures))
    root = ET.fromstring(drawn)
    assert "<script" not in drawn
    assert "&lt;a&gt;" in drawn
    space = "{http://www.w3.org/2000/svg}"
    wide, high = float(root.attrib["width"]), float(root.attrib["height"])
    places = [(float(each.attrib["x"]), float(each.attrib["y"])) for each in root.iter(f"{space}text")]
    assert len(places) > 8
    assert all(0 < x < wide and 0 < y < high for x, y in places)


def test_a_page_holds_the_picture_and_a_table() -> None:
    """The page needs nothing from elsewhere, and says the same in a table."""
    page = to_html(journey_map(journey(), "current", FIGURES))
    assert page.count("<svg") == 1
    assert '<th scope="row">Customer actions</th>' in page
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_markdown_is_one_table_whatever_the_texts() -> None:
    """Each lane is one row of as many cells as there are stages, also where texts hold bars and marks."""
    text = to_markdown(journey_map(journey(), "blueprint", FIGURES))
    rows = [each for each in text.splitlines() if each.startswith("|")]
    assert {each.replace("\\|", "").count("|") for each in rows} == {4}
    assert "Someone \\| who pays" in text
    assert "<script" not in text


def test_stages_alone_make_a_map() -> None:
    """A definition without lanes, moods and windows still draws, in every form."""
    bare = journey("stages: [{name: only, touchpoints: {type: x}}]")
    for form in FORMS:
        made = journey_map(bare, form)
        assert ET.fromstring(to_svg(made)) is not None
        assert "only" in to_html(made).casefold()
        assert "Only" in to_markdown(made)
