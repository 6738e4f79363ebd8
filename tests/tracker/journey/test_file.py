from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracker.engine.customer import CustomerFold
from tracker.journey.definition import (
    Accounts,
    Buckets,
    Condition,
    Definition,
    Exclusion,
    Rule,
    Survey,
)
from tracker.journey.file import JourneyFileError, load, read, read_bytes
from tracker.problem import Problem
from tracker.touch import Touch

DAY_MS = 86_400_000
RETAIL = """
journey: retail
version: 3
stages:
  - name: awareness
    touchpoints:
      - {channel: web, type: page}
    drops_after: 30d
  - name: consideration
    touchpoints:
      - {channel: web, type: Product Viewed}
      - {type: Product Added, where: {properties.price: {gte: 10}, context.country: [SE, NO, FI]}}
    drops_after: 14d
    mood: 1
    feelings: Which one?
  - name: purchase
    touchpoints: [{channel: shop, type: Order Completed, where: {properties.status: paid}}]
    goal: true
  - {name: aftercare, touchpoints: {channel: support}, optional: true}
funnel:
  window: {all: 30d, purchase: 2d}
  exclude: [{type: Order Cancelled, between: [consideration, purchase]}]
exits: [{type: Account Closed}]
key: properties.order_id
segments:
  customer_type: {from: context.customer_type, values: [b2b, b2c], attribution: purchase}
examples:
  - given: [{type: page, at: 0s}, {type: Order Completed, channel: shop, at: 2h, properties: {status: paid}}]
    expect: {current: purchase, skipped: [consideration]}
"""


def good(text: str) -> Definition:
    definition, problems = read(text, "retail.yaml")
    assert definition is not None, problems
    return definition


def bad(text: str) -> list[Problem]:
    definition, problems = read(text, "bad.yaml")
    assert definition is None
    return problems


def test_every_key_has_its_place_in_the_definition() -> None:
    """The shape of the design reads without a problem or a warning, key by key."""
    definition, problems = read(RETAIL, "retail.yaml")
    assert definition is not None
    assert problems == []
    assert [stage.name for stage in definition.stages] == ["awareness", "consideration", "purchase", "aftercare"]
    assert [stage.drops_after_ms for stage in definition.stages] == [30 * DAY_MS, 14 * DAY_MS, None, None]
    assert definition.stages[3].optional
    assert definition.stages[2].goal
    assert (definition.stages[1].mood, definition.stages[1].lanes) == (1, {"feelings": ("Which one?",)})
    assert definition.exits == (Rule(type="Account Closed"),)
    assert definition.key == ("properties", "order_id")


def test_a_country_called_no_is_a_country() -> None:
    """A list in `where` means one of, and Norway stays a text."""
    assert good(RETAIL).stages[1].touchpoints[1].where == (
        Condition(("properties", "price"), "gte", 10),
        Condition(("context", "country"), "in", ("SE", "NO", "FI")),
    )


def test_a_type_has_one_form() -> None:
    """A type whose letters are spelled otherwise in the file is the type of the touchpoints."""
    definition = good(RETAIL.replace("Product Viewed", "Cafe\u0301 Viewed"))
    assert definition.stages[1].touchpoints[0].type == "Caf\u00e9 Viewed"


def test_the_funnel_has_a_window_for_all_and_for_a_step() -> None:
    """`all` bounds the whole funnel; a stage's name bounds the step to it; an exclusion names its two stages."""
    funnel = good(RETAIL).funnel
    assert (funnel.mode, funnel.window_ms, funnel.step_windows_ms) == (
        "sequential",
        30 * DAY_MS,
        {"purchase": 2 * DAY_MS},
    )
    assert funnel.exclude == (Exclusion(Rule(type="Order Cancelled"), ("consideration", "purchase")),)


def test_an_example_is_read_with_its_times_and_line() -> None:
    """An example's touchpoints come on the web unless they say otherwise."""
    example = good(RETAIL).examples[0]
    assert [(each.at_ms, each.channel) for each in example.given] == [(0, "web"), (7_200_000, "shop")]
    assert example.expect == {"current": "purchase", "skipped": ("consideration",)}
    assert example.line == RETAIL.splitlines().index("examples:") + 2


def test_stages_are_all_a_journey_needs() -> None:
    """A file of stages alone is a journey, called after its file, version 1."""
    definition = good("stages: [{name: start, touchpoints: [{type: signed up}]}]")
    assert (definition.journey, definition.version, definition.order) == ("retail", 1, "free")
    assert definition.funnel.window_ms is None


