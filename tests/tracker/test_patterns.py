import subprocess
import sys
import time

import pytest

from tests.tracker.making import touch
from tracker import patterns
from tracker.journey.conditions import OPERATORS, compile_condition
from tracker.journey.definition import Condition

WITHIN_S = 1.0
SLOW_ELSEWHERE = ["(.?){90}x", "(.*)(.*)x", "(a+)+$", "(a|aa)*b", "a*b*c*d", "(a*)*(a*)*x"]


@pytest.mark.parametrize("pattern", SLOW_ELSEWHERE)
def test_no_pattern_hangs(pattern):
    """What takes Python's own engine for ever is done with 10,000 characters at once."""
    search = patterns.searcher(pattern)
    began = time.monotonic()
    search("a" * 10_000)
    assert time.monotonic() - began < WITHIN_S


@pytest.mark.parametrize("pattern", SLOW_ELSEWHERE)
def test_a_condition_with_such_a_pattern_costs_little(pattern):
    """A touchpoint with a text of the greatest length that is looked at holds nobody up."""
    meets = compile_condition(Condition(("properties", "text"), "matches", pattern))
    began = time.monotonic()
    for _ in range(100):
        meets(touch("a", properties={"text": "a" * 512}))
    assert time.monotonic() - began < WITHIN_S


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a(?=b)", "look-ahead is not supported: (?= at character 2"),
        ("(?!b)", "look-ahead"),
        ("(?<=a)b", "look-behind"),
        ("(?<!a)b", "look-behind"),
        (r"(a)\1", r"a back reference is not supported: \1 at character 4"),
        ("(?P<n>a)(?P=n)", "a back reference"),
        (r"(?<n>a)\k<n>", "a back reference"),
        ("(?>a)", "an atomic group"),
        ("(a)?(?(1)b|c)", "a choice by group"),
        ("a*+", "a possessive repeat"),
        ("a{2}+", "a possessive repeat"),
        ("(?#why)a", "a comment"),
        ("(?x) a", "this flag is not supported: (?x"),
        (r"a\Z", r"this escape is not supported: \Z"),
        (r"\u00e9", r"this escape is not supported: \u"),
        ("a{,3}", "a repeat without its least number"),
    ],
)
def test_syntax_that_is_not_linear_is_named(pattern, found):
    """What other engines take is refused with its name, its place in the pattern and what to write instead."""
    problem = patterns.problem(pattern)
    assert found in problem.message
    assert problem.remedy != patterns.SIMPLER


@pytest.mark.parametrize("pattern", ["(", "[a", "*a", "x" * 300, 7, "a{1001}", "(.{0,50}){0,50}", "a\\", "\ud800"])
def test_a_pattern_that_is_none_is_refused(pattern):
    """Anything else that is wrong has a reason against it too, and searching for it is refused."""
    problem = patterns.problem(pattern)
    assert problem.message
    with pytest.raises(ValueError) as refused:
        patterns.searcher(pattern)
    assert str(refused.value) == problem.message


@pytest.mark.parametrize(
    "pattern",
    [
        "^/pricing", r"\.pdf$", "^(?:de|at|ch)-", "[a-z]+-[0-9]{2,4}$", "colou?r", "(?i)sale", r"[(?=]+", r"\(?=",
        r"^[\pL\pN_]+$", r"[\w.%+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}", "a*b*c*", "(a+)+$", "(?P<page>x)",
        "[{,3}]", r"\\1",
    ],
)  # fmt: skip
def test_an_everyday_pattern_is_accepted(pattern):
    """Repeats may be many and nested, and what only looks like unsupported syntax is taken."""
    assert patterns.problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("b", "abc", True),
        ("B", "abc", False),
        ("(?i)B", "abc", True),
        ("(?i)Ö", "größe", True),
        (r"^\w+$", "größe", False),
        (r"^[\pL\pN_]+$", "größe", True),
        (r"\d", "٣", False),
        (r"\s", "\u00a0", False),
        ("^.$", "é", True),
        ("b$", "ab\n", False),
        ("b\n?$", "ab\n", True),
        ("(?m)a$", "a\nb", True),
        (".", "\n", False),
        ("(?s).", "\n", True),
        (r"\x{e9}", "é", True),
        ("x", "\ud800x", True),
    ],
)
def test_what_a_pattern_means(pattern, text, fits):
    """A part that fits is enough; case counts; classes know ASCII; `$` is the very end; no text raises."""
    assert OPERATORS["matches"](pattern)(text) is fits


def test_a_refusal_writes_nothing():
    """The engine's own log of bad patterns stays off standard error."""
    words = "from tracker import patterns; patterns.problem('('); patterns.problem('(.{0,50}){0,50}')"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
