"""Fields: names of figures are read as they were written."""

from datetime import UTC, datetime

import pytest

from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, stage, touches
from tracker.engine.customer import CustomerFold
from tracker.figures.fields import FieldName, day_of, parse
from tracker.journey.definition import Definition


def test_every_field_that_is_written_can_be_read():
    """`parse` gives the parts back, whatever characters names are made of."""
    odd = Definition("a|b", 1, (stage("50%", "a"), stage("x=y", "b", goal=True, drops_after_ms=DAY_MS)))
    written = CustomerFold([odd]).fold("c", None, touches("a0 b1 a2"), START_MS + 99 * HOUR_MS).aggregates
    fields = [parse(name) for name in written]
    assert {field.journey for field in fields} == {"a|b"}
    assert {field.stage for field in fields} == {None, "50%", "x=y"}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("r|current|buy|waiting", FieldName("r", "current", stage="buy", status="waiting")),
        (
            "r|reached|2026-11-22|buy|7|t=b2b",
            FieldName("r", "reached", "2026-11-22", "buy", days="7", segment="t", value="b2b"),
        ),
        ("r|feedback|nps|9", FieldName("r", "feedback", kind="nps", score="9")),
        ("r|stay|buy|inf", FieldName("r", "stay", stage="buy", bucket="inf")),
        ("r|corrections", FieldName("r", "corrections")),
    ],
)
def test_a_field_is_read_by_its_figure(name, field):
    """One table says which parts a figure has."""
    assert parse(name) == field


@pytest.mark.parametrize("name", ["", "r", "r|nothing|x", "r|current|buy", "r|cohort|d|x|y"])
def test_what_is_no_field_is_refused(name):
    """A ValueError that names it."""
    with pytest.raises(ValueError, match="no aggregate"):
        parse(name)


def test_a_day_is_the_utc_date():
    """The same as the calendar's, leap years and centuries too."""
    for days in range(0, 80_000, 97):
        assert day_of(days * DAY_MS + DAY_MS - 1) == datetime.fromtimestamp(days * 86400, UTC).date().isoformat()