def test_names_may_look_like_numbers() -> None:
    """Names and types are texts as they are written, also 2024 and 007."""
    definition = good("journey: 2024\nstages: [{name: 007, touchpoints: [{type: 1e3}]}]")
    assert (definition.journey, definition.stages[0].name) == ("2024", "007")
    assert definition.stages[0].touchpoints[0].type == "1e3"


@pytest.mark.parametrize(
    ("line", "message", "remedy"),
    [
        ("stagees: []", "unknown key 'stagees'", "did you mean 'stages'?"),
        ("order: fowrard", "'fowrard'", "did you mean 'forward'?"),
        ("version: -3", "-3", "from 1"),
        ("version: true", "true", "from 1"),
        ("journey: a|b", "'a|b'", "letters"),
        ("key: order_id", "'order_id'", "did you mean properties.order_id?"),
        ("funnel: {window: -30d}", "'-30d'", "minus"),
        ("funnel: {window: 0s}", "no time at all", "above zero"),
        ("funnel: {window: 30}", "'30'", "30d"),
        ("funnel: {window: {nowhere: 3d}}", "no stage is called 'nowhere'", "use one of: all, first step, last_step"),
        ("funnel: {mode: ordered}", "'ordered'", "sequential, strict, any"),
        ("funnel: {exclude: {type: x, between: [last_step, first step]}}", "before", "[first step, last_step]"),
        ("funnel: {exclude: {type: x, between: [first step, lost]}}", "'lost'", "last_step"),
        ("exits: 12", "expected a group of keys, found 12", "channel"),
        ("exits: {where: {properties.a: {like: x}}}", "unknown operator 'like'", "one of"),
        ("exits: {where: {properties.a: {matches: '(x'}}}", "matches: ", "contains"),
        ("exits: {where: {properties.a: {matches: 'x(?!y)'}}}", "matches: look-ahead is not supported: (?!", "second"),
        ("exits: {where: {properties.a: {matches: '(x)\\1'}}}", "matches: a back reference is not supported", "in"),
        ("exits: {where: {properties.a: {gte: '10'}}}", "number or a date", "without quotes: gte: 10"),
        ("exits: {where: {properties.a: {in: []}}}", "can never match", "name the values"),
        ("exits: {where: {properties.a: {exists: maybe}}}", "true or false", "exists: true"),
        ("exits: {where: {properties.a: null}}", "one value", "{exists: false}"),
        ("exits: {where: {type: x}}", "'type'", "beside"),
        ("exits: {where: {properties.a: {gt: 5, lt: 3}}}", "can never match: properties.a cannot meet gt 5", "remove"),
        ("exits: {where: [x]}", "where: expected conditions, found a list", "where"),
        ("examples: {given: {type: a, at: 0s, person: x}, expect: {current: last_step}}", "no accounts", "add"),
        ("accounts: {rule: quorom}", "'quorom'", "did you mean 'quorum'?"),
        ("accounts: {people: 3}", "the accounts lacks the key 'rule'", "rule: furthest"),
        ("accounts: {rule: quorum}", "lacks the key 'people'", "people: 3"),
        ("accounts: {rule: quorum, people: 1}", "1 does not fit", "from 2 to 1000"),
        ("accounts: {rule: role, from: context.role}", "lacks the key 'role'", "role: buyer"),
        ("accounts: {rule: role, role: buyer}", "lacks the key 'from'", "context.role"),
        ("accounts: {rule: furthest, people: 3}", "'people' has no effect", "rule: quorum"),
        ("accounts: {rule: furthest, journey: steps}\njourney: steps", "people's journey", "another name"),
        ("accounts: {rule: furthest}\nkey: properties.order", "many instances", "leave `key` out"),
        ("accounts: {rule: furthest}\nfunnel: {mode: strict}", "side by side", "`sequential` or `any`"),
        (f"accounts: {{rule: furthest}}\njourney: {'a' * 60}", "too long for a name", "journey:"),
        ("segments: {s: {from: context.s, values: [a, a]}}", "twice", "keep one"),
        ("segments: {s: {from: context.s, values: [other]}}", "'other'", "leave it out"),
        ("segments: {s: {values: [a]}}", "lacks the key 'from'", "add `from"),
        ("segments: {s: {from: context.s, values: [a], attribution: midle}}", "'midle'", "use one of: first, last"),
        ("segments: [a]", "segments: expected names and their keys, found a list", "write"),
        ("examples: [{given: [], expect: {current: first step}}]", "no touchpoints are given", "write"),
        ("examples: [{given: [{type: a, at: 0s}], expect: {}}]", "nothing is expected", "current"),
        ("examples: [{given: [{type: a, at: 0s}], expect: {current: frist step}}]", "'frist step'", "'first step'"),
        ("examples: [{given: [{type: a, at: 0s}], expect: {status: gone}}]", "'gone'", "dropped"),
        ("examples: [{given: [{type: a}], expect: {status: active}}]", "lacks the key 'at'", "add"),
        ("title: ''", "expected a text, found", "title"),
        ("title: [a]", "expected a text, found a list", "title"),
    ],
)
def test_each_fault_has_its_message_and_remedy(line: str, message: str, remedy: str) -> None:
    """One fault in an otherwise good file is one problem, on its own line, with what to do."""
    stages = "stages: [{name: first step, touchpoints: {type: a}}, {name: last_step, touchpoints: {type: b}}]"
    problems = [each for each in bad(f"{stages}\n{line}\n") if each.severity == "problem"]
    assert len(problems) == 1, problems
    assert problems[0].line == 2
    assert message in problems[0].message
    assert remedy in problems[0].remedy


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    """Faults in stages, funnel and segments are reported together, each with line and column."""
    problems = bad(
        "stages:\n- {name: a, touchpoint: []}\n- {name: a, drops_after: 3 days, touchpoints: {type: x}}\n"
        "funnel: {window: {b: 1d}}\nfunnel: {}\n"
    )
    found = [(each.line, each.column) for each in problems if each.severity == "problem"]
    assert found == [(2, 13), (3, 10), (3, 26), (4, 19), (5, 1)]


