import pytest

from tracker.journey.file import read
from tracker.problem import Problem

TWO = "stages: [{{name: one, touchpoints: {}}}, {{name: two, touchpoints: {}}}]\n"


def warnings(text: str) -> list[Problem]:
    definition, problems = read(text, "x.yaml")
    assert definition is not None, problems
    assert all(each.severity == "warning" for each in problems)
    return problems


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        ("{type: a}", "{type: a}", "the same touchpoints mean 'one' (line 1) and 'two'"),
        ("{type: a}", "{type: a, channel: web}", "always means 'one' too"),
        ("{type: a, where: {properties.n: 1}}", "{type: a}", "includes everything that means 'one'"),
        ("{type: a, where: {properties.n: {gt: 1}}}", "{type: a, where: {properties.n: {lt: 5}}}", "can mean both"),
        ("{type: a}", "[]", "'two' can never be reached"),
        ("{type: a}", "{}", "matches every touchpoint"),
        ("{type: Page Viewed}", "{type: page-viewed}", "is written 'Page Viewed' on line 1"),
        ("{channel: wbe, type: a}", "{type: b}", "no touchpoints come in on the channel 'wbe'"),
        ("[{type: a}, {type: a, channel: web}]", "{type: b}", "adds nothing"),
    ],
)
def test_a_doubtful_rule_is_warned_of(one: str, two: str, words: str) -> None:
    """Overlaps, unreachable stages and slips of spelling are warnings at their place."""
    assert any(words in each.message for each in warnings(TWO.format(one, two)))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("{type: a}", "{type: b}"),
        ("{channel: web}", "{channel: shop}"),
        ("{type: a}", "{channel: support}"),
        ("{type: a, where: {properties.n: {lt: 5}}}", "{type: a, where: {properties.n: {gte: 5}}}"),
        ("{type: a, where: {properties.s: {in: [x, y]}}}", "{type: a, where: {properties.s: z}}"),
    ],
)
def test_rules_that_tell_stages_apart_are_left_alone(one: str, two: str) -> None:
    """Rules that differ by type, channel or condition, or merely cross, need no word."""
    assert warnings(TWO.format(one, two)) == []


def test_a_stage_whose_touchpoints_are_exits_is_warned_of() -> None:
    """Nobody can stay in a stage whose every touchpoint ends the journey."""
    found = warnings(TWO.format("{type: a}", "{type: b, channel: web}") + "exits: {type: b}")
    assert ["leaves the journey at once" in each.message for each in found] == [True]


def test_an_exclusion_that_takes_out_a_whole_stage_is_warned_of() -> None:
    """An exclusion that holds all of a stage's touchpoints is warned of at the exclusion."""
    found = warnings(TWO.format("{type: a}", "{type: b}") + "funnel: {exclude: {type: b}}")
    assert [(each.line, "takes everyone who reaches" in each.message) for each in found] == [(2, True)]


def test_channels_of_the_installation_are_no_surprise() -> None:
    """A channel that the installation listens to is not warned of."""
    text = TWO.format("{channel: branch}", "{type: b, channel: web}")
    assert [each.severity for each in read(text, "x", ("web", "branch"))[1]] == []
    assert "use one of: web, shop, support; or add it in the settings" in warnings(text)[0].remedy


def test_hundreds_of_rules_are_refused() -> None:
    """More rules than can be compared are a problem, with a way out."""
    rules = ", ".join(f"{{type: t{n}}}" for n in range(400))
    definition, problems = read(TWO.format(f"[{rules}]", "{type: b}"), "x")
    assert definition is None
    assert "401 touchpoint rules" in problems[0].message


QUIET = "stages: [{{name: one, touchpoints: [{}, {{type: a}}], drops_after: 1d}}]\n"


def test_what_the_business_does_is_warned_of() -> None:
    """A stage that counts mails that were sent is told what that does to the silence, unless the file settles it."""
    words = "'Email Sent' is what the business does"
    counted = QUIET.format("{type: Email Sent}")
    assert [words in each.message for each in warnings(counted)] == [True]
    assert warnings(counted.replace(", drops_after: 1d", "")) == []
    theirs = QUIET.format("{type: Order Updated, where: {context.by: {ne: business}}}")
    assert warnings(theirs) == []
    settled = warnings(counted + "not_activity: {where: {context.by: business}}")
    assert settled == []


def test_a_rule_that_only_others_meet_is_warned_of() -> None:
    """A stage's rule within `not_activity` never counts; the other rules of the stage do."""
    found = warnings(QUIET.format("{type: Email Sent}") + "not_activity: {type: Email Sent}")
    assert [(each.line, "no touchpoint counts by this rule" in each.message) for each in found] == [(1, True)]
    assert warnings(QUIET.format("{type: b}") + "not_activity: {type: b, channel: shop}") == []


def test_rules_of_what_is_no_activity_are_judged_like_others() -> None:
    """A contradiction, an unknown channel and a misspelling are found in them too."""
    definition, problems = read(
        QUIET.format("{type: b}") + "not_activity: {where: {properties.n: {gt: 3, lt: 2}}}", "x"
    )
    assert definition is None
    assert "can never match" in problems[0].message
    found = warnings(QUIET.format("{type: Mail Sent}") + "not_activity: {channel: wbe, type: mail-sent}")
    assert ["wbe" in each.message or "is written" in each.message for each in found] == [True, True]
