from tracker.journey.definition import Definition
from tracker.journey.file import read
from tracker.replay.rehearsal import Miss, rehearse

STAGES = """
stages:
  - {name: one, touchpoints: {type: a}, drops_after: 2d}
  - {name: two, touchpoints: {type: b}}
  - {name: three, touchpoints: {type: c}, goal: true}
"""


def journey(examples: str, more: str = "") -> Definition:
    definition, problems = read(f"{STAGES}{more}\nexamples:\n{examples}", "x.yaml")
    assert definition is not None, problems
    return definition


def test_an_example_that_holds_misses_nothing() -> None:
    """What comes of the touchpoints is compared key by key, lists in any order."""
    outcomes = rehearse(journey(
        "  - given: [{type: c, at: 2h}, {type: a, at: 0s}]\n"
        "    expect: {current: three, furthest: three, reached: [three, one], skipped: [two], funnel_depth: 1, "
        "status: completed}"
    ))  # fmt: skip
    assert [(each.number, each.misses) for each in outcomes] == [(1, ())]


def test_an_example_that_fails_says_what_was_expected_and_what_came() -> None:
    """Each key that differs is a miss with both values, and the outcome has the example's line."""
    outcomes = rehearse(journey("  - given: {type: a, at: 0s}\n    expect: {current: two, reached: [one, two]}"))
    assert outcomes[0].line == STAGES.count("\n") + 3
    assert outcomes[0].misses == (Miss("current", "two", "one"), Miss("reached", ["one", "two"], ["one"]))


def test_an_example_is_looked_at_when_it_says() -> None:
    """`at` moves the clock: two days of silence are a drop-off a moment later."""
    given = "  - given: {type: a, at: 0s}\n"
    definition = journey(
        f"{given}    at: 2d\n    expect: {{status: dropped}}\n{given}    at: 2d1s\n    expect: {{status: dropped}}"
    )
    assert [bool(each.misses) for each in rehearse(definition)] == [True, False]


def test_touchpoints_that_mean_nothing_begin_no_journey() -> None:
    """Where no journey begins there is no stage and no status, and the funnel is empty."""
    definition = journey("  - given: {type: z, at: 0s}\n    expect: {reached: [], funnel_depth: 0, skipped: []}")
    assert rehearse(definition)[0].misses == ()
    definition = journey("  - given: {type: z, at: 0s}\n    expect: {current: one}")
    assert rehearse(definition)[0].misses == (Miss("current", "one", None),)


def test_of_parallel_journeys_the_newest_is_looked_at() -> None:
    """With a key, what is expected is said of the instance that the newest touchpoint belongs to."""
    definition = journey(
        "  - given:\n"
        "      - {type: a, at: 0s, properties: {order: 1}}\n"
        "      - {type: b, at: 1h, properties: {order: 2}}\n"
        "      - {type: c, at: 2h}\n"
        "    expect: {current: two, skipped: [one]}",
        "key: properties.order",
    )
    assert rehearse(definition)[0].misses == ()


def test_people_of_an_account_are_distinguished() -> None:
    """What is expected of touchpoints of persons is the account's, by its rule; what nobody did is its own."""
    given = "  - given: [{type: a, at: 0s, person: x}, {type: b, at: 1h, person: y}, {type: a, at: 2h}]\n"
    expect = "    expect: {reached: [one, two]}"
    assert rehearse(journey(given + expect, "accounts: {rule: furthest}"))[0].misses == ()
    by_two = rehearse(journey(given + expect, "accounts: {rule: quorum, people: 2}"))
    assert by_two[0].misses == (Miss("reached", ["one", "two"], ["one"]),)