def test_a_fault_of_syntax_does_not_hide_what_stands_above_it() -> None:
    """Where the YAML breaks, what was read before is still checked, and nothing is said to be missing."""
    problems = bad("orderr: free\nstages:\n  - {name: a, drops_after: 3 days}\n  - name: b\n\tgoal: true\nfunnel: 12\n")
    assert [each.line for each in problems] == [1, 3, 5]
    assert "tab" in problems[2].message


def test_stages_must_be_some_and_not_too_many() -> None:
    """No stages, none at all and a crowd of them are problems."""
    assert "lacks the key 'stages'" in bad("version: 1")[0].message
    assert bad("stages: []")[0].message == "no stages"
    crowd = ", ".join(f"{{name: s{n}, touchpoints: {{type: t{n}}}}}" for n in range(41))
    assert "41 stages" in bad(f"stages: [{crowd}]")[0].message


def test_any_order_with_exclusions_has_few_steps() -> None:
    """The engine keeps a chain for every set of steps; more than it takes is a problem and no traceback."""
    stages = "".join(f"  - {{name: s{n}, touchpoints: [{{type: t{n}}}]}}\n" for n in range(11))
    text = f"journey: big\nversion: 1\nstages:\n{stages}funnel: {{mode: any, exclude: [{{type: x}}]}}\n"
    definition, problems = read(text, "big.yaml")
    assert definition is None
    assert ["11 steps in any order" in problem.message for problem in problems] == [True]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"# only a comment\n", "empty"),
        (b"- a\n- b\n", "expected a group of keys, found a list"),
        (b"just words", "expected a group of keys, found 'just words'"),
        (b"stages: \xe5\xe4\xf6", "0xe5"),
        (b"\xff\xfes\x00t\x00", "0xff"),
        (b"#" * 300_000, "larger than 256 kB"),
    ],
)
def test_a_file_that_is_no_journey_says_so(data: bytes, message: str) -> None:
    """Empty, foreign and oversized files are one problem each."""
    definition, problems = read_bytes(data, "x.yaml")
    assert definition is None
    assert len(problems) == 1
    assert message in problems[0].message


def test_a_byte_order_mark_does_no_harm() -> None:
    """Editors that begin a file with a mark are forgiven."""
    definition, problems = read_bytes(b"\xef\xbb\xbfstages: [{name: a, touchpoints: {type: b}}]", "x.yaml")
    assert definition is not None
    assert problems == []


def test_loading_raises_all_problems_at_one_door(tmp_path: Path) -> None:
    """A file that is missing or wrong raises JourneyFileError, which names file and place."""
    with pytest.raises(JourneyFileError, match="cannot be opened"):
        load(tmp_path / "missing.yaml")
    (tmp_path / "bad.yaml").write_text("stages: []\norder: up\n")
    with pytest.raises(JourneyFileError, match=r"bad\.yaml:1:9: no stages: .* \(and 1 more\)") as caught:
        load(tmp_path / "bad.yaml")
    assert len(caught.value.problems) == 2


def test_many_series_are_announced() -> None:
    """Segments multiply the series of Prometheus: many are a warning with their number, too many a problem."""
    stages = ", ".join(f"{{name: s{n}, touchpoints: {{type: t{n}}}}}" for n in range(20))
    values = ", ".join(f"v{n}" for n in range(50))
    one = f"stages: [{stages}]\nsegments:\n  a: {{from: context.a, values: [{values}]}}\n"
    definition, problems = read(one, "x")
    assert definition is not None
    assert [(each.line, each.severity) for each in problems] == [(3, "warning")]
    assert "17,068 series" in problems[0].message
    assert [each.severity for each in bad(f"{one}  b: {{from: context.b, values: [{values}]}}\n")] == ["problem"]


ONE = "stages: [{name: a, touchpoints: {type: b}}]"


def test_buckets_are_bounds_from_short_to_long() -> None:
    """Each histogram has its own; time to convert takes those of the stay where it has none."""
    one = read(f"{ONE}\nbuckets: {{stay: [1h, 1d]}}", "x")[0].buckets
    assert (one.stay_ms, one.convert_ms) == ((3_600_000, 86_400_000), (3_600_000, 86_400_000))
    assert read(f"{ONE}\nbuckets: {{convert: 7d}}", "x")[0].buckets == Buckets(convert_ms=(604_800_000,))
    assert read(ONE, "x")[0].buckets == Buckets()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("buckets: {stay: [1d, 1h]}", "stay: 1h is not longer than the one before it"),
        ("buckets: {stay: []}", "stay: no bounds"),
        ("buckets: {stay: [1h, soon]}", "stay: 'soon' is no duration"),
        (f"buckets: {{stay: [{', '.join(f'{n}s' for n in range(1, 33))}]}}", "stay: 32 bounds"),
        ("feedback: {nsp: {type: t}}", "feedback: the scale of 'nsp' is not known"),
        ("feedback: {nps: {score: properties.x}}", "feedback: every touchpoint with a score would answer 'nps'"),
    ],
)
def test_what_buckets_and_feedback_cannot_be(text: str, says: str) -> None:
    """One problem each, at its place."""
    assert [each.message for each in bad(f"{ONE}\n{text}")] == [says]


def test_accounts_have_a_journey_of_their_own() -> None:
    """The journey of accounts is called after its people's unless it has a name."""
    stages = "stages: [{name: start, touchpoints: [{type: signed up}]}]\naccounts: "
    assert good(f"{stages}{{rule: quorum, people: 3}}").accounts == Accounts("retail_accounts", "quorum", 3)
    by_role = good(f"{stages}{{rule: role, role: buyer, from: context.role, journey: firms}}").accounts
    assert by_role == Accounts("firms", "role", 1, "buyer", ("context", "role"))


def test_feedback_is_read() -> None:
    """The rule, and where the score stands."""
    found = read(f"{ONE}\nfeedback: {{ces: {{type: t, score: context.effort}}, nps: {{channel: web}}}}", "x")[0]
    assert found.feedback == (
        Survey("ces", Rule(type="t"), ("context", "effort")),
        Survey("nps", Rule(channel="web")),
    )


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_damage_to_a_file_breaks_the_reader(data: st.DataObject) -> None:
    """A file with any piece cut out or put in is read or refused with places; nothing is raised."""
    start = data.draw(st.integers(0, len(RETAIL)))
    end = data.draw(st.integers(start, min(start + 40, len(RETAIL))))
    piece = data.draw(
        st.one_of(st.text(max_size=8), st.sampled_from(["- ", ": ", "[", "}", "null", "-1d", "\n", "[]", "{}"]))
    )
    definition, problems = read(RETAIL[:start] + piece + RETAIL[end:], "x.yaml")
    assert (definition is None) == any(each.severity == "problem" for each in problems)
    assert all(each.line >= 1 and each.column >= 1 and each.remedy for each in problems)


def test_windows_and_silences_may_last_for_centuries() -> None:
    """A journey of decades is read and folded like any other."""
    text = RETAIL.replace("drops_after: 30d", "drops_after: 9000000d").replace("all: 30d", "all: 20000w")
    definition = good(text)
    assert definition.stages[0].drops_after_ms == 9_000_000 * DAY_MS
    assert definition.funnel.window_ms == 20_000 * 7 * DAY_MS
    journeys = CustomerFold([replace(definition, key=None)])
    change = journeys.fold("c", None, [Touch("c", 1_760_000_000_000, "page", "web", "e", {}, {})], 1_760_000_000_000)
    assert change.due_ms == 1_760_000_000_001 + 9_000_000 * DAY_MS
    assert change.arm_ms is not None
    assert change.arm_ms < 1_760_000_000_000 + 8 * DAY_MS
